"""Over HTTP: the audit trail while it grows. Whoever waits for the next event takes no thread from the runs."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.desk.event_pages import Wanted, page_of
from app.desk.ports import Ledger
from app.domain.errors import LedgerError
from app.web.middleware import SERVED

# A service that is told to end answers first whoever waits.
LONGEST_WAIT_SECONDS = 8.0
# A service that ends waits so long for the thread that looks.
_LOOK_SECONDS = 1.0
router = APIRouter(responses=SERVED)


class Growth:
    """How far the ledger has come: one thread looks, for all who wait."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, "events")
        self._newest = 0
        self._look: asyncio.Task[bool] | None = None

    async def beyond(self, after: int, seconds: float) -> None:
        """Until there is a later event, or so many seconds have passed."""
        try:
            async with asyncio.timeout(seconds):
                while self._newest <= after:
                    if self._look is None or self._look.done():
                        self._look = asyncio.create_task(self._see())
                    # Others wait for the same look. Of one that failed the caller's next read says why.
                    if not await asyncio.shield(self._look):
                        return
        except TimeoutError:
            return

    async def close(self) -> None:
        """Once its look is over, so that it leaves nothing open behind."""
        await asyncio.to_thread(self._thread.shutdown)

    async def _see(self) -> bool:
        look = asyncio.get_running_loop().run_in_executor
        try:
            self._newest = await look(self._thread, self._ledger.await_events, self._newest, _LOOK_SECONDS)
        except LedgerError:
            return False
        return True


@router.get("/events")
async def events(
    request: Request,
    after: Annotated[int | None, Query(ge=0)] = None,
    book: str | None = None,
    kind: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT_SECONDS)] = 0,
) -> dict[str, Any]:
    """Events after a number, without one the newest; of one book or account, of kinds set apart by commas.

    `after` in the answer is where to go on. `wait`: seconds to wait for the first event where there is none.
    """
    wanted = Wanted(after, book, tuple(kind.split(",")) if kind else (), limit)
    ledger: Ledger = request.app.state.wiring.ledger
    growth: Growth = request.app.state.growth
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while True:
        page = await asyncio.to_thread(page_of, ledger, wanted)
        if page.events or (left := until - loop.time()) <= 0:
            return page.as_json()
        await growth.beyond(page.after, left)
        wanted = replace(wanted, after=page.after)
