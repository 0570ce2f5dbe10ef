"""However a run ends, also by an error that nobody foresaw, it is on record with its error before the caller hears."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.desk.desk import Desk
from app.desk.records import Event, RunStatus
from app.desk.run.approvals import reject
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.reconcile_now import reconcile_now
from app.desk.stages.pipeline import PerformStages, perform_stages
from app.desk.states import Executed, Run
from app.domain.errors import LedgerError
from app.domain.order import OrderState
from app.domain.policy import Mode
from app.domain.slots import CLOSE_SLOT
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office, policy
from tests.support.world import ACCOUNT, TODAY
from tests.unit.ledger.builders import execute

DAY = RunRequest()
Spoil = Callable[[Executed], Executed]


def timings(value: object) -> Spoil:
    return lambda run: replace(run, timings={"odd": value})  # type: ignore[dict-item]  # what nobody foresaw


def unrecordable(run: Executed) -> Executed:
    odd_event(run)
    return run


def odd_event(run: Run) -> None:
    run.journal.add(Event("odd", {"value": float("nan")}))


def worthless(run: Executed) -> Executed:
    return replace(run, portfolio=replace(run.portfolio, positions=(), cash=()))


def full_disk(ledger_url: str) -> None:
    """No value can be recorded any more. The desk's tests keep their ledger in SQLite."""
    execute(ledger_url, "CREATE TRIGGER full BEFORE INSERT ON navs BEGIN SELECT RAISE(ABORT, 'disk full'); END")


def afterwards(spoil: Spoil) -> PerformStages:
    async def then_spoil(desk: Desk, run: Run) -> Executed:
        return spoil(await perform_stages(desk, run))

    return then_spoil


@pytest.mark.parametrize("dry", [False, True], ids=["run", "preview"])
@pytest.mark.parametrize("spoil", [timings("long"), timings(None)], ids=["text for a number", "null for a number"])
async def test_a_failure_in_the_close_is_an_ended_run_with_its_error(
    office: Office, ledger: SqlLedger, spoil: Spoil, dry: bool
) -> None:
    with pytest.raises(TypeError):
        await run_daily(office.desk(), RunRequest(dry_run=dry), afterwards(spoil))
    (run,) = ledger.runs()
    assert (run.status, run.error) == (
        RunStatus.FAILED,
        "the program itself failed (TypeError). The log has the trace: report it",
    )
    assert run.report is not None
    assert run.report["note"] == run.error
    assert ledger.verify().ok


async def test_a_value_from_which_no_return_can_be_told_ends_the_run_with_all_but_the_value(
    office: Office, ledger: SqlLedger
) -> None:
    with pytest.raises(LedgerError, match="no return can be told"):
        await run_daily(office.desk(), DAY, afterwards(worthless))
    (run,) = ledger.runs()
    assert run.status is RunStatus.FAILED
    assert run.report is not None
    assert run.report["evaluation"] is not None
    assert ledger.navs(run.key.book)[-1].session_date < TODAY


async def test_a_report_that_cannot_be_recorded_leaves_the_orders_on_record_and_the_day_is_not_planned_again(
    office: Office, ledger: SqlLedger
) -> None:
    with pytest.raises(LedgerError, match="nan cannot be recorded"):
        await run_daily(office.desk(), DAY, afterwards(timings(float("nan"))))
    (run,) = ledger.runs()
    assert (run.status, run.error) == (
        RunStatus.FAILED,
        "nan cannot be recorded: a number that is not known is None",
    )
    assert run.report is not None
    assert {order["state"] for order in run.report["orders"]} == {"FILLED"}
    posts = office.broker.posts.total()
    again = await run_daily(office.desk(), DAY)
    assert (again.run_id, again.status, again.fresh) == (run.run_id, RunStatus.FAILED, False)
    assert office.broker.posts.total() == posts == 2
    office.world.next_day(TODAY + timedelta(days=1))
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE


async def test_a_close_of_the_day_that_failed_may_be_tried_again(
    office: Office, ledger: SqlLedger, ledger_url: str
) -> None:
    await run_daily(office.desk(), DAY)
    office.world.set_session(now=office.world.now() + timedelta(hours=6))
    full_disk(ledger_url)
    with pytest.raises(LedgerError, match="disk full"):
        await run_daily(office.desk(), RunRequest(slot=CLOSE_SLOT))
    assert [run.status for run in ledger.runs(1)] == [RunStatus.FAILED]
    execute(ledger_url, "DROP TRIGGER full")
    assert (await run_daily(office.desk(), RunRequest(slot=CLOSE_SLOT))).status is RunStatus.DONE


async def test_a_value_that_the_database_refuses_ends_the_run_with_all_but_the_value(
    office: Office, ledger: SqlLedger, ledger_url: str
) -> None:
    full_disk(ledger_url)
    office.world.performance = ()
    with pytest.raises(LedgerError, match="disk full"):
        await run_daily(office.desk(), DAY)
    (run,) = ledger.runs()
    assert run.status is RunStatus.FAILED
    assert run.report is not None
    assert run.report["portfolio"]["nav"] == "250000.00"
    assert len(run.report["orders"]) == office.broker.posts.total() == 2


async def test_an_error_that_nobody_foresaw_in_a_stage_ends_the_run_and_tells_nothing_secret(
    office: Office, ledger: SqlLedger
) -> None:
    async def broken(desk: Desk, run: Run) -> Executed:
        raise KeyError(ACCOUNT)

    with pytest.raises(KeyError):
        await run_daily(office.desk(), DAY, broken)
    (run,) = ledger.runs()
    assert (run.status, run.error) == (
        RunStatus.FAILED,
        "the program itself failed (KeyError). The log has the trace: report it",
    )
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE


async def test_an_event_that_cannot_be_recorded_does_not_keep_the_end_from_being_recorded(
    office: Office, ledger: SqlLedger
) -> None:
    async def odd(desk: Desk, run: Run) -> Executed:
        odd_event(run)
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        await run_daily(office.desk(), DAY, odd)
    assert [run.status for run in ledger.runs()] == [RunStatus.FAILED]


async def test_an_event_that_cannot_be_recorded_at_the_close_ends_the_run_too(
    office: Office, ledger: SqlLedger
) -> None:
    with pytest.raises(LedgerError, match="nan cannot be recorded"):
        await run_daily(office.desk(), DAY, afterwards(unrecordable))
    (run,) = ledger.runs()
    assert (run.status, len(run.report["orders"] if run.report else ())) == (RunStatus.FAILED, 2)


async def test_orders_that_are_not_settled_keep_the_run_to_be_gone_on_with(office: Office, ledger: SqlLedger) -> None:
    async def forgetful(desk: Desk, run: Run) -> Executed:
        planned = await perform_stages(desk, replace(run, mode=replace(run.mode, mode=Mode.APPROVE)))
        return replace(planned, awaiting_approval=False)

    with pytest.raises(LedgerError, match="cannot be closed as done"):
        await run_daily(office.desk(), DAY, forgetful)
    (run,) = ledger.runs()
    assert run.error
    result = await run_daily(office.desk(), DAY)
    assert (result.run_id, result.status) == (run.run_id, RunStatus.DONE)
    assert {intent.state for intent in ledger.intents(run.run_id)} == {OrderState.FILLED}
    assert set(office.broker.posts.values()) == {1}


async def test_a_reconcile_and_a_rejection_go_on_working_beside_a_failed_close(
    office: Office, ledger: SqlLedger
) -> None:
    office.policy = policy({"mode": Mode.APPROVE})
    waiting = await run_daily(office.desk(), DAY)
    assert (await reconcile_now(office.desk())).status is RunStatus.RECONCILED
    assert (await reject(office.desk(), waiting.run_id, "owner", "no")).status is RunStatus.REJECTED
