"""A day that the session holds up: stopped before it costs anything, made up for once, or on record as missed."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.catch_up import catch_up
from app.desk.run.daily import run_daily
from app.desk.stages.pipeline import STAGES, PerformStages, perform_stage, perform_stages
from app.desk.states import Executed, Run
from app.domain.errors import BrokerUnavailable, NotReady
from app.domain.session import SessionState, Simulation
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import FakeChooser, Office
from tests.support.world import ACCOUNT, TODAY

DAY = RunRequest()


@dataclass
class Spender(FakeChooser):
    """Stands for a model: every offer it is asked about costs."""

    spends: bool = True


@pytest.fixture
def office(office: Office) -> Office:
    office.account, office.chooser = ACCOUNT, Spender()
    return office


def log_out(office: Office) -> None:
    office.world.set_session(state=SessionState.LOGIN_REQUIRED, accounts=(), message="log in", remedy="Log in")


def log_in(office: Office) -> None:
    office.world.set_session(state=SessionState.READY, accounts=(ACCOUNT,), message="ready", remedy=None)


def logged_out_after(office: Office, stage: str) -> PerformStages:
    """All stages in order; the session ends when that one has."""

    async def perform(desk: Desk, run: Run) -> Executed:
        for each in STAGES:
            run = await perform_stage(each, desk, run)
            if each.name == stage:
                log_out(office)
                office.broker.unreachable = {"portfolio", "order_report", "preview_order", "place_order"}
        assert isinstance(run, Executed)
        return run

    return perform


async def made_up(office: Office, owner: str = "one") -> tuple[RunResult, ...]:
    desk = office.desk(owner)
    return await catch_up(desk, await desk.broker.session())


async def held_up(office: Office) -> None:
    log_out(office)
    with pytest.raises(NotReady):
        await run_daily(office.desk(), DAY)


async def test_a_session_that_is_not_ready_stops_the_run_before_any_model_call(
    office: Office, ledger: SqlLedger
) -> None:
    await held_up(office)
    assert office.chooser.asked == []
    assert [run.status for run in ledger.runs()] == [RunStatus.NOT_READY]


@pytest.mark.parametrize("stage", ["ibkr_reader_agent", "market_reader_agent", "portfolio_evaluator_agent"])
async def test_a_session_that_is_lost_between_two_stages_stops_it_too(
    office: Office, ledger: SqlLedger, stage: str
) -> None:
    with pytest.raises(NotReady, match="LOGIN_REQUIRED"):
        await run_daily(office.desk(), DAY, logged_out_after(office, stage))
    assert office.chooser.asked == []
    (run,) = ledger.runs()
    assert (run.status, run.report) == (RunStatus.NOT_READY, None)
    assert "log in" in (run.error or "")


async def test_a_read_that_fails_because_the_session_is_lost_is_told_as_that(office: Office, ledger: SqlLedger) -> None:
    office.broker.unreachable = {"portfolio"}

    async def lost(desk: Desk, run: Run) -> Executed:
        log_out(office)
        return await perform_stages(desk, run)

    with pytest.raises(NotReady) as caught:
        await run_daily(office.desk(), DAY, lost)
    assert caught.value.remedy == "Log in"
    assert ledger.runs()[0].status is RunStatus.NOT_READY


async def test_a_read_that_fails_for_another_reason_stays_a_failure(office: Office, ledger: SqlLedger) -> None:
    office.broker.unreachable = {"portfolio"}
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), DAY)
    assert ledger.runs()[0].status is RunStatus.FAILED


async def test_a_day_is_made_up_for_once_after_the_login(office: Office, ledger: SqlLedger) -> None:
    await held_up(office)
    assert await made_up(office) == ()
    log_in(office)
    (result,) = await made_up(office)
    assert (result.status, result.fresh) == (RunStatus.DONE, True)
    assert result.report is not None
    assert result.report["session_date"] == TODAY.isoformat()
    assert await made_up(office) == ()
    assert [run.status for run in ledger.runs()] == [RunStatus.DONE, RunStatus.NOT_READY]


async def test_a_day_that_nobody_asked_for_is_not_begun(office: Office, ledger: SqlLedger) -> None:
    assert await made_up(office) == ()
    assert ledger.runs() == ()


async def test_a_restart_forgets_no_day(office: Office, ledger_url: str) -> None:
    await held_up(office)
    log_in(office)
    again = open_ledger(ledger_url, now=office.now)
    (result,) = await made_up(replace_ledger(office, again), "another process")
    again.dispose()
    assert result.status is RunStatus.DONE


def replace_ledger(office: Office, ledger: SqlLedger) -> Office:
    office.ledger = ledger
    return office


async def test_many_processes_and_a_person_at_once_make_one_run(office: Office, ledger: SqlLedger) -> None:
    await held_up(office)
    log_in(office)
    results = await asyncio.gather(
        *(made_up(office, f"process {number}") for number in range(4)), run_daily(office.desk("a person"), DAY)
    )
    flat = [result for each in results for result in (each if isinstance(each, tuple) else (each,))]
    assert sum(result.fresh for result in flat) == 1
    assert len({result.run_id for result in flat}) == 1
    assert [run.status for run in ledger.runs()] == [RunStatus.DONE, RunStatus.NOT_READY]
    assert set(office.broker.posts.values()) == {1}


@pytest.mark.parametrize("ready", [True, False])
async def test_after_the_latest_start_the_day_is_missed(office: Office, ledger: SqlLedger, ready: bool) -> None:
    await held_up(office)
    office.world.session = replace(office.world.session, now=office.world.session.now + timedelta(hours=5))
    if ready:
        log_in(office)
    await made_up(office)
    assert await made_up(office) == ()
    assert [run.status for run in ledger.runs()] == [RunStatus.MISSED, RunStatus.NOT_READY]
    assert office.broker.posts.total() == 0


async def test_the_next_day_does_not_make_up_for_the_day_before(office: Office, ledger: SqlLedger) -> None:
    await held_up(office)
    office.world.next_day(TODAY + timedelta(days=1))
    log_in(office)
    assert await made_up(office) == ()
    assert len(ledger.runs()) == 1


async def test_what_was_decided_before_the_session_was_lost_is_carried_on_with(
    office: Office, ledger: SqlLedger
) -> None:
    with pytest.raises(NotReady):
        await run_daily(office.desk(), DAY, logged_out_after(office, "decision_maker_agent"))
    (lost,) = ledger.runs()
    assert lost.status is RunStatus.RUNNING
    office.broker.unreachable = set()
    log_in(office)
    (result,) = await made_up(office)
    assert (result.run_id, result.status) == (lost.run_id, RunStatus.DONE)
    assert len(office.chooser.asked) == 1
    assert set(office.broker.posts.values()) == {1}


async def test_a_session_that_is_lost_again_lets_the_day_wait_on(office: Office, ledger: SqlLedger) -> None:
    await held_up(office)
    log_in(office)
    desk = office.desk()
    session = await desk.broker.session()
    log_out(office)
    assert await catch_up(desk, session) == ()
    log_in(office)
    assert [result.status for result in await made_up(office)] == [RunStatus.DONE]


async def test_a_preview_is_made_up_for_once(office: Office, ledger: SqlLedger) -> None:
    office.trading_mode = "off"
    await held_up(office)
    log_in(office)
    assert [result.status for result in await made_up(office)] == [RunStatus.DRY_RUN]
    assert await made_up(office) == ()


async def test_a_persons_own_preview_neither_is_made_up_for_nor_takes_the_days_place(
    office: Office, ledger: SqlLedger
) -> None:
    log_out(office)
    with pytest.raises(NotReady):
        await run_daily(office.desk(), RunRequest(dry_run=True))
    log_in(office)
    assert await made_up(office) == ()
    await held_up(office)
    log_in(office)
    await run_daily(office.desk(), RunRequest(dry_run=True))
    assert [result.status for result in await made_up(office)] == [RunStatus.DONE]


async def test_another_account_and_another_world_are_left_alone(office: Office) -> None:
    await held_up(office)
    log_in(office)
    office.account = "DU7654321"
    assert await made_up(office) == ()
    office.account = ACCOUNT
    office.world.set_session(simulation=Simulation(TODAY, 8, "synthetic", 0.1))
    assert await made_up(office) == ()


async def test_a_day_on_which_nobody_could_be_asked_waits_too_where_the_broker_is_the_real_one(
    office: Office, ledger: SqlLedger
) -> None:
    now = office.world.session.now
    office.world.set_session(simulation=None, paper=False, now=now)
    office.trading_mode, office.broker.unreachable = "live", {"session_status"}
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), DAY)
    (run,) = ledger.runs()
    assert run.key.book == ACCOUNT
    assert run.status in {RunStatus.NOT_READY, RunStatus.MISSED}


async def test_of_a_simulated_day_nobody_knows_the_date_while_nobody_can_be_asked(
    office: Office, ledger: SqlLedger
) -> None:
    office.broker.unreachable = {"session_status"}
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), DAY)
    assert ledger.runs() == ()
