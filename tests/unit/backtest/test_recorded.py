"""What an account's own runs saw becomes a history: joined where days agree, and cut where they cannot be."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from app.backtest.history import Adjustment, History
from app.backtest.recorded import history_of
from app.backtest.sources import history_named
from app.desk.records import RunKey, RunStatus
from app.domain.errors import UsageError
from app.domain.instrument import Instrument
from app.domain.market import Market, PriceSeries, VixReading
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from app.market.calendar import ExchangeCalendar
from tests.support.kept_days import FIRST, kept_days
from tests.support.sample import prices
from tests.unit.ledger.builders import AT, REPORT, claimed

DAYS = ExchangeCalendar().sessions()[7000:7030]
APPLE, INDEX = 265598, 416904
SOURCE = "ibkr"


def market(
    at: int, closes: Mapping[int, Iterable[float]], first: int = 0, source: str = SOURCE, index: int | None = None
) -> Market:
    """Of the session `at`; `closes` of those before it, from the row `first` on."""
    session = ExchangeCalendar().session_on(DAYS[at])
    assert session is not None
    series = {
        conid: PriceSeries(conid, DAYS[first:at], np.array(list(told)), source, session.opens)
        for conid, told in closes.items()
    }
    return Market(
        as_of=session.opens,
        session=session,
        instruments={conid: Instrument(conid, f"N{conid}", "USD") for conid in closes if conid != index},
        quotes={},
        history={conid: one for conid, one in series.items() if conid != index},
        index=None if index is None else series[index],
        vix=VixReading(20.0 + at, DAYS[at], source),
    )


def made(*markets: Market) -> History:
    found = history_of(reversed(markets), "recorded")
    assert found is not None
    return found


def note(history: History, words: str) -> str:
    (found,) = [each for each in history.notes if words in each]
    return found


def test_days_that_agree_are_joined_to_the_left_of_what_the_newest_has() -> None:
    found = made(
        market(5, {APPLE: [10, 11, 12, 13, 14]}),
        market(6, {APPLE: [12, 13, 14, 15]}, first=2),
        market(8, {APPLE: [14, 15, 16, 17]}, first=4),
    )
    assert found.closes[:, 0].tolist() == [10, 11, 12, 13, 14, 15, 16, 17]
    assert found.dates == DAYS[:8]
    assert found.adjustment is Adjustment.SPLIT
    assert found.source == SOURCE
    assert not [each for each in found.notes if "revised" in each]
    assert "it is what 3 runs of the account kept; the newest run's own session has no close yet" in found.notes


def test_of_closes_that_were_revised_the_newest_is_taken_and_they_are_counted() -> None:
    found = made(
        market(5, {APPLE: [10, 11, 12, 13, 14]}),
        market(6, {APPLE: [10, 11.5, 12, 13, 14.5, 15]}),
    )
    assert found.closes[:, 0].tolist() == [10, 11.5, 12, 13, 14.5, 15]
    assert note(found, "revised").startswith("2 closes were revised")


def test_what_came_before_a_split_is_left_out_where_it_cannot_be_joined() -> None:
    before = market(5, {APPLE: [40, 44, 48, 52, 56]})
    after = market(7, {APPLE: [12, 13, 14, 15, 16]}, first=2)
    found = made(before, after)
    assert found.closes[:, 0].tolist() == [12, 13, 14, 15, 16]
    assert found.dates == DAYS[2:7]
    assert note(found, "left out").startswith("2 closes are left out")


def test_a_name_that_came_later_has_no_price_before_and_one_that_went_none_after() -> None:
    found = made(market(3, {1: [10, 11, 12]}), market(4, {2: [20, 21]}, first=2))
    np.testing.assert_array_equal(found.closes, [[10, np.nan], [11, np.nan], [12, 20], [np.nan, 21]])


def test_the_index_and_the_volatility_index_come_along_and_are_not_traded() -> None:
    found = made(
        market(3, {APPLE: [10, 11, 12], INDEX: [100, 101, 102]}, index=INDEX),
        market(4, {APPLE: [10, 11, 12, 13], INDEX: [100, 101, 102, 103]}, index=INDEX),
    )
    assert [one.conid for one in found.instruments] == [APPLE]
    assert found.index is not None
    assert found.index.tolist() == [100, 101, 102, 103]
    assert found.vix is not None
    np.testing.assert_array_equal(found.vix, [np.nan, np.nan, np.nan, 23])


def test_an_index_with_a_hole_is_none() -> None:
    found = made(market(3, {APPLE: [10, 11, 12]}), market(4, {APPLE: [11, 12, 13], INDEX: [1, 2, 3]}, 1, index=INDEX))
    assert found.index is None
    assert note(found, "its index does not cover every session")


def test_prices_adjusted_differently_are_not_one_history() -> None:
    with pytest.raises(UsageError, match="several sources: ibkr, simulator:sample"):
        made(market(3, {1: [1, 2, 3]}), market(3, {2: [1, 2, 3]}, source="simulator:sample"))
    assert made(market(3, {1: [1, 2, 3]}, source="simulator:sample")).adjustment is Adjustment.TOTAL


def test_days_without_prices_are_no_history() -> None:
    assert history_of([], "recorded") is None
    assert history_of([market(3, {})], "recorded") is None


def keep_days(ledger: SqlLedger, sessions: int, book: str = "DU1234567") -> None:
    at = prices().dates.index(FIRST)
    for n, kept in enumerate(kept_days("default_policy", sessions)):
        key = RunKey(book, book, prices().dates[at + n], "daily", dry_run=True)
        ledger.close(claimed(ledger, key), RunStatus.DRY_RUN, REPORT, [], AT, inputs=kept)


@pytest.mark.real_prices
def test_a_ledgers_days_are_the_prices_that_they_were_decided_on(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/portfolio.db")
    keep_days(ledger, 4)
    ledger.dispose()
    found = history_named("recorded", tmp_path)
    sample = prices()
    end = sample.dates.index(FIRST) + 3
    first = end - len(found.dates)
    assert found.dates == sample.dates[first:end]
    assert len(found.dates) == 520 + 3
    columns = [sample.symbols.index(one.symbol) for one in found.instruments]
    np.testing.assert_array_equal(found.closes, sample.closes[first:end, columns])
    assert found.index is not None
    np.testing.assert_array_equal(found.index, sample.index[first:end])
    assert history_named("recorded:DU1234567", tmp_path).digest == found.digest


@pytest.mark.real_prices
def test_of_several_books_one_must_be_named(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/portfolio.db")
    keep_days(ledger, 1)
    keep_days(ledger, 1, "DU7654321")
    ledger.dispose()
    with pytest.raises(UsageError, match=r"Name one: recorded:DU7654321, recorded:DU1234567"):
        history_named("recorded", tmp_path)
    with pytest.raises(UsageError, match="the ledger holds no run of such a book"):
        history_named("recorded:DU0", tmp_path)


def test_where_nothing_was_kept_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no ledger that kept anything"):
        history_named("recorded", tmp_path)
    ledger = open_ledger(f"sqlite:///{tmp_path}/portfolio.db")
    key = RunKey("DU1", "DU1", date(2020, 1, 2), "daily", dry_run=True)
    ledger.close(claimed(ledger, key), RunStatus.DRY_RUN, REPORT, [], AT)
    ledger.dispose()
    with pytest.raises(UsageError, match="no run of that book kept what it decided on"):
        history_named("recorded", tmp_path)
