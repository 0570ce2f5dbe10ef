"""Market time: starts where it is put, ticks with real time, and moves forward on request.

It never runs backwards and never past the end of the price data. Pacing and delays use real time, not this clock.
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
