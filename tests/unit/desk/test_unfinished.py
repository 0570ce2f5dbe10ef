"""Runs whose process ended: nothing stays `running` for good, and what is said of them is true."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.desk.records import Claim, RunRecord, RunStatus
from app.desk.report.standing import overview
from app.desk.run.approvals import approve
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.open_attempt import open_attempt
from app.desk.run.reconcile_now import reconcile_now
from app.desk.run.wait import Patience, wait_and_start
from app.domain.errors import BrokerUnavailable, NotReady, OrderUncertain, OutOfTime, RunAtWork
from app.domain.order import OrderState, Side
from app.domain.policy import Mode
from app.domain.ruling import KillLevel
from app.domain.session import SessionState
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office, policy
from tests.support.world import TODAY
from tests.unit.ledger.builders import ManualTime

DAY = RunRequest()
DRY = RunRequest(dry_run=True)
TOMORROW = TODAY + timedelta(days=1)
EVENING = datetime(2022, 3, 14, 20, 30, tzinfo=UTC)


def record_of(ledger: SqlLedger, run_id: str) -> RunRecord:
    found = ledger.run(run_id)
    assert found is not None
    return found


async def killed_at_the_first_placement(office: Office, request: RunRequest = DAY) -> None:
    """As SIGKILL leaves it: the process says nothing any more. The first order arrives at the broker all the same."""

    class Killed(BaseException):
        """Nothing of ours catches it."""

    async def die(question: str) -> None:
        if question == "place":
            raise Killed

    heard, office.broker.pause = office.broker.pause, die
    with pytest.raises(Killed):
        await run_daily(office.desk("dead"), request)
    office.broker.pause = heard


async def test_a_run_that_was_killed_while_it_sent_is_closed_the_next_day_with_its_orders(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    await killed_at_the_first_placement(office)
    (left,) = ledger.runs()
    assert left.status is RunStatus.RUNNING
    lease_time.advance(400)
    assert overview(record_of(ledger, left.run_id))["lapsed"] is True
    office.world.next_day(TOMORROW)
    told: list[str] = []
    result = await run_daily(office.desk("two"), DAY, progress=told.append)
    assert result.status is RunStatus.DONE
    old = record_of(ledger, left.run_id)
    assert (old.status, old.lease) == (RunStatus.FAILED, None)
    assert old.error == "the process that worked on it ended before the run did"
    assert old.report is not None
    assert {row["symbol"]: row["state"] for row in old.report["orders"]} == {"AAPL": "ABANDONED", "MSFT": "NOT_SENT"}
    assert f"run {left.run_id} of {TODAY} is closed as failed: {old.error}" in told
    assert overview(old)["lapsed"] is False
    assert set(office.broker.posts.values()) <= {1}
    assert ledger.verify().ok


async def test_an_order_that_may_have_arrived_is_looked_for_before_its_run_is_closed(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    await killed_at_the_first_placement(office)
    (left,) = ledger.runs()
    office.broker.appear(ledger.intents(left.run_id)[0].coid, "AAPL", Side.SELL, Decimal(170))
    lease_time.advance(400)
    office.broker.unreachable = {"order_report"}
    office.world.next_day(TOMORROW)
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk("two"), DAY)
    assert record_of(ledger, left.run_id).status is RunStatus.RUNNING
    office.broker.unreachable = set()
    await run_daily(office.desk("two"), DAY)
    old = record_of(ledger, left.run_id)
    assert old.report is not None
    assert {row["symbol"]: row["state"] for row in old.report["orders"]}["AAPL"] == "FILLED"


async def test_a_reconcile_by_hand_closes_it_too_and_under_a_halt(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    await killed_at_the_first_placement(office)
    (left,) = ledger.runs()
    lease_time.advance(400)
    office.world.next_day(TOMORROW)
    ledger.set_level(None, KillLevel.HALTED, "looking", "owner", office.world.now())
    assert (await run_daily(office.desk("two"), DAY)).status is RunStatus.HALTED
    assert record_of(ledger, left.run_id).status is RunStatus.RUNNING
    assert (await reconcile_now(office.desk("two"))).status is RunStatus.RECONCILED
    assert record_of(ledger, left.run_id).status is RunStatus.FAILED


async def test_on_its_own_day_the_next_run_goes_on_with_it_and_the_close_ends_it(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    await killed_at_the_first_placement(office, RunRequest(slot="extra"))
    (left,) = ledger.runs()
    lease_time.advance(400)
    await reconcile_twice(office, lease_time)
    assert record_of(ledger, left.run_id).status is RunStatus.RUNNING
    office.world.set_session(now=EVENING)
    assert (await run_daily(office.desk("three"), RunRequest(slot="close"))).status is RunStatus.DONE
    old = record_of(ledger, left.run_id)
    assert old.status is RunStatus.FAILED
    assert {intent.state for intent in ledger.intents(left.run_id)} == {OrderState.ABANDONED, OrderState.NOT_SENT}
    assert ledger.verify().ok


async def reconcile_twice(office: Office, lease_time: ManualTime) -> None:
    """Until an order without a trace is given up."""
    with pytest.raises(OrderUncertain):
        await reconcile_now(office.desk("two"))
    lease_time.advance(400)
    await reconcile_now(office.desk("two"))


@pytest.mark.parametrize("request_", [DAY, DRY], ids=["run", "dry run"])
@pytest.mark.parametrize("question", ["session", "portfolio", "preview", "place", "report"])
async def test_a_run_that_is_told_to_stop_anywhere_gives_its_lease_back(
    office: Office, ledger: SqlLedger, question: str, request_: RunRequest
) -> None:
    running: list[asyncio.Task[object]] = []

    async def stop(asked: str) -> None:
        if asked == question:
            running[0].cancel()
        await asyncio.sleep(0)

    heard, office.broker.pause = office.broker.pause, stop
    running.append(asyncio.ensure_future(run_daily(office.desk("one"), request_)))
    (ended,) = await asyncio.gather(*running, return_exceptions=True)
    office.broker.pause = heard
    for run in ledger.runs():
        assert run.lease is None or run.lease.lapsed, ended
    result = await run_daily(office.desk("two"), DAY)
    assert result.status is RunStatus.DONE
    assert set(office.broker.posts.values()) == {1}
    assert ledger.verify().ok


async def test_who_must_wait_is_told_until_when_and_gets_the_result_of_the_run_that_was_waited_for(
    office: Office, ledger: SqlLedger
) -> None:
    held = office.broker.hold = asyncio.Event()
    running = asyncio.create_task(run_daily(office.desk("one"), DAY))
    await office.broker.placing.wait()
    told: list[str] = []
    desk = office.desk("two")
    busy = await wait_and_start(desk, lambda: run_daily(desk, DAY), Patience(), told.append)
    assert busy.report is None
    assert busy.lease is not None
    assert (busy.lease.seconds, told) == (120, [])

    def heard(line: str) -> None:
        told.append(line)
        held.set()

    waited = await wait_and_start(desk, lambda: run_daily(desk, DAY), Patience(turn=True), heard)
    assert waited.report == (await running).report
    (line,) = told
    assert line.startswith(f"run {busy.run_id} is in progress elsewhere; its lease holds until ")
    assert line.endswith(" (120 s); waiting for it")


async def test_nobody_waits_longer_than_told_and_what_was_not_begun_is_said(office: Office, ledger: SqlLedger) -> None:
    desk = office.desk("two")
    held = await held_by_another(office, ledger)
    with pytest.raises(OutOfTime, match=f"run {held.run_id} is in progress elsewhere") as caught:
        await wait_and_start(desk, lambda: run_daily(desk, DAY), Patience(turn=True, seconds=0), silent)
    assert "--timeout" in str(caught.value)
    office.world.set_session(state=SessionState.LOGIN_REQUIRED)
    with pytest.raises(OutOfTime, match="LOGIN_REQUIRED"):
        await wait_and_start(desk, lambda: run_daily(desk, DAY), Patience(login=True, seconds=0), silent)
    with pytest.raises(NotReady):
        await wait_and_start(desk, lambda: run_daily(desk, DAY), Patience(turn=True), silent)


async def held_by_another(office: Office, ledger: SqlLedger, slot: str = "daily") -> Claim:
    """A process on another machine is at work."""
    tried = await open_attempt(office.desk("one"), RunRequest(slot=slot))
    claim = ledger.claim(tried.key, "one", "hash", tried.clock.now())
    assert isinstance(claim, Claim)
    return claim


async def test_an_approval_waits_for_its_turn(office: Office, ledger: SqlLedger) -> None:
    office.policy = policy({"mode": Mode.APPROVE})
    waits = await run_daily(office.desk(), DAY)
    held = await held_by_another(office, ledger, "extra")
    desk = office.desk("two")
    with pytest.raises(RunAtWork, match=held.run_id):
        await wait_and_start(desk, lambda: approve(desk, waits.run_id, "owner"), Patience(), silent)

    def heard(line: str) -> None:
        assert held.run_id in line
        ledger.abandon(held, RunStatus.FAILED, "it was stopped", office.world.now())

    result = await wait_and_start(desk, lambda: approve(desk, waits.run_id, "owner"), Patience(turn=True), heard)
    assert (result.run_id, result.status) == (waits.run_id, RunStatus.DONE)


def silent(_: str) -> None:
    """Nobody listens."""
