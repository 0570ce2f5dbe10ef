"""An end that the database could not take is put on record once it can.

So nobody waits for the lease of a run that is over. Where the process ends first, that frees the run.
"""

import asyncio

from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.states import Run
from app.domain.errors import LedgerError, LedgerUnavailable, PortfolioError

TRY_SECONDS = 1.0
_waiting: set[asyncio.Task[None]] = set()


def abandon_later(desk: Desk, run: Run, status: RunStatus, error: PortfolioError) -> None:
    """Tries in the background, for as long as the lease could hold."""
    task = asyncio.create_task(_abandon(desk, run, status, error), name="end")
    _waiting.add(task)
    task.add_done_callback(_waiting.discard)


async def _abandon(desk: Desk, run: Run, status: RunStatus, error: PortfolioError) -> None:
    until = desk.steady() + desk.lease_seconds
    while desk.steady() < until:
        await desk.sleep(TRY_SECONDS)
        try:
            await desk.in_thread(desk.ledger.abandon, run.own_claim, status, str(error), run.clock.now())
        except LedgerUnavailable:
            continue
        except LedgerError:
            # Somebody else has it by now, or it is another ledger.
            return
        return
