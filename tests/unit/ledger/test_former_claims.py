"""A day that has traded does not trade again because somebody changed its row."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.desk.records import Claim, Done, RunStatus
from app.domain.errors import LedgerUnavailable
from app.domain.order import OrderState
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import (
    AT,
    BOOK,
    KEY,
    REPORT,
    ManualTime,
    claimed,
    execute,
    filled,
    intent,
    planned,
    sent,
)

pytestmark = pytest.mark.slow

FREED = "day_key = NULL"
CHANGES = (
    FREED,
    f"{FREED}, status = 'failed'",
    f"{FREED}, dry_run = NOT dry_run",
    "day_key = 'another'",
    f"{FREED}, slot = 'close'",
    f"{FREED}, session_date = '2022-03-11'",
    f"{FREED}, book = 'DU200'",
    f"{FREED}, status = 'failed', sealed_seq = NULL, report = NULL, report_hash = NULL, plan = NULL, plan_hash = NULL",
)


@pytest.fixture
def traded(ledger: SqlLedger) -> Claim:
    claim = planned(ledger, [])
    ledger.close(claim, RunStatus.DONE, REPORT, [], AT)
    return claim


@pytest.mark.parametrize("change", CHANGES)
def test_a_day_whose_run_was_freed_by_hand_is_not_begun_again(
    ledger: SqlLedger, ledger_url: str, traded: Claim, change: str
) -> None:
    assert execute(ledger_url, f"UPDATE runs SET {change} WHERE run_id = '{traded.run_id}'") == 1  # noqa: S608
    with pytest.raises(LedgerUnavailable, match=f"run {traded.run_id} claimed daily of .* before") as caught:
        ledger.claim(KEY, "two", "policy-1", AT)
    assert "audit verify" in str(caught.value.remedy)


def test_a_day_whose_run_was_removed_by_hand_is_not_begun_again(
    ledger: SqlLedger, ledger_url: str, traded: Claim
) -> None:
    assert execute(ledger_url, f"DELETE FROM runs WHERE run_id = '{traded.run_id}'") == 1  # noqa: S608
    with pytest.raises(LedgerUnavailable, match="is not there any more"):
        ledger.claim(KEY, "two", "policy-1", AT)


def test_a_run_at_work_that_was_freed_by_hand_lets_nobody_begin_beside_it(ledger: SqlLedger, ledger_url: str) -> None:
    what = intent(1)
    claim = planned(ledger, [what])
    sent(ledger, claim, what)
    assert execute(ledger_url, f"UPDATE runs SET {FREED} WHERE run_id = '{claim.run_id}'") == 1  # noqa: S608
    with pytest.raises(LedgerUnavailable, match="day_key"):
        ledger.claim(KEY, "two", "policy-1", AT)


def test_a_run_that_settled_anothers_order_leaves_the_day_free(ledger: SqlLedger) -> None:
    yesterday = replace(KEY, session_date=KEY.session_date - timedelta(days=1))
    what = intent(1, key=yesterday)
    before = planned(ledger, [what], yesterday)
    sent(ledger, before, what)
    ledger.settle(before, what.coid, OrderState.ACKED, AT)
    ledger.close(before, RunStatus.DONE, REPORT, [], AT)
    claim = claimed(ledger)
    filled(ledger, claim, what)
    ledger.abandon(claim, RunStatus.FAILED, "no answer", AT)
    claimed(ledger, owner="two")


def test_runs_that_ended_as_their_events_say_leave_the_day_free(ledger: SqlLedger, lease_time: ManualTime) -> None:
    ledger.abandon(claimed(ledger), RunStatus.FAILED, "no answer", AT)
    ledger.close(claimed(ledger), RunStatus.SKIPPED, REPORT, [], AT)
    claimed(ledger)
    lease_time.advance(1000)
    # Ended by whoever came after it.
    claimed(ledger, replace(KEY, slot="close"))
    lease_time.advance(1000)
    last = planned(ledger, [])
    ledger.close(last, RunStatus.DONE, REPORT, [], AT)
    assert isinstance(ledger.claim(KEY, "two", "policy-1", AT), Done)
    assert ledger.runs(book=BOOK)
    assert ledger.verify().problems == ()
