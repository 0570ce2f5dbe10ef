"""Kill levels, flows and quarantines: set for a reason, on record, and lowered by people but for one exception."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.desk.records import Control, Flow, Quarantine, RunMemory, RunStatus
from app.domain.errors import LedgerError
from app.domain.order import OrderState
from app.domain.ruling import Cause, KillLevel
from app.engine.memory import EvaluationRecord, Resumed
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import AT, BOOK, KEY, TODAY, claimed, intent, planned, rows, sent

LEVELS = list(KillLevel)
TOMORROW = TODAY + timedelta(days=1)
RISK = Cause("var_95_1d", TODAY, 0.031, 0.03)
LOSS = Cause("daily_loss", TODAY, 0.05, 0.03)
LATER = AT + timedelta(minutes=1)
NAME = Quarantine(9, "SPLT", "price halved overnight", TODAY)


def _levels_told(ledger_url: str) -> list[tuple[str, str]]:
    query = "SELECT book, kind FROM events WHERE kind LIKE 'level%%' ORDER BY book, seq"
    return [(book, kind) for book, kind in rows(ledger_url, query)]


def test_a_book_trades_until_somebody_says_otherwise(ledger: SqlLedger) -> None:
    control = ledger.level(BOOK)
    assert (control.level, control.actor, control.at) == (KillLevel.ACTIVE, "", None)


@pytest.mark.parametrize(("own", "for_all"), list(product(LEVELS, LEVELS)))
def test_the_stricter_of_the_books_level_and_that_of_all_is_in_force(
    ledger: SqlLedger, own: KillLevel, for_all: KillLevel
) -> None:
    ledger.set_level(BOOK, own, "own", "one", AT)
    ledger.set_level(None, for_all, "all", "two", AT)
    assert ledger.level(BOOK).level is LEVELS[max(LEVELS.index(own), LEVELS.index(for_all))]
    assert ledger.level("DU200").level is for_all
    assert ledger.verify().ok


@pytest.mark.parametrize(("before", "wanted"), list(product(LEVELS, LEVELS)))
def test_an_alarm_only_tightens(ledger: SqlLedger, ledger_url: str, before: KillLevel, wanted: KillLevel) -> None:
    ledger.set_level(BOOK, before, "set", "a person", AT)
    control = ledger.tighten(BOOK, wanted, "drawdown", AT + timedelta(minutes=1))
    raised = LEVELS.index(wanted) > LEVELS.index(before)
    assert control == ledger.level(BOOK)
    assert (control.level, control.reason) == ((wanted, "drawdown") if raised else (before, "set"))
    assert ((BOOK, "level_raised") in _levels_told(ledger_url)) is raised
    assert ledger.verify().ok


def test_an_alarm_under_a_stricter_level_of_all_is_kept_for_when_that_is_lowered(ledger: SqlLedger) -> None:
    ledger.set_level(None, KillLevel.HALTED, "all", "a person", AT)
    assert ledger.tighten(BOOK, KillLevel.REDUCING, "drawdown", AT).level is KillLevel.HALTED
    ledger.set_level(None, KillLevel.ACTIVE, "fine", "a person", AT)
    assert (ledger.level(BOOK).level, ledger.level("DU200").level) == (KillLevel.REDUCING, KillLevel.ACTIVE)


def test_alarms_at_once_leave_the_strictest(ledger: SqlLedger) -> None:
    wanted = [KillLevel.REDUCING, KillLevel.HALTED] * 8
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda level: ledger.tighten(BOOK, level, "alarm", AT), wanted))
    assert ledger.level(BOOK).level is KillLevel.HALTED
    assert ledger.verify().ok


def test_a_person_lowers_the_level_and_is_on_record(ledger: SqlLedger, ledger_url: str) -> None:
    ledger.tighten(BOOK, KillLevel.HALTED, "a stranger's order", AT)
    control = ledger.set_level(BOOK, KillLevel.ACTIVE, "looked at it", "ana", AT)
    assert (control.level, control.reason, control.actor, control.at) == (
        KillLevel.ACTIVE,
        "looked at it",
        "ana",
        AT,
    )
    assert _levels_told(ledger_url) == [(BOOK, "level_raised"), (BOOK, "level_set")]


def test_a_level_that_metrics_raised_comes_down_and_is_on_record(ledger: SqlLedger, ledger_url: str) -> None:
    raised = ledger.tighten(BOOK, KillLevel.REDUCING, "at risk", AT, [RISK])
    assert raised.causes == (RISK,)
    assert ledger.oversight(BOOK).control == raised == ledger.level(BOOK)
    held = ledger.tighten(BOOK, KillLevel.REDUCING, "and lost", LATER, [RISK, LOSS])
    assert held.causes == (RISK, LOSS)
    # By what it was seen as before.
    assert ledger.ease(BOOK, raised, "inside again", LATER) == held
    eased = ledger.ease(BOOK, held, "inside again", LATER)
    assert (eased.level, eased.reason, eased.actor, eased.causes) == (
        KillLevel.ACTIVE, "inside again", "automatic", (),
    )  # fmt: skip
    assert _levels_told(ledger_url) == [(BOOK, "level_raised"), (BOOK, "level_raised"), (BOOK, "level_lowered")]
    assert ledger.verify().ok
    with pytest.raises(LedgerError, match="without a reason"):
        ledger.ease(BOOK, held, " ", AT)


@pytest.mark.parametrize("level", [KillLevel.REDUCING, KillLevel.HALTED])
def test_a_level_that_no_metric_raised_is_not_lowered_by_itself(ledger: SqlLedger, level: KillLevel) -> None:
    alarm = ledger.tighten(BOOK, level, "a stranger's order", AT)
    assert ledger.ease(BOOK, alarm, "inside again", LATER) == alarm
    by_person = ledger.set_level(BOOK, level, "careful", "ana", AT)
    assert ledger.ease(BOOK, by_person, "inside again", LATER) == by_person
    # Nor do metrics take over what others hold.
    assert ledger.tighten(BOOK, KillLevel.REDUCING, "at risk", LATER, [RISK]) == by_person


@pytest.mark.parametrize("where", [BOOK, None])
@pytest.mark.parametrize("level", [KillLevel.REDUCING, KillLevel.HALTED])
def test_what_a_person_sets_over_what_metrics_raised_stays(
    ledger: SqlLedger, where: str | None, level: KillLevel
) -> None:
    raised = ledger.tighten(BOOK, KillLevel.REDUCING, "at risk", AT, [RISK])
    ledger.set_level(where, level, "careful", "ana", LATER)
    for seen in (raised, ledger.level(BOOK)):
        assert ledger.ease(BOOK, seen, "inside again", LATER).level is level
    assert ledger.level(BOOK).actor == "ana"
    assert ledger.verify().ok


def test_an_alarm_over_what_metrics_raised_stays(ledger: SqlLedger) -> None:
    raised = ledger.tighten(BOOK, KillLevel.REDUCING, "at risk", AT, [RISK])
    halted = ledger.tighten(BOOK, KillLevel.HALTED, "a stranger's order", LATER)
    assert halted.causes == ()
    assert ledger.ease(BOOK, raised, "inside again", LATER) == halted == ledger.ease(BOOK, halted, "inside", LATER)


SETTERS = ("ease", "halt", "halt all", "reduce", "alarm", "hold")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(SETTERS), min_size=1, max_size=6))
def test_whatever_comes_between_a_look_and_its_lowering_stays(ledger: SqlLedger, between: list[str]) -> None:
    ledger.set_level(None, KillLevel.ACTIVE, "begin", "ana", AT)
    ledger.set_level(BOOK, KillLevel.ACTIVE, "begin", "ana", AT)
    seen = ledger.tighten(BOOK, KillLevel.REDUCING, "at risk", AT, [RISK])
    for n, what in enumerate(between):
        at = AT + timedelta(minutes=n + 1)
        if what == "ease":
            ledger.ease(BOOK, seen, "inside again", at)
        elif what == "hold":
            ledger.tighten(BOOK, KillLevel.REDUCING, "and lost", at, [RISK, LOSS])
        elif what == "alarm":
            ledger.tighten(BOOK, KillLevel.HALTED, "a stranger's order", at)
        else:
            wanted = KillLevel.REDUCING if what == "reduce" else KillLevel.HALTED
            ledger.set_level(None if what == "halt all" else BOOK, wanted, what, "ana", at)
    found = ledger.ease(BOOK, seen, "inside again", AT + timedelta(hours=1))
    by_others = {"halt", "halt all", "reduce", "alarm"} & set(between)
    assert (found.level is not KillLevel.ACTIVE) == bool(by_others or ("hold" in between and "ease" not in between))
    if {"halt all"} & set(between):
        assert found.level is KillLevel.HALTED


def test_a_lowering_and_a_halt_at_once_leave_the_halt(ledger: SqlLedger) -> None:
    for _ in range(5):
        ledger.set_level(BOOK, KillLevel.ACTIVE, "again", "ana", AT)
        seen = ledger.tighten(BOOK, KillLevel.REDUCING, "at risk", AT, [RISK])

        def halt() -> object:
            return ledger.set_level(BOOK, KillLevel.HALTED, "stop", "ana", LATER)

        def ease(seen: Control = seen) -> object:
            return ledger.ease(BOOK, seen, "inside again", LATER)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda act: act(), [ease, ease, halt, ease, ease]))
        assert (ledger.level(BOOK).level, ledger.level(BOOK).actor) == (KillLevel.HALTED, "ana")
    assert ledger.verify().ok


@pytest.mark.parametrize("where", [BOOK, None])
def test_a_person_who_resumes_has_seen_what_was_measured_last(ledger: SqlLedger, where: str | None) -> None:
    def known(session_date: date) -> Resumed | None:
        return ledger.account_record(BOOK, session_date, ()).resumed

    ledger.set_level(where, KillLevel.ACTIVE, "nothing to see yet", "ana", AT)
    assert known(TOMORROW) is None
    for day, over in ((TODAY, {"var_95_1d": 0.031}), (TOMORROW, None)):
        left = RunMemory(evaluation=EvaluationRecord({}, {}, None, over=over))
        ledger.close(claimed(ledger, replace(KEY, session_date=day)), RunStatus.DONE, {}, [], AT, memory=left)
        ledger.close(claimed(ledger, replace(KEY, session_date=day, slot="manual")), RunStatus.DONE, {}, [], AT)
        # Neither a halt nor another account's resume tells that he saw it.
        ledger.set_level(where, KillLevel.HALTED, "careful", "ana", AT)
        ledger.set_level("DU200", KillLevel.ACTIVE, "looked", "ana", AT)
        assert known(TOMORROW) == (None if day == TODAY else Resumed(TODAY, {"var_95_1d": 0.031}))
        ledger.set_level(where, KillLevel.ACTIVE, "looked", "ana", AT)
        assert known(TOMORROW) == Resumed(day, over or {})
    assert ledger.verify().ok


def test_the_level_of_all_books_has_a_chain_of_its_own(ledger: SqlLedger, ledger_url: str) -> None:
    ledger.set_level(None, KillLevel.HALTED, "why", "ana", AT)
    assert _levels_told(ledger_url) == [("*", "level_set")]


@pytest.mark.parametrize(("reason", "actor"), [("", "ana"), (" ", "ana"), ("why", ""), ("why", " ")])
def test_nothing_is_set_without_a_reason_and_a_name(ledger: SqlLedger, reason: str, actor: str) -> None:
    with pytest.raises(LedgerError, match="without"):
        ledger.set_level(BOOK, KillLevel.HALTED, reason, actor, AT)
    assert ledger.level(BOOK).at is None
    ledger.quarantine(BOOK, NAME, AT)
    with pytest.raises(LedgerError, match="without"):
        ledger.release(BOOK, NAME.conid, reason, actor, AT)
    assert ledger.quarantined(BOOK) == (NAME,)
    with pytest.raises(LedgerError, match="without a reason"):
        ledger.tighten(BOOK, KillLevel.HALTED, " ", AT)


def test_runs_since_a_review_are_those_that_sent_orders(ledger: SqlLedger) -> None:
    assert ledger.oversight(BOOK).runs_since_review == 0
    for day, sends in enumerate([True, True, False]):
        key = replace(KEY, session_date=TODAY + timedelta(days=day))
        order = intent(1, key=key)
        claim = planned(ledger, [order], key)
        if sends:
            sent(ledger, claim, order)
            ledger.settle(claim, order.coid, OrderState.REJECTED, AT)
        else:
            ledger.settle(claim, order.coid, OrderState.NOT_SENT, AT)
        ledger.close(claim, RunStatus.DONE, {}, [], AT)
    assert (ledger.oversight(BOOK).runs_since_review, ledger.oversight("DU200").runs_since_review) == (2, 0)
    # An alarm is no review.
    ledger.tighten(BOOK, KillLevel.REDUCING, "two runs", AT)
    assert ledger.oversight(BOOK).runs_since_review == 2


@pytest.mark.parametrize("where", [BOOK, None])
def test_a_person_who_sets_the_level_has_reviewed_the_runs_before(ledger: SqlLedger, where: str | None) -> None:
    order = intent()
    claim = planned(ledger, [order])
    sent(ledger, claim, order)
    ledger.close(claim, RunStatus.HALTED, {}, [], AT)
    ledger.set_level(where, KillLevel.ACTIVE, "looked", "ana", AT)
    assert ledger.oversight(BOOK).runs_since_review == 0
    key = replace(KEY, slot="manual")
    later = intent(key=key)
    sent(ledger, planned(ledger, [later], key), later)
    assert ledger.oversight(BOOK).runs_since_review == 1
    ledger.set_level("DU200", KillLevel.ACTIVE, "looked", "ana", AT)
    assert ledger.oversight(BOOK).runs_since_review == 1


def test_flows_are_read_back_by_session_and_within_one_as_they_came(ledger: SqlLedger) -> None:
    late = Flow(TODAY + timedelta(days=1), Decimal("-250.10"), "fees", "ana")
    first, second = Flow(TODAY, Decimal(1000), "salary", "ana"), Flow(TODAY, Decimal(1000), "salary", "ana")
    for flow in (late, first, second):
        ledger.add_flow(BOOK, flow, AT)
    assert ledger.flows(BOOK) == (first, second, late)
    assert ledger.flows("DU200") == ()
    assert ledger.verify().ok


@pytest.mark.parametrize(
    "flow",
    [
        Flow(TODAY, Decimal(0), "nothing", "ana"),
        Flow(TODAY, Decimal("NaN"), "unknown", "ana"),
        Flow(TODAY, Decimal(1), " ", "ana"),
        Flow(TODAY, Decimal(1), "salary", ""),
    ],
)
def test_a_flow_needs_an_amount_a_note_and_a_name(ledger: SqlLedger, flow: Flow) -> None:
    with pytest.raises(LedgerError):
        ledger.add_flow(BOOK, flow, AT)
    assert ledger.flows(BOOK) == ()


def test_a_name_in_quarantine_stays_as_it_is_until_a_person_releases_it(ledger: SqlLedger) -> None:
    ledger.quarantine(BOOK, NAME, AT)
    count = ledger.verify().events
    ledger.quarantine(BOOK, replace(NAME, reason="again", since=TODAY + timedelta(days=1)), AT)
    assert (ledger.quarantined(BOOK), ledger.verify().events) == ((NAME,), count)
    other = Quarantine(3, "AAA", "quantity changed", TODAY)
    ledger.quarantine(BOOK, other, AT)
    assert ledger.quarantined(BOOK) == (other, NAME)
    assert ledger.quarantined("DU200") == ()
    ledger.release(BOOK, NAME.conid, "it was a split", "ana", AT)
    assert ledger.quarantined(BOOK) == (other,)
    with pytest.raises(LedgerError, match="not in quarantine"):
        ledger.release(BOOK, NAME.conid, "again", "ana", AT)
    ledger.quarantine(BOOK, NAME, AT)
    assert ledger.quarantined(BOOK) == (other, NAME)
    assert ledger.verify().ok
