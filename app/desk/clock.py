"""Market time: the system's, or the simulated broker's."""

import sys
import time
from datetime import UTC, datetime, timedelta

from app.desk.ports import Clock
from app.domain.session import BrokerSession


def steady_seconds() -> float:
    """Seconds since some moment, for deadlines: they never go back, and they pass while the machine sleeps."""
    if sys.platform == "linux":
        # There the monotonic clock stands still in a suspended machine, and an old deadline would seem far away.
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)


class SimulatedClock:
    """Runs on from the simulator's time, second by second."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._began = time.monotonic()

    def now(self) -> datetime:
        """See `Clock.now`."""
        return self._start + timedelta(seconds=time.monotonic() - self._began)


def market_clock(session: BrokerSession) -> Clock:
    """The simulator's clock when the session carries its marker, the system's otherwise."""
    return SimulatedClock(session.now) if session.simulation else SystemClock()
