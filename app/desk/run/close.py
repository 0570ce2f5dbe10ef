"""The close of a run: report, what later runs must know, value and seal in one commit; then people are told."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from app.desk.desk import Desk
from app.desk.records import Event, RunStatus
from app.desk.report.build import report_of
from app.desk.report.standing import RUNS_LOOKED_AT, newest_known
from app.desk.report.summary import LastKnown
from app.desk.run.anchor import anchor_run
from app.desk.run.attempt import RunResult
from app.desk.run.end import End
from app.desk.run.give_up import give_up, recordable
from app.desk.run.notify import tell_end, tell_failure
from app.desk.stages.memory import run_memory
from app.desk.stages.nav_history import nav_point
from app.desk.states import AccountRead, Decided, Run
from app.domain.errors import Fenced, LedgerUnavailable, PortfolioError
from app.domain.navs import NavPoint

_logger = logging.getLogger(__name__)


async def close_and_tell(desk: Desk, end: End) -> RunResult:
    """Where the commit fails the run ends as failed, with all that can be recorded, and it raises."""
    run, waiting = end.run, await end.run.journal.drain()
    try:
        report = await _seal(desk, end, waiting, nav_point(run, end.status))
    except Fenced:
        raise
    except LedgerUnavailable as error:
        # Nothing is wrong with what it did: the next attempt closes it.
        await give_up(desk, run, error)
        raise
    except Exception as error:
        await _close_as_failed(desk, run, recordable(error), waiting)
        raise
    await tell_end(desk, run, end.status, end.note)
    await anchor_run(desk, run.key)
    run.progress(f"run {end.status.value}" + (f": {end.note}" if end.note else ""))
    return RunResult(run.run_id, end.status, report, fresh=True)


async def _seal(desk: Desk, end: End, waiting: Sequence[Event], nav: NavPoint | None = None) -> Mapping[str, Any]:
    run, status = end.run, end.status
    report = report_of(desk, run, status, end.note, await last_known(desk, run)).as_json()
    events = (*waiting, Event("run_closed", {"status": status.value, "note": end.note}))
    memory = run_memory(run, status)
    kept = run.kept if isinstance(run, Decided) else None
    await desk.in_thread(desk.ledger.close, run.own_claim, status, report, events, run.clock.now(), nav, memory, kept)
    return report


async def last_known(desk: Desk, run: Run) -> LastKnown | None:
    """The account by the runs before, for one that has not read it."""
    if isinstance(run, AccountRead):
        return None
    return newest_known(await desk.in_thread(desk.ledger.runs, RUNS_LOOKED_AT, run.key.book))


async def _close_as_failed(desk: Desk, run: Run, error: PortfolioError, waiting: Sequence[Event]) -> None:
    """With all that can be recorded: the report without the value, else its orders, with the last events or not."""
    status, why, orders = RunStatus.FAILED, str(error), _with_orders_alone(run)
    for each, events in ((run, waiting), (orders, waiting), (orders, ())):
        try:
            await _seal(desk, End(each, status, why), events)
        except Fenced:
            raise
        except Exception as again:  # noqa: BLE001 - whatever it is, what is left to put on record is tried next
            _logger.error("run %s cannot be closed as failed, either: %s", run.run_id, type(again).__name__)
        else:
            break
    else:
        await desk.in_thread(desk.ledger.abandon, run.own_claim, status, why, run.clock.now())
    await tell_failure(desk, run.key, status, error)
    await anchor_run(desk, run.key)


def _with_orders_alone(run: Run) -> Run:
    """As it was opened, and what became of its orders."""
    return Run(
        run_id=run.run_id,
        key=run.key,
        mode=run.mode,
        broker_session=run.broker_session,
        session=run.session,
        clock=run.clock,
        journal=run.journal,
        claim=run.claim,
        results=run.results,
    )
