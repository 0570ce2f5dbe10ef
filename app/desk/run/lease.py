"""The lease of a claimed run: renewed while its work goes on, and given back when the work is told to stop."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.desk.desk import Desk
from app.desk.records import Claim, RunStatus
from app.desk.states import Run
from app.domain.errors import Fenced, LedgerError

_logger = logging.getLogger(__name__)


@asynccontextmanager
async def keep_lease(desk: Desk, run: Run) -> AsyncIterator[None]:
    """Renews it until the work ends, and not after; when it cannot, the fence stops the next write."""
    over = asyncio.Event()

    async def renew_until_over() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), desk.lease_seconds / 3)
            if not over.is_set():
                await _renew(desk, run.own_claim)

    heartbeat = asyncio.create_task(renew_until_over(), name="lease")
    try:
        try:
            yield
        finally:
            over.set()
            # A renewal that is under way would hold the lease of a run that has ended.
            await asyncio.gather(heartbeat, return_exceptions=True)
    except asyncio.CancelledError:
        await _give_back(desk, run)
        raise


async def _renew(desk: Desk, claim: Claim) -> None:
    try:
        await desk.in_thread(desk.ledger.renew, claim)
    except Fenced:
        raise
    except LedgerError as error:
        # The database may answer again before the lease has lapsed.
        _logger.warning("the lease of run %s is not renewed: %s", claim.run_id, error)


async def _give_back(desk: Desk, run: Run) -> None:
    """Told to stop, which is no failure to tell of: the next caller need not wait for the lease."""
    at, why = run.clock.now(), "the run was stopped"
    run.journal.keep_to_the_run()
    with suppress(LedgerError):
        await run.journal.flush()
    with suppress(LedgerError):
        await desk.in_thread(desk.ledger.abandon, run.own_claim, RunStatus.FAILED, why, at)
