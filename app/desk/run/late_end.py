"""An end that the database could not take is put on record once it can.

So nobody waits for the lease of a run that is over. Where the process ends first, that frees the run.
"""

import asyncio
import time

from app.desk.desk import Desk
from app.desk.records import Claim, RunStatus
from app.desk.states import Run
from app.domain.errors import LedgerError, LedgerUnavailable, PortfolioError

TRY_SECONDS = 1.0
_waiting: set[asyncio.Task[None]] = set()


def abandon_later(desk: Desk, run: Run, claim: Claim, status: RunStatus, error: PortfolioError) -> None:
    """Tries in the background, for as long as the lease could hold."""
    task = asyncio.create_task(_abandoned(desk, run, claim, status, error), name="end")
    _waiting.add(task)
    task.add_done_callback(_waiting.discard)


async def _abandoned(desk: Desk, run: Run, claim: Claim, status: RunStatus, error: PortfolioError) -> None:
    until = time.monotonic() + desk.lease_seconds
    while time.monotonic() < until:
        await asyncio.sleep(TRY_SECONDS)
        try:
            await desk.in_thread(desk.ledger.abandon, claim, status, str(error), run.clock.now())
        except LedgerUnavailable:
            continue
        except LedgerError:
            # Somebody else has it by now, or it is another ledger.
            return
        return
