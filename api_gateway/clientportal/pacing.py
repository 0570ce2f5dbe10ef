"""Keeps requests inside the broker's limits; one violation shuts the whole address out for minutes.

A request counts from when its answer came in, not from when it was sent: the gateway stamps it somewhere between the
two, so the answer's time is the earliest that makes the next request provably late enough.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from api_gateway.clientportal.errors import PacingViolation
from api_gateway.clientportal.memory import GatewayMemory

# The older documentation says 15 minutes, the newer 10; sending inside the box can end in a permanent block.
PENALTY_SECONDS: Final = 900.0
# A call that would have to wait longer than this is refused, so that no caller hangs on a quarter-hour limit.
LONGEST_WAIT_SECONDS: Final = 15.0


@dataclass(frozen=True)
class Limit:
    """At most `count` requests within any `seconds`; 0 seconds limits concurrency alone."""

    name: str
    count: int
    seconds: float


GLOBAL: Final = Limit("all endpoints", 10, 1.0)
ORDERS: Final = Limit("live orders", 1, 5.0)
TRADES: Final = Limit("trades", 1, 5.0)
ACCOUNTS: Final = Limit("portfolio accounts", 1, 5.0)
SNAPSHOT: Final = Limit("snapshot", 10, 1.0)
HISTORY: Final = Limit("history", 5, 0.0)
PERFORMANCE: Final = Limit("performance", 1, 900.0)
TICKLE: Final = Limit("tickle", 1, 1.0)
# Longer than a process takes to be replaced by another.
SLOW: Final = (ORDERS, TRADES, ACCOUNTS, PERFORMANCE)


class Pacer:
    """One per gateway. `scale` multiplies every interval; only a simulator may announce another than 1."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        memory: GatewayMemory | None = None,
    ) -> None:
        self.clock = clock
        self.scale = 1.0
        self._memory = memory or GatewayMemory()
        self.sleep = sleep
        self._windows: dict[str, _Window] = {}
        self._boxed_until = 0.0

    @asynccontextmanager
    async def slot(self, limit: Limit | None) -> AsyncIterator[None]:
        """Holds a place in the endpoint's and in the global window. Raises: PacingViolation in the penalty box."""
        self._refuse_in_box()
        windows = [self._window(each) for each in (limit, GLOBAL) if each is not None]
        entered: list[_Window] = []
        try:
            for window in windows:
                await self._enter(window)
                entered.append(window)
            self._refuse_in_box()
            yield
        finally:
            for window in entered:
                window.leave(self.clock())
            if limit in SLOW:
                self._memory.use(limit.name)

    def recall(self, limits: tuple[Limit, ...] = SLOW) -> None:
        """Counts what an earlier process has used of the limits that outlast a restart."""
        ages = self._memory.ages()
        for limit in limits:
            if limit.name in ages:
                self._window(limit).used_before(self.clock() - ages[limit.name])

    async def pause(self, seconds: float) -> None:
        """Waits `seconds` of the gateway's time."""
        await self.sleep(seconds * self.scale)

    def wait(self, limit: Limit) -> float:
        """Seconds until the endpoint's window has a place, 0 when it has one now."""
        return self._window(limit).delay(self.clock(), self.scale) or 0.0

    def penalise(self) -> PacingViolation:
        """Shuts the box after a 429, and gives the error to raise."""
        self._boxed_until = self.clock() + PENALTY_SECONDS * self.scale
        return PacingViolation(f"the gateway answered 429; {self._box_message()}")

    def _refuse_in_box(self) -> None:
        if self.clock() < self._boxed_until:
            raise PacingViolation(f"in the gateway's penalty box; {self._box_message()}")

    def _box_message(self) -> str:
        return f"nothing is sent for {self._boxed_until - self.clock():.0f} s"

    def _window(self, limit: Limit) -> "_Window":
        return self._windows.setdefault(limit.name, _Window(limit))

    async def _enter(self, window: "_Window") -> None:
        async with window.queue:
            while (delay := window.delay(self.clock(), self.scale)) != 0.0:
                if delay is None:
                    await window.freed.wait()
                elif delay > LONGEST_WAIT_SECONDS:
                    raise PacingViolation(f"{window.limit.name}: the broker's limit is free again in {delay:.0f} s")
                else:
                    await self.sleep(delay)
            window.enter()


class _Window:
    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.queue = asyncio.Lock()
        self.freed = asyncio.Event()
        self._in_flight = 0
        self._ended: deque[float] = deque(maxlen=limit.count)

    def delay(self, now: float, scale: float) -> float | None:
        """Seconds until a place may be free; None when only an answer in flight can free one."""
        span = self.limit.seconds * scale
        live = [end for end in self._ended if end + span > now]
        if self._in_flight + len(live) < self.limit.count:
            return 0.0
        return min(live) + span - now if live else None

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
