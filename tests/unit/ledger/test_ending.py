"""How runs end and go on: what holds a run open, and what an approval reopens."""

from datetime import timedelta

import pytest

from app.desk.records import Claim, Done, RunStatus
from app.domain.errors import Fenced, LedgerError
from app.domain.order import OrderState
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import AT, BOOK, KEY, PLAN, REPORT, ManualTime, claimed, intent, planned, sent

ONE = intent()


def _brought_to(ledger: SqlLedger, state: str) -> Claim:
    claim = planned(ledger, [ONE])
    if state != "PLANNED":
        sent(ledger, claim, ONE)
    if state == "UNKNOWN":
        ledger.settle(claim, ONE.coid, OrderState.UNKNOWN, AT)
    return claim


@pytest.mark.parametrize("state", ["PLANNED", "SENDING", "UNKNOWN"])
@pytest.mark.parametrize("status", ["done", "rejected", "awaiting_approval"])
def test_a_run_does_not_end_with_an_order_that_nobody_would_look_at_again(
    ledger: SqlLedger, state: str, status: str
) -> None:
    claim = _brought_to(ledger, state)
    if (state, status) == ("PLANNED", "awaiting_approval"):
        ledger.close(claim, RunStatus(status), REPORT, [], AT)
        return
    count = ledger.verify().events
    with pytest.raises(LedgerError, match=f"{ONE.coid} {state}"):
        ledger.close(claim, RunStatus(status), REPORT, [], AT)
    assert ledger.verify().events == count
    ledger.renew(claim)


@pytest.mark.parametrize("state", ["PLANNED", "SENDING", "UNKNOWN"])
def test_a_halted_run_ends_as_it_stands(ledger: SqlLedger, state: str) -> None:
    ledger.close(_brought_to(ledger, state), RunStatus.HALTED, REPORT, [], AT)
    assert len(ledger.open_intents(BOOK)) == (state != "PLANNED")


def test_an_approved_run_goes_on_with_its_plan_under_the_next_fence(ledger: SqlLedger) -> None:
    first = planned(ledger, [ONE])
    ledger.close(first, RunStatus.AWAITING_APPROVAL, REPORT, [], AT)
    assert isinstance(ledger.claim(KEY, "two", "policy-1", AT), Done)
    again = ledger.reopen(first.run_id, "two", AT + timedelta(minutes=3))
    assert again == Claim(first.run_id, KEY, "two", 2, PLAN)
    run = ledger.run(first.run_id)
    assert run is not None
    assert (run.status, run.finished_at) == (RunStatus.RUNNING, None)
    assert ledger.verify().ok
    with pytest.raises(Fenced):
        ledger.renew(first)
    sent(ledger, again, ONE)
    ledger.settle(again, ONE.coid, OrderState.ACKED, AT)
    ledger.close(again, RunStatus.DONE, {"second": 1}, [], AT)
    assert ledger.claim(KEY, "three", "policy-1", AT) == Done(first.run_id, RunStatus.DONE, {"second": 1})
    assert ledger.verify().ok


def test_a_reopened_run_that_dies_is_taken_over_like_any_other(ledger: SqlLedger, lease_time: ManualTime) -> None:
    first = planned(ledger, [ONE])
    ledger.close(first, RunStatus.AWAITING_APPROVAL, REPORT, [], AT)
    lease_time.advance(10_000)
    ledger.reopen(first.run_id, "two", AT)
    assert not isinstance(ledger.claim(KEY, "three", "policy-1", AT), Claim)
    lease_time.advance(121)
    taken = ledger.claim(KEY, "three", "policy-1", AT)
    assert isinstance(taken, Claim)
    assert (taken.fence, taken.plan) == (3, PLAN)
    assert ledger.verify().ok


@pytest.mark.parametrize("status", [status for status in RunStatus if status != RunStatus.AWAITING_APPROVAL])
def test_only_a_run_that_waits_for_approval_is_reopened(ledger: SqlLedger, status: RunStatus) -> None:
    claim = claimed(ledger)
    if status is not RunStatus.RUNNING:
        ledger.close(claim, status, REPORT, [], AT)
    with pytest.raises(LedgerError, match=f"is {status}"):
        ledger.reopen(claim.run_id, "two", AT)


def test_a_run_is_reopened_once_and_only_if_it_exists(ledger: SqlLedger) -> None:
    claim = planned(ledger, [])
    ledger.close(claim, RunStatus.AWAITING_APPROVAL, REPORT, [], AT)
    ledger.reopen(claim.run_id, "two", AT)
    with pytest.raises(LedgerError, match="is running"):
        ledger.reopen(claim.run_id, "three", AT)
    with pytest.raises(LedgerError, match="not in the ledger"):
        ledger.reopen("run_elsewhere", "two", AT)
