"""Markets that are drawn by a seed: what they do is what they say, and nobody takes them for real prices."""

from pathlib import Path

import numpy as np
import pytest

from app.backtest.reader import realised
from app.backtest.sources import history_named
from app.backtest.synthetic.draw import draw
from app.backtest.synthetic.markets import CALM, MARKETS
from app.backtest.synthetic.names import FUNDS, NAMES, STOCKS
from app.domain.errors import UsageError
from app.market.sectors import sector_of

NOWHERE = Path("/nowhere")


@pytest.mark.parametrize("name", MARKETS)
def test_the_index_does_in_each_phase_what_the_market_says(name: str) -> None:
    found, day = draw(name, 3), 0
    assert found.index is not None
    for phase in MARKETS[name].phases:
        change = found.index[day + phase.sessions] / found.index[day] - 1
        assert change == pytest.approx(phase.change, abs=1e-9)
        moves = np.diff(np.log(found.index[day : day + phase.sessions + 1]))
        # Student's tails in a few dozen sessions.
        assert float(moves.std() * np.sqrt(252)) == pytest.approx(phase.volatility, rel=0.6)
        day += phase.sessions
    assert day == len(found.dates) - 1


def test_a_seed_draws_the_same_market_again_and_another_seed_another() -> None:
    assert draw("v", 3).digest == draw("v", 3).digest
    assert draw("v", 3).digest != draw("v", 4).digest


def test_a_name_is_drawn_alike_whatever_else_is_asked_for() -> None:
    whole, some = draw("stairs", 5, NAMES["all"]), draw("stairs", 5, (FUNDS[3], STOCKS[7]))
    for column, symbol in enumerate((FUNDS[3].symbol, STOCKS[7].symbol)):
        assert (whole.closes[:, whole.column(symbol)] == some.closes[:, column]).all()


def test_the_volatility_index_lies_four_points_above_what_was_realised() -> None:
    found = draw("dead_cat", 1)
    assert found.index is not None
    assert found.vix is not None
    known = ~np.isnan(found.vix)
    assert known[21:].all()
    assert found.vix[known] == pytest.approx(realised(found.index)[known] + 4)


def test_one_stock_collapses_and_the_others_do_not() -> None:
    for seed in range(8):
        closes = draw("collapse", seed).closes
        worst = (closes[1:] / closes[:-1] - 1).min(axis=0)
        fallen = np.flatnonzero(worst < -0.5)
        assert len(fallen) == 1
        day = int(np.argmin(closes[1:, fallen[0]] / closes[:-1, fallen[0]]))
        assert day >= CALM.sessions
        assert closes[day + 1, fallen[0]] / closes[day, fallen[0]] - 1 == pytest.approx(-0.55, abs=0.01)
        slide = closes[day + 1 + 126, fallen[0]] / closes[day + 1, fallen[0]] - 1
        assert slide == pytest.approx(-0.8, abs=0.02)


def test_funds_move_with_the_market_against_it_and_alone() -> None:
    found = draw("volatile_bull", 2, NAMES["all"])
    assert found.index is not None
    market = np.diff(np.log(found.index))
    moves = {one.symbol: np.diff(np.log(found.closes[:, n])) for n, one in enumerate(found.instruments)}

    def along(symbol: str) -> float:
        return float(np.corrcoef(moves[symbol], market)[0, 1])

    assert along("VTI") > 0.95
    assert along("VEA") > 0.8
    assert abs(along("GLD")) < 0.2
    assert along("TLT") < -0.2
    assert float(moves["BND"].std()) < float(moves["VTI"].std()) / 3


def test_stocks_have_the_sectors_that_the_program_knows() -> None:
    assert len(STOCKS) == 20
    assert all(one.sector == sector_of(one.symbol) for one in STOCKS)


@pytest.mark.real_prices
def test_the_sample_in_another_order_keeps_what_happened_together_and_whose_drift_it_was_is_gone() -> None:
    found, again = history_named("synthetic:resampled:3", NOWHERE), history_named("synthetic:resampled:3", NOWHERE)
    assert found.digest == again.digest
    assert found.digest != history_named("synthetic:resampled:4", NOWHERE).digest
    assert len(found.dates) == 252 + 23 * 252 + 1
    assert found.index is not None
    moves = np.diff(np.log(np.column_stack((found.closes, found.index))), axis=0)
    sample = history_named("sample", NOWHERE)
    assert sample.index is not None
    past = np.diff(np.log(np.column_stack((sample.closes, sample.index))), axis=0)
    past += np.log1p(0.08) / 252 - past.mean(axis=0)
    # The first block of moves stands somewhere in the past, whole.
    row = int(np.argmin(np.abs(past[:, -1] - moves[0, -1])))
    assert moves[:250, -1] == pytest.approx(past[row : row + 250, -1], abs=1e-12)
    assert moves[:250, :20] == pytest.approx(past[row : row + 250, :20], abs=0.02)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("synthetic:slow_bare", "Did you mean slow_bear"),
        ("synthetic", "They are slow_bear"),
        ("synthetic:v:x", "Write it as synthetic:MARKET"),
        ("synthetic:v:1:bonds", "Write it as"),
        ("synthetic:v:1:funds:2", "Write it as"),
        ("synthetic:resampled:1:funds", "has no funds"),
    ],
)
def test_what_is_no_market_is_told_in_a_line(name: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        history_named(name, NOWHERE)
    assert said in str(refused.value)


def test_a_market_is_named_as_it_was_asked_for() -> None:
    assert history_named("synthetic:v", NOWHERE).digest == history_named("synthetic:v:0:stocks", NOWHERE).digest
    assert {one.symbol for one in history_named("synthetic:v:1:funds", NOWHERE).instruments} == {
        one.symbol for one in FUNDS
    }
