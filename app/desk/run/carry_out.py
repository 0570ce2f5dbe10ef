"""The work on a claimed run: under its lease, and on record when it fails, before the caller hears of it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.desk.desk import Desk
from app.desk.readiness import session_lost
from app.desk.records import RunStatus
from app.desk.run.end import End
from app.desk.run.give_up import give_up, recordable
from app.desk.run.lease import keep_lease
from app.desk.states import Run
from app.domain.errors import BrokerUnavailable, Fenced, Halted, PortfolioError
from app.domain.ruling import KillLevel


async def carry_out(desk: Desk, run: Run, work: Callable[[Desk, Run], Awaitable[End]]) -> End:
    """How the work ended, to be closed. Books that contradict each other halt trading; any other error is raised."""
    started = time.perf_counter()
    try:
        async with keep_lease(desk, run):
            end = await work(desk, run)
    except Halted as halted:
        await desk.in_thread(desk.ledger.tighten, run.key.book, KillLevel.HALTED, str(halted), run.clock.now())
        return End(run, RunStatus.HALTED, str(halted))
    except Fenced:
        raise
    except PortfolioError as error:
        lost = await session_lost(desk) if isinstance(error, BrokerUnavailable) else None
        await give_up(desk, run, lost or error)
        if lost is not None:
            raise lost from error
        raise
    except Exception as error:
        await give_up(desk, run, recordable(error))
        raise
    milliseconds = (time.perf_counter() - started) * 1000
    return replace(end, run=replace(end.run, timings={**end.run.timings, "total": milliseconds}))
