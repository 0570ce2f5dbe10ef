"""Keeps requests inside the broker's limits; one violation shuts the whole address out for minutes.

A request counts from when its answer came in, not from when it was sent: the gateway stamps it somewhere between the
two, so the answer's time is the earliest that makes the next request provably late enough.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from api_gateway.clientportal.errors import PacingViolation
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.request_limits import GLOBAL, SLOW, Limit, PacingRules, limit_of

# A call that would have to wait longer than this is refused, so that no caller hangs on a quarter-hour limit.
LONGEST_WAIT_SECONDS: Final = 15.0
# What two clocks may differ in speed.
_DRIFT: Final = 1.0001
_SHORTEST_SLEEP: Final = 1e-6
_REPLIES: Final = "/iserver/reply/"


class Pacer:
    """One per gateway. `scale` multiplies every interval; only a simulator may announce another than 1."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        memory: GatewayMemory | None = None,
        *,
        address: str = "",
        rules: PacingRules | None = None,
    ) -> None:
        self.clock = clock
        self.scale = 1.0
        self._memory = memory or GatewayMemory()
        self.sleep = sleep
        self._address = address
        rules = rules or PacingRules()
        self._penalty_seconds = rules.penalty_seconds
        self._windows = {rules.history.name: _Window(rules.history)}
        self._boxed_until: float | None = None
        self._nobody_asked = asyncio.Event()
        self._nobody_asked.set()

    @asynccontextmanager
    async def slot(self, method: str, path: str) -> AsyncIterator[None]:
        """Holds a place in the endpoint's and in the global window. Raises: PacingViolation in the penalty box.

        Only the first in an endpoint's queue stands in the queue of all, so that five hundred requests of one kind
        hold up a request of another by one place.
        """
        limit = limit_of(method, path)
        own, everyone = self._window(limit), self._window(GLOBAL)
        answers = path.startswith(_REPLIES)
        async with own.queue:
            await self._free(own)
            while not await self._enter_both(own, everyone, answers):
                await self._nobody_asked.wait()
        try:
            yield
        finally:
            now = self.clock()
            own.leave(now)
            everyone.leave(now)
            if limit in SLOW:
                self._memory.use(limit.name)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Lets nothing but replies through meanwhile: any other request can invalidate the broker's question."""
        self._nobody_asked.clear()
        try:
            yield
        finally:
            self._nobody_asked.set()

    def recall(self) -> None:
        """Counts what an earlier process has used of the limits that outlast a restart."""
        ages = self._memory.ages()
        for limit in SLOW:
            if limit.name in ages:
                self._window(limit).used_before(self.clock() - ages[limit.name])

    async def pause(self, seconds: float) -> None:
        """Waits `seconds` of the gateway's time."""
        await self.sleep(seconds * self.scale)

    def wait(self, limit: Limit) -> float:
        """Seconds until the endpoint's window has a place, 0 when it has one now."""
        return self._window(limit).delay(self.clock(), self.scale) or 0.0

    def penalty(self) -> float:
        """Seconds for which nothing is sent, 0 outside the penalty box; an earlier process may have been put there."""
        if self._boxed_until is None:
            self._boxed_until = self.clock() + min(self._memory.penalty(self._address), self._penalty_seconds)
        return max(0.0, self._boxed_until - self.clock())

    def penalise(self) -> PacingViolation:
        """Shuts the box after a 429, and gives the error to raise: sending inside can end in a block for good."""
        seconds = self._penalty_seconds * self.scale
        self._boxed_until = self.clock() + seconds
        self._memory.keep_penalty(self._address, seconds)
        return PacingViolation(f"the gateway answered 429; nothing is sent for {seconds:.0f} s", seconds)

    def _refuse_in_box(self) -> None:
        left = self.penalty()
        if left > 0:
            raise PacingViolation(f"in the gateway's penalty box; nothing is sent for {left:.0f} s", left)

    def _window(self, limit: Limit) -> "_Window":
        return self._windows.setdefault(limit.name, _Window(limit))

    async def _enter_both(self, own: "_Window", everyone: "_Window", answers: bool) -> bool:
        """Takes both places, unless a question of the broker waits for an answer and this request is none."""
        async with everyone.queue:
            await self._free(everyone)
            if not (answers or self._nobody_asked.is_set()):
                return False
            own.enter()
            everyone.enter()
            return True

    async def _free(self, window: "_Window") -> None:
        """Waits for a place. Only its holder takes one, so that it stays free while the queue's lock is held."""
        self._refuse_in_box()
        while (delay := window.delay(self.clock(), self.scale)) != 0.0:
            if delay is None:
                await window.freed.wait()
            elif delay > LONGEST_WAIT_SECONDS:
                raise PacingViolation(f"{window.limit.name}: the broker's limit is free again in {delay:.0f} s", delay)
            else:
                await self.sleep(delay)
            self._refuse_in_box()


class _Window:
    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.queue = asyncio.Lock()
        self.freed = asyncio.Event()
        self._together = limit.together or limit.count
        self._in_flight = 0
        self._ended: deque[float] = deque(maxlen=limit.count)

    def delay(self, now: float, scale: float) -> float | None:
        """Seconds until a place may be free; None when only an answer in flight can free one."""
        span = self.limit.seconds * _DRIFT * scale
        live = [end for end in self._ended if now - end < span]
        if self._in_flight >= self._together:
            return None
        if self._in_flight + len(live) < self.limit.count:
            return 0.0
        # Never so little that a clock of any resolution stands still.
        return max(span - (now - min(live)), _SHORTEST_SLEEP) if live else None

    def used_before(self, ended: float) -> None:
        """Counts a request of an earlier process, unless this one has already sent a request."""
        if not self._ended and not self._in_flight:
            self._ended.append(ended)

    def enter(self) -> None:
        self._in_flight += 1
        self.freed.clear()

    def leave(self, now: float) -> None:
        self._in_flight -= 1
        self._ended.append(now)
        self.freed.set()
