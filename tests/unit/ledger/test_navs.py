from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.desk.records import RunStatus
from app.domain.errors import LedgerError
from app.domain.navs import NavKind, NavPoint
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import AT, BOOK, KEY, REPORT, TODAY, claimed, point

TOMORROW = TODAY + timedelta(days=1)
YESTERDAY = TODAY - timedelta(days=1)


def test_a_point_is_read_back_as_it_was_written(ledger: SqlLedger) -> None:
    written = NavPoint(TODAY, NavKind.RUN, Decimal("1000000.10"), index=0.1 + 0.2, peak=1 / 3)
    ledger.add_navs(BOOK, [written])
    assert ledger.navs(BOOK) == (written,)
    assert ledger.navs("DU200") == ()


def test_the_brokers_history_goes_in_at_once_in_order(ledger: SqlLedger) -> None:
    history = [point(TODAY + timedelta(days=day), NavKind.BROKER, str(1000 + day)) for day in range(5)]
    ledger.add_navs(BOOK, history)
    assert ledger.navs(BOOK) == tuple(history)


def test_a_history_out_of_order_is_refused_whole(ledger: SqlLedger) -> None:
    with pytest.raises(LedgerError, match=f"{TODAY}.*{TOMORROW}"):
        ledger.add_navs(BOOK, [point(TOMORROW, NavKind.BROKER), point(TODAY, NavKind.BROKER)])
    assert ledger.navs(BOOK) == ()


@pytest.mark.parametrize("kind", list(NavKind))
def test_a_point_that_goes_back_in_time_is_refused_naming_both_dates(ledger: SqlLedger, kind: NavKind) -> None:
    ledger.add_navs(BOOK, [point(TODAY)])
    with pytest.raises(LedgerError, match=f"{YESTERDAY}.*{TODAY}"):
        ledger.add_navs(BOOK, [point(YESTERDAY, kind)])
    ledger.add_navs("DU200", [point(YESTERDAY, kind)])


def test_a_newer_run_point_replaces_the_sessions_and_the_close_follows_it(ledger: SqlLedger) -> None:
    ledger.add_navs(BOOK, [point(nav="1000")])
    ledger.add_navs(BOOK, [point(nav="1010")])
    ledger.add_navs(BOOK, [point(kind=NavKind.CLOSE, nav="1020")])
    assert ledger.navs(BOOK) == (point(nav="1010"), point(kind=NavKind.CLOSE, nav="1020"))


def test_the_brokers_point_of_the_session_stays_beside_the_runs(ledger: SqlLedger) -> None:
    seeded = point(kind=NavKind.BROKER, nav="990")
    ledger.add_navs(BOOK, [seeded, point(nav="1000")])
    ledger.add_navs(BOOK, [point(nav="1010")])
    assert ledger.navs(BOOK) == (seeded, point(nav="1010"))
    assert ledger.verify().ok


@pytest.mark.parametrize("kind", list(NavKind))
def test_nothing_of_a_session_follows_its_close(ledger: SqlLedger, kind: NavKind) -> None:
    ledger.add_navs(BOOK, [point(kind=NavKind.CLOSE)])
    with pytest.raises(LedgerError, match="cannot follow the close point"):
        ledger.add_navs(BOOK, [point(kind=kind)])


@pytest.mark.parametrize("field", ["index", "peak"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_point_without_a_finite_index_and_peak_is_refused(ledger: SqlLedger, field: str, value: float) -> None:
    broken = replace(point(), index=value) if field == "index" else replace(point(), peak=value)
    with pytest.raises(LedgerError, match="index"):
        ledger.add_navs(BOOK, [broken])


def test_a_point_without_a_finite_value_is_refused_in_plain_words(ledger: SqlLedger) -> None:
    with pytest.raises(LedgerError, match="NaN is not an amount"):
        ledger.add_navs(BOOK, [replace(point(), nav=Decimal("NaN"))])


def test_a_run_whose_nav_goes_back_in_time_is_not_closed(ledger: SqlLedger) -> None:
    ledger.add_navs(BOOK, [point(TOMORROW)])
    claim = claimed(ledger)
    with pytest.raises(LedgerError, match="state directory of their own"):
        ledger.close(claim, RunStatus.DONE, REPORT, [], AT, point())
    ledger.close(claim, RunStatus.DONE, REPORT, [], AT)


def test_a_closed_runs_nav_is_in_the_history(ledger: SqlLedger) -> None:
    ledger.close(claimed(ledger), RunStatus.DONE, REPORT, [], AT, point())
    ledger.close(claimed(ledger, replace(KEY, slot="close")), RunStatus.DONE, REPORT, [], AT, point(kind=NavKind.CLOSE))
    assert [each.kind for each in ledger.navs(BOOK)] == [NavKind.RUN, NavKind.CLOSE]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offered=st.lists(
        st.tuples(st.dates(date(2022, 3, 1), date(2022, 3, 4)), st.sampled_from(NavKind), st.integers(1, 9)),
        max_size=12,
    )
)
def test_whatever_is_offered_the_history_only_goes_forward(
    ledger: SqlLedger, offered: list[tuple[date, NavKind, int]]
) -> None:
    order = {NavKind.BROKER: 0, NavKind.RUN: 1, NavKind.CLOSE: 2}
    expected: dict[tuple[date, int], NavPoint] = {}
    # One ledger for all examples, and a book for each.
    book = uuid4().hex
    for day, kind, nav in offered:
        rank = (day, order[kind])
        newest = max(expected, default=None)
        forward = newest is None or rank > newest or (rank == newest and kind is NavKind.RUN)
        each = point(day, kind, str(nav))
        if forward:
            ledger.add_navs(book, [each])
            expected[rank] = each
        else:
            with pytest.raises(LedgerError):
                ledger.add_navs(book, [each])
    assert ledger.navs(book) == tuple(expected.values())
