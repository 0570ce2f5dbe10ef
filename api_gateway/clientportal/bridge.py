"""How often the brokerage session may be opened anew: with growing pauses, and never more than a few times an hour.

An attempt that fails changes nothing at the broker; a hundred of them look like an attack.
"""

from collections import deque
from typing import Final, Literal

Compete = Literal["never", "always"]
ATTEMPTS_AN_HOUR: Final = 8
_HOUR: Final = 3600.0
_FIRST_PAUSE: Final = 60.0
_LONGEST_PAUSE: Final = 900.0


class BridgeAttempts:
    """Times are the pacer's monotonic seconds; `scale` is its scale."""

    def __init__(self) -> None:
        self._tried: deque[float] = deque(maxlen=ATTEMPTS_AN_HOUR)
        self._failures = 0

    def take(self, now: float, scale: float) -> bool:
        """Whether one may be made now; it then counts as failed until `succeeded`."""
        if self._tried and now - self._tried[-1] < self._pause() * scale:
            return False
        if len(self._tried) == ATTEMPTS_AN_HOUR and now - self._tried[0] < _HOUR * scale:
            return False
        self._tried.append(now)
        self._failures += 1
        return True

    def succeeded(self) -> None:
        """Or a person logged in anew: the pauses begin anew, the hour does not."""
        self._failures = 0

    def _pause(self) -> float:
        if self._failures == 0:
            return 0.0
        return min(_FIRST_PAUSE * 2.0 ** (self._failures - 1), _LONGEST_PAUSE)
