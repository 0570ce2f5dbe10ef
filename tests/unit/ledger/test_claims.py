from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest

from app.desk.records import Busy, Claim, Done, Event, RunStatus
from app.domain.errors import Fenced, LedgerError
from app.domain.order import OrderState
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import (
    AT,
    BOOK,
    KEY,
    PLAN,
    REPORT,
    TODAY,
    ManualTime,
    budget,
    claimed,
    intent,
    planned,
    point,
)

HOLDS = ["done", "awaiting_approval", "rejected", "halted"]
FREES = ["skipped", "missed", "reconciled", "not_ready", "failed", "dry_run"]


def test_fifty_callers_at_once_make_one_run(ledger: SqlLedger) -> None:
    together = Barrier(50)

    def call(caller: int) -> Claim | Busy | Done:
        together.wait()
        return ledger.claim(KEY, f"owner-{caller}", "policy-1", AT)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(call, range(50)))
    winners = [answer for answer in answers if isinstance(answer, Claim)]
    assert len(winners) == 1
    assert [answer for answer in answers if answer is not winners[0]] == [Busy(winners[0].run_id)] * 49
    assert len(ledger.runs()) == 1


def test_a_second_claim_by_the_same_owner_is_busy_too(ledger: SqlLedger) -> None:
    first = claimed(ledger, owner="one")
    assert ledger.claim(KEY, "one", "policy-1", AT) == Busy(first.run_id)


def test_a_run_starts_as_running_under_an_opaque_id(ledger: SqlLedger) -> None:
    claim = claimed(ledger)
    run = ledger.run(claim.run_id)
    assert run is not None
    assert (run.key, run.status, run.policy_hash, run.started_at) == (KEY, RunStatus.RUNNING, "policy-1", AT)
    assert (run.finished_at, run.report, run.error) == (None, None, None)
    assert BOOK not in claim.run_id
    assert ledger.run("run_unknown") is None


def test_other_books_sessions_and_slots_have_keys_of_their_own(ledger: SqlLedger, lease_time: ManualTime) -> None:
    keys = [
        KEY,
        replace(KEY, book="DU200"),
        replace(KEY, session_date=TODAY + timedelta(days=1)),
        replace(KEY, slot="close"),
        replace(KEY, dry_run=True),
    ]
    found = set()
    for key in keys:
        found.add(claimed(ledger, key).run_id)
        # One run of a book is at work at a time.
        lease_time.advance(121)
    assert len(found) == len(keys)


def test_a_lapsed_lease_is_taken_over_as_the_same_run_with_the_next_fence(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    first = claimed(ledger)
    lease_time.advance(121)
    second = ledger.claim(KEY, "two", "policy-2", AT + timedelta(minutes=5))
    assert second == replace(first, owner="two", fence=2)
    run = ledger.run(first.run_id)
    assert run is not None
    assert (run.policy_hash, run.started_at) == ("policy-2", AT)


def test_a_lease_holds_to_its_last_second(ledger: SqlLedger, lease_time: ManualTime) -> None:
    first = claimed(ledger)
    lease_time.advance(119)
    assert ledger.claim(KEY, "two", "policy-1", AT) == Busy(first.run_id)


def test_market_time_does_not_end_a_lease(ledger: SqlLedger) -> None:
    first = claimed(ledger)
    assert ledger.claim(KEY, "two", "policy-1", AT + timedelta(days=400)) == Busy(first.run_id)


def test_a_renewed_lease_lasts_from_the_renewal(ledger: SqlLedger, lease_time: ManualTime) -> None:
    claim = claimed(ledger)
    lease_time.advance(100)
    ledger.renew(claim)
    lease_time.advance(100)
    assert ledger.claim(KEY, "two", "policy-1", AT) == Busy(claim.run_id)


def test_a_lapsed_lease_that_nobody_took_over_still_writes(ledger: SqlLedger, lease_time: ManualTime) -> None:
    claim = claimed(ledger)
    lease_time.advance(1000)
    ledger.renew(claim)
    ledger.record(claim, [Event("still_here")], AT)


def test_a_takeover_gets_the_committed_plan_and_keeps_its_policy(ledger: SqlLedger, lease_time: ManualTime) -> None:
    first = planned(ledger)
    lease_time.advance(121)
    second = ledger.claim(KEY, "two", "policy-2", AT)
    assert isinstance(second, Claim)
    assert second.plan == PLAN
    run = ledger.run(first.run_id)
    assert run is not None
    assert run.policy_hash == "policy-1"
    with pytest.raises(LedgerError, match="committed a plan already"):
        ledger.commit_plan(second, {"action": "HOLD"}, [], AT)


def test_a_plan_without_orders_is_a_plan_too(ledger: SqlLedger, lease_time: ManualTime) -> None:
    claim = claimed(ledger)
    ledger.commit_plan(claim, {"action": "HOLD"}, [], AT)
    lease_time.advance(121)
    second = ledger.claim(KEY, "two", "policy-1", AT)
    assert isinstance(second, Claim)
    assert second.plan == {"action": "HOLD"}


def test_every_write_of_a_claim_that_was_taken_over_is_fenced(ledger: SqlLedger, lease_time: ManualTime) -> None:
    old = planned(ledger)
    coid = intent().coid
    lease_time.advance(121)
    new = ledger.claim(KEY, "two", "policy-1", AT)
    assert isinstance(new, Claim)
    _assert_fenced(ledger, old, coid)
    # Right fence under a wrong name, and the other way round.
    _assert_fenced(ledger, replace(new, owner="one"), coid)
    _assert_fenced(ledger, replace(new, fence=new.fence + 1), coid)
    ledger.renew(new)


def test_every_write_after_the_end_is_fenced(ledger: SqlLedger) -> None:
    claim = planned(ledger)
    ledger.close(claim, RunStatus.HALTED, REPORT, [], AT)
    _assert_fenced(ledger, claim, intent().coid)


def _assert_fenced(ledger: SqlLedger, claim: Claim, coid: str) -> None:
    before = ledger.verify().events
    with pytest.raises(Fenced):
        ledger.renew(claim)
    with pytest.raises(Fenced):
        ledger.record(claim, [Event("late")], AT)
    with pytest.raises(Fenced):
        ledger.commit_plan(claim, PLAN, [], AT)
    with pytest.raises(Fenced):
        ledger.sending(claim, coid, Decimal(10), Decimal(150), AT, budget())
    with pytest.raises(Fenced):
        ledger.settle(claim, coid, OrderState.NOT_SENT, AT)
    with pytest.raises(Fenced):
        ledger.close(claim, RunStatus.DONE, REPORT, [], AT, point())
    with pytest.raises(Fenced):
        ledger.abandon(claim, RunStatus.FAILED, "late", AT)
    assert ledger.verify().events == before


def test_a_claim_on_a_run_that_is_not_there_is_an_error(ledger: SqlLedger) -> None:
    with pytest.raises(LedgerError, match="not in the ledger"):
        ledger.renew(Claim("run_elsewhere", KEY, "one", 1))


@pytest.mark.parametrize("status", HOLDS)
def test_a_status_that_holds_the_key_gives_its_result_to_every_later_caller(ledger: SqlLedger, status: str) -> None:
    claim = claimed(ledger)
    ledger.close(claim, RunStatus(status), REPORT, [], AT)
    expected = Done(
        claim.run_id, RunStatus(status), {"evaluation": {"drawdown": 0.12}, "portfolio": {"nav": "1000000.50"}}
    )
    assert ledger.claim(KEY, "two", "policy-2", AT) == expected


@pytest.mark.parametrize("status", FREES)
def test_a_status_that_frees_the_key_lets_the_session_be_tried_again(ledger: SqlLedger, status: str) -> None:
    claim = claimed(ledger)
    ledger.close(claim, RunStatus(status), REPORT, [], AT)
    again = claimed(ledger)
    assert again.run_id != claim.run_id
    assert again.fence == 1


def test_every_status_either_holds_or_frees_the_key() -> None:
    assert {*HOLDS, *FREES, "running"} == set(RunStatus)


def test_a_run_cannot_be_closed_as_running(ledger: SqlLedger) -> None:
    claim = claimed(ledger)
    with pytest.raises(LedgerError, match="running"):
        ledger.close(claim, RunStatus.RUNNING, REPORT, [], AT)


def test_a_dry_run_neither_takes_the_day_nor_keeps_its_own_key(ledger: SqlLedger) -> None:
    dry = replace(KEY, dry_run=True)
    claim = planned(ledger, key=dry)
    ledger.close(claim, RunStatus.DONE, REPORT, [], AT)
    assert claimed(ledger, dry).run_id != claim.run_id
    planned(ledger)


def test_a_dry_run_sends_nothing_and_writes_no_nav_point(ledger: SqlLedger) -> None:
    claim = planned(ledger, key=replace(KEY, dry_run=True))
    with pytest.raises(LedgerError, match="dry run"):
        ledger.sending(claim, intent().coid, Decimal(10), Decimal(150), AT, budget())
    with pytest.raises(LedgerError, match="dry run"):
        ledger.close(claim, RunStatus.DRY_RUN, REPORT, [], AT, point())
    ledger.close(claim, RunStatus.DRY_RUN, REPORT, [], AT)
    assert ledger.navs(BOOK) == ()


@pytest.mark.parametrize("status", FREES)
def test_an_attempt_that_came_to_nothing_frees_the_key(ledger: SqlLedger, status: str) -> None:
    claim = claimed(ledger)
    ledger.abandon(claim, RunStatus(status), "the gateway wants a login", AT)
    run = ledger.run(claim.run_id)
    assert run is not None
    assert (run.status, run.error, run.finished_at) == (RunStatus(status), "the gateway wants a login", AT)
    assert claimed(ledger).run_id != claim.run_id


@pytest.mark.parametrize("status", [*HOLDS, "running"])
def test_an_attempt_cannot_be_abandoned_with_a_status_that_needs_a_report(ledger: SqlLedger, status: str) -> None:
    claim = claimed(ledger)
    with pytest.raises(LedgerError, match="close it"):
        ledger.abandon(claim, RunStatus(status), "why", AT)
    ledger.renew(claim)


def test_an_abandoned_run_with_a_plan_keeps_the_key_and_can_be_resumed_at_once(ledger: SqlLedger) -> None:
    first = planned(ledger)
    ledger.abandon(first, RunStatus.FAILED, "the broker went away", AT)
    run = ledger.run(first.run_id)
    assert run is not None
    assert (run.status, run.error) == (RunStatus.RUNNING, "the broker went away")
    second = ledger.claim(KEY, "two", "policy-1", AT)
    assert second == replace(first, owner="two", fence=2, plan=PLAN)
    ledger.settle(second, intent().coid, OrderState.NOT_SENT, AT)
    ledger.close(second, RunStatus.DONE, REPORT, [], AT)
    closed = ledger.run(first.run_id)
    assert closed is not None
    assert (closed.status, closed.error) == (RunStatus.DONE, None)


def test_an_abandoned_dry_run_is_over_even_with_a_plan(ledger: SqlLedger) -> None:
    dry = replace(KEY, dry_run=True)
    claim = planned(ledger, key=dry)
    ledger.abandon(claim, RunStatus.FAILED, "why", AT)
    assert claimed(ledger, dry).run_id != claim.run_id


def test_who_was_fenced_off_adopts_nothing_and_is_told(ledger: SqlLedger, lease_time: ManualTime) -> None:
    old = claimed(ledger)
    lease_time.advance(200)
    assert isinstance(ledger.claim(KEY, "two", "policy-1", AT), Claim)
    with pytest.raises(Fenced):
        ledger.adopt(old, AT, same_day=False)
