"""How often one caller may call: generous for a person and a scheduler, too little to keep others from the service."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

CALLS_A_MINUTE = 600
_MINUTE = 60.0
# Whoever is forgotten starts anew; that costs less than remembering everybody who ever called.
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Budget:
    """What was left at that time; it fills up again by the second."""

    left: float
    at: float


class CallLimits:
    """A bucket of a minute's calls for each address. `clock` is monotonic seconds."""

    def __init__(self, a_minute: int = CALLS_A_MINUTE, clock: Callable[[], float] = time.monotonic) -> None:
        self.a_minute = a_minute
        self._clock = clock
        self._budgets: dict[tuple[str, bool], _Budget] = {}

    def wait(self, address: str, *, known: bool) -> int | None:
        """None where the call may go on, and it is counted; else after how many whole seconds one may."""
        now, caller = self._clock(), (address, known)
        before = self._budgets.pop(caller, _Budget(self.a_minute, now))
        a_second = self.a_minute / _MINUTE
        left = min(float(self.a_minute), before.left + (now - before.at) * a_second)
        free = left >= 1
        # The one that called last stands last, so that the first is the one to forget.
        self._budgets[caller] = _Budget(left - 1 if free else left, now)
        if len(self._budgets) > _MOST_REMEMBERED:
            del self._budgets[next(iter(self._budgets))]
        return None if free else math.ceil((1 - left) / a_second)
