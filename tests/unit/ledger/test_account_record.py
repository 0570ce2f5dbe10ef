"""What belongs together is read together, and what a plan follows from is committed with it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.desk.records import Claim, Event, Flow, Quarantine, RunMemory, RunStatus
from app.domain.errors import LedgerError
from app.domain.navs import NavKind
from app.domain.order import OrderState
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import (
    ACCOUNT,
    AT,
    BOOK,
    EVALUATION,
    KEY,
    PLAN,
    REPORT,
    TODAY,
    claimed,
    filled,
    intent,
    planned,
    point,
    rows,
    sent,
)

TOMORROW = TODAY + timedelta(days=1)
NAME = Quarantine(265598, "AAPL", "a split", TODAY)
FLOW = Flow(TODAY, Decimal(100), "paid in", "a person")


def test_an_account_that_nobody_knows_has_an_empty_record(ledger: SqlLedger) -> None:
    record = ledger.account_record(BOOK, TODAY, ["PM1"])
    assert (record.snapshot, record.evaluation) == (None, None)
    assert (record.navs, record.flows, record.quarantined) == ((), (), ())
    assert (record.filled, record.filled_since, record.open_intents, record.orders) == ((), (), (), {})


def test_a_record_holds_what_the_account_has_left(ledger: SqlLedger) -> None:
    ledger.add_navs(BOOK, [point(TODAY - timedelta(days=1), NavKind.CLOSE)])
    ledger.add_flow(BOOK, FLOW, AT)
    ledger.quarantine(BOOK, NAME, AT)
    done, working, unsent = intent(1), intent(2), intent(3)
    claim = planned(ledger, [done, working, unsent])
    for each in (done, working):
        sent(ledger, claim, each)
    filled(ledger, claim, done)
    ledger.settle(claim, working.coid, OrderState.ACKED, AT, broker_order_id="1")
    ledger.settle(claim, unsent.coid, OrderState.NOT_SENT, AT)
    memory = RunMemory(EVALUATION, ACCOUNT)
    ledger.close(claim, RunStatus.DONE, REPORT, [], AT, point(), memory)

    record = ledger.account_record(BOOK, TODAY, [working.coid, unsent.coid, "PM of nobody"])
    assert record.snapshot == replace(ACCOUNT, run_id=claim.run_id)
    assert record.evaluation is None
    assert [each.session_date for each in record.navs] == [TODAY - timedelta(days=1), TODAY]
    assert (record.flows, record.quarantined) == ((FLOW,), (NAME,))
    assert [each.coid for each in record.filled] == [done.coid]
    assert [each.coid for each in record.open_intents] == [working.coid]
    assert {coid: each.state for coid, each in record.orders.items()} == {
        working.coid: OrderState.ACKED,
        unsent.coid: OrderState.NOT_SENT,
    }
    later = ledger.account_record(BOOK, TOMORROW)
    assert later.evaluation == EVALUATION
    assert later.open_intents == ()


def test_fills_since_the_snapshot_are_those_of_its_run_and_of_later_ones(ledger: SqlLedger) -> None:
    first, second = intent(1), intent(2)
    before = planned(ledger, [first])
    sent(ledger, before, first)
    filled(ledger, before, first)
    ledger.close(before, RunStatus.DONE, REPORT, [], AT)
    assert ledger.account_record(BOOK, TODAY).filled_since == ()

    later = ledger.claim(replace(KEY, slot="afternoon"), "one", "policy-1", AT + timedelta(hours=1))
    assert isinstance(later, Claim)
    ledger.commit_plan(later, PLAN, [second], AT)
    sent(ledger, later, second)
    filled(ledger, later, second)
    ledger.close(later, RunStatus.DONE, REPORT, [], AT, memory=RunMemory(account=ACCOUNT))
    record = ledger.account_record(BOOK, TODAY)
    assert [each.coid for each in record.filled] == [first.coid, second.coid]
    assert [each.coid for each in record.filled_since] == [second.coid]


def test_many_orders_are_found_as_each_is_found_alone(ledger: SqlLedger) -> None:
    one, two = intent(1), intent(2)
    dry = planned(ledger, [one, two], replace(KEY, dry_run=True))
    ledger.close(dry, RunStatus.DRY_RUN, REPORT, [], AT)
    claim = planned(ledger, [one, two])
    sent(ledger, claim, one)
    again = planned(ledger, [one, two], replace(KEY, dry_run=True))
    found = ledger.find_intents(BOOK, [one.coid, two.coid, "PM of nobody"])
    assert found == {each.coid: ledger.find_intent(BOOK, each.coid) for each in (one, two)}
    # Of an id that was sent that one, of others the newest.
    assert {coid: each.run_id for coid, each in found.items()} == {one.coid: claim.run_id, two.coid: again.run_id}
    assert again.run_id != dry.run_id
    assert ledger.find_intents("DU200", [one.coid]) == {}
    assert ledger.find_intents(BOOK, []) == {}


def test_events_are_committed_before_the_plan_that_they_led_to_and_with_it(ledger: SqlLedger, ledger_url: str) -> None:
    claim = claimed(ledger)
    ledger.commit_plan(claim, PLAN, [intent()], AT, [Event("stage", {"name": "reader"})])
    kinds = rows(ledger_url, "SELECT kind FROM events ORDER BY seq")
    assert [kind for (kind,) in kinds] == ["run_claimed", "stage", "plan_committed"]
    assert ledger.verify().ok


def test_a_plan_is_not_committed_with_an_event_that_only_the_ledger_may_write(ledger: SqlLedger) -> None:
    claim = claimed(ledger)
    with pytest.raises(LedgerError, match="cannot be recorded from outside"):
        ledger.commit_plan(claim, PLAN, [intent()], AT, [Event("run_sealed")])
    assert ledger.intents(claim.run_id) == ()
