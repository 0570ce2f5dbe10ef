"""Two clocks that start where they are put, tick with real time, move forward on request and never run backwards.

Market time ends with the price data. Session time has no end, and moving one clock never moves the other: a jump to the
next session of the exchange must not expire a login. Pacing and delays use real time, neither of these.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from api_gateway.simulator.errors import refused

Monotonic = Callable[[], float]


class MarketClock:
    def __init__(self, start: datetime, end: datetime, monotonic: Monotonic) -> None:
        self._base = start
        self._end = end
        self._monotonic = monotonic
        self._anchor = monotonic()

    def now(self) -> datetime:
        """Aware UTC; stands still at the end of the price data."""
        ticked = self._base + timedelta(seconds=self._monotonic() - self._anchor)
        return min(ticked, self._end)

    def move_to(self, target: datetime) -> datetime:
        """Raises: GatewayRefusal 400 for a naive time, a time in the past, or one past the end of the data."""
        if target.tzinfo is None:
            raise refused(400, "clock: give the time with its offset, for example 2022-12-28T15:00:00Z")
        now = self.now()
        if target < now:
            raise refused(400, f"clock: market time is {now.isoformat()} and never runs backwards")
        if target > self._end:
            raise refused(400, f"clock: the price data ends at {self._end.isoformat()}")
        self._base = target.astimezone(UTC)
        self._anchor = self._monotonic()
        return self._base


class SessionClock:
    """The time that logins, resets and maintenance go by."""

    def __init__(self, start: datetime, monotonic: Monotonic) -> None:
        self._start = start
        self._monotonic = monotonic
        self._anchor = monotonic()
        self._offset = timedelta(0)

    def now(self) -> datetime:
        """Aware UTC."""
        return self._start + timedelta(seconds=self._monotonic() - self._anchor) + self._offset

    def elapsed(self) -> timedelta:
        """Since the start of the world."""
        return self.now() - self._start

    def move_to(self, target: datetime) -> datetime:
        """Raises: GatewayRefusal 400 for a naive time or a time in the past."""
        if target.tzinfo is None:
            raise refused(400, "session clock: give the time with its offset, for example 2022-12-29T04:59:00Z")
        now = self.now()
        if target < now:
            raise refused(400, f"session clock: it is {now.isoformat()} and never runs backwards")
        self._offset += target - now
        return self.now()
