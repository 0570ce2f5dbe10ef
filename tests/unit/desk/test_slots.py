"""The slots of a day: what is misspelt is no second trading day, and each slot has its latest start."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from app.desk.records import Claim, RunKey, RunStatus
from app.desk.run.approvals import approve
from app.desk.run.attempt import RunRequest
from app.desk.run.catch_up import catch_up
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.domain.errors import NotReady, UsageError
from app.domain.policy import Mode
from app.domain.session import SessionState
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import MORE_SLOTS, Office, policy
from tests.support.world import ACCOUNT, TODAY

BOOK = f"{ACCOUNT}@sim:{TODAY}:7:synthetic"
MISSPELT = {
    "dayly": "daily",
    "day": "daily",
    "Daily": "daily",
    "DAILY": "daily",
    "dialy": "daily",
    "daily ": "daily",
    "closing": "close",
    "closed": "close",
    "Close": "close",
    "after-noon": "afternoon",
    "afternon": "afternoon",
}


@pytest.mark.parametrize("slot", MISSPELT)
async def test_a_misspelt_slot_is_refused_by_the_name_that_was_meant(
    office: Office, ledger: SqlLedger, slot: str
) -> None:
    with pytest.raises(UsageError) as caught:
        await run_daily(office.desk(), RunRequest(slot=slot))
    assert caught.value.cause == f"there is no slot {slot!r}; did you mean {MISSPELT[slot]}?"
    assert caught.value.remedy == (
        "Slots are daily, afternoon, extra, close; execution.slots of the policy names others"
    )
    assert ledger.runs() == ()
    assert office.broker.posts.total() == 0


@pytest.mark.parametrize(
    "slot", ["reconcile", "preview", "exit-ko-1", "exit", "morning", "daily-2", "x" * 5000, "\x00"]
)
async def test_what_the_program_calls_its_own_runs_and_what_nobody_named_is_no_slot(
    office: Office, ledger: SqlLedger, slot: str
) -> None:
    with pytest.raises(UsageError, match="there is no slot") as caught:
        await run_daily(office.desk(), RunRequest(slot=slot))
    assert len(str(caught.value)) < 250
    assert ledger.runs() == ()


@pytest.mark.parametrize("slot", MORE_SLOTS)
async def test_a_slot_that_the_policy_names_is_a_run_of_its_own(office: Office, slot: str) -> None:
    first = await run_daily(office.desk(), RunRequest())
    second = await run_daily(office.desk(), RunRequest(slot=slot))
    assert (second.fresh, second.status) == (True, RunStatus.DONE)
    assert second.run_id != first.run_id
    assert second.report is not None
    assert second.report["slot"] == slot


async def test_each_slot_has_its_own_latest_start(office: Office) -> None:
    office.policy = policy(latest_start=time(15, 30), slots={"morning": time(9, 45), "afternoon": time(15, 0)})
    missed = await run_daily(office.desk(), RunRequest(slot="morning"))
    assert missed.status is RunStatus.MISSED
    assert missed.report is not None
    assert missed.report["note"] == "the latest start of the morning slot was 09:45 New York"
    assert office.broker.posts.total() == 0
    assert (await run_daily(office.desk(), RunRequest(slot="afternoon"))).status is RunStatus.DONE


@pytest.mark.parametrize(("hours", "ended"), [(0, RunStatus.DONE), (5, RunStatus.MISSED)])
async def test_a_named_slot_that_the_session_held_up_is_made_up_for_until_its_latest_start(
    office: Office, ledger: SqlLedger, hours: int, ended: RunStatus
) -> None:
    ready = office.world.session
    office.world.session = replace(ready, state=SessionState.LOGIN_REQUIRED)
    office.account = ACCOUNT
    with pytest.raises(NotReady):
        await run_daily(office.desk(), RunRequest(slot="afternoon"))
    office.world.session = replace(ready, now=ready.now + timedelta(hours=hours))
    (made,) = await catch_up(office.desk(), await office.broker.session())
    assert (made.status, [run.key.slot for run in ledger.runs()]) == (ended, ["afternoon", "afternoon"])


async def test_a_run_of_a_slot_that_no_policy_names_any_more_is_read_and_may_be_approved(
    office: Office, ledger: SqlLedger
) -> None:
    office.policy = policy({"mode": Mode.APPROVE}, slots={"later": time(15, 30)})
    waiting = await run_daily(office.desk(), RunRequest(slot="later"))
    assert waiting.status is RunStatus.AWAITING_APPROVAL
    office.policy = policy({"mode": Mode.APPROVE}, slots={})
    done = await approve(office.desk("two"), waiting.run_id, "owner")
    assert (done.run_id, done.status) == (waiting.run_id, RunStatus.DONE)
    (record,) = ledger.runs()
    assert (record.key.slot, record.report) == ("later", done.report)


async def test_a_run_on_record_under_a_misspelt_slot_stays_readable(office: Office, ledger: SqlLedger) -> None:
    claim = ledger.claim(RunKey(BOOK, ACCOUNT, TODAY, "dayly"), "earlier", "hash", office.world.now())
    assert isinstance(claim, Claim)
    ledger.close(claim, RunStatus.DONE, {"slot": "dayly"}, [], office.world.now())
    (record,) = ledger.runs()
    assert (record.key.slot, record.report) == ("dayly", {"slot": "dayly"})
    assert ledger.verify().ok


@pytest.mark.parametrize("symbol", ["", "KO|x", "KO\x00", "\ud800", "../KO", "K" * 40, "K\u00d6", " KO"])
async def test_an_exit_is_asked_for_by_a_symbol(office: Office, ledger: SqlLedger, symbol: str) -> None:
    with pytest.raises(UsageError, match="is not a symbol"):
        await exit_position(office.desk(), symbol, "owner")
    assert ledger.runs() == ()
