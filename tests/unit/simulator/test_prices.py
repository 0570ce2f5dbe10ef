"""The price histories: the sample as it was published, and the stand-in."""

import gzip
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from api_gateway.simulator.errors import StartError
from api_gateway.simulator.exchange.contracts import STOCKS
from api_gateway.simulator.exchange.prices import PriceHistory, load_history, read_sample
from api_gateway.simulator.exchange.synthetic import exchange_sessions, regime_path, synthetic_history
from tests.unit.simulator.worlds import history_of, require_sample, wavy_closes


def _write(path: Path, header: str, *rows: str) -> Path:
    path.write_bytes(gzip.compress("\n".join([header, *rows]).encode()))
    return path


def test_a_price_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    stocks = _write(tmp_path / "s.gz", "Date,AAPL,GE", "2020-01-02,1.5,2.25", "2020-01-03,1.6,2.125")
    index = _write(tmp_path / "i.gz", "Date,SP500", "2020-01-02,100", "2020-01-03,101")
    history = read_sample(stocks, index)
    assert history.symbols == ("AAPL", "GE")
    assert history.of("GE").tolist() == [2.25, 2.125]
    assert history.index.tolist() == [100, 101]
    assert history.origin == "sample"


def test_stock_and_index_files_of_different_days_refuse_the_start(tmp_path: Path) -> None:
    stocks = _write(tmp_path / "s.gz", "Date,AAPL", "2020-01-02,1.5")
    index = _write(tmp_path / "i.gz", "Date,SP500", "2020-01-03,100")
    with pytest.raises(StartError, match="different sessions"):
        read_sample(stocks, index)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_a_close_that_is_no_price_is_refused(bad: float) -> None:
    closes = wavy_closes(5)
    closes[2] = bad
    with pytest.raises(ValueError, match="positive"):
        history_of(closes)


def test_closes_cannot_be_changed_afterwards() -> None:
    history = history_of(wavy_closes(5))
    with pytest.raises(ValueError, match="read-only"):
        history.closes[0, 0] = 1.0


def test_a_day_without_a_session_has_no_position() -> None:
    history = history_of(wavy_closes(5))
    assert history.position_of(history.sessions[3]) == 3
    assert history.position_of(date(2010, 1, 9)) is None
    assert history.position_of(date(2031, 1, 1)) is None


@pytest.mark.real_prices
def test_the_sample_has_its_published_span() -> None:
    require_sample()
    history = load_history("auto", 7)
    assert history.origin == "sample"
    assert (history.sessions[0], history.sessions[-1], len(history.sessions)) == (
        date(1990, 1, 2),
        date(2022, 12, 28),
        8313,
    )
    assert set(history.symbols) == {stock.symbol for stock in STOCKS}
    assert history.of("AAPL")[-1] == 125.674


@pytest.mark.real_prices
def test_the_sample_lists_the_sessions_the_exchange_calendar_knows() -> None:
    require_sample()
    assert load_history("auto", 7).sessions == exchange_sessions()


def _synthetic(seed: int) -> PriceHistory:
    return synthetic_history(seed)


def test_the_stand_in_depends_on_its_seed_alone() -> None:
    first, again, other = _synthetic(7), _synthetic(7), _synthetic(8)
    assert np.array_equal(first.closes, again.closes)
    assert np.array_equal(first.index, again.index)
    assert not np.array_equal(first.closes, other.closes)


def test_the_stand_in_says_that_it_is_synthetic_and_has_the_same_names() -> None:
    history = load_history("synthetic", 7)
    assert history.origin == "synthetic"
    assert history.symbols == tuple(stock.symbol for stock in STOCKS)


def test_the_stand_in_has_fat_tails_crashes_and_a_common_factor() -> None:
    history = _synthetic(7)
    market = np.diff(np.log(history.index))
    kurtosis = float(((market - market.mean()) ** 4).mean() / market.var() ** 2)
    assert kurtosis > 5
    assert market.min() < -0.05
    moves = np.diff(np.log(history.closes), axis=0)
    correlations = np.corrcoef(moves.T)[np.triu_indices(moves.shape[1], 1)]
    assert 0.1 < correlations.mean() < 0.9


def test_regimes_last_for_weeks_and_all_three_occur() -> None:
    regimes = regime_path(np.random.default_rng(7), 8000)
    assert set(regimes.tolist()) == {0, 1, 2}
    changes = int((np.diff(regimes) != 0).sum())
    assert 20 < 8000 / changes < 200
