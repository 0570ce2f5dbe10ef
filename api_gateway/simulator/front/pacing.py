"""The gateway's request limits, enforced exactly and on real time.

All intervals, the penalty included, are multiplied by one scale: 0.1 makes every limit ten times looser, 0 switches
them off. A violation is answered with status 429 and puts the caller into the penalty box, where every endpoint answers
429.
Source: IBKR documentation; the penalty is ten or fifteen minutes, depending on the page.
"""

from collections import Counter, deque
from dataclasses import dataclass

from api_gateway.simulator.clock import Monotonic

PENALTY_SECONDS = 600.0


@dataclass(frozen=True)
class Limit:
    """At most `count` requests in any window of `seconds`; a request exactly `seconds` later is allowed."""

    count: int
    seconds: float


GLOBAL = Limit(10, 1.0)
PER_ENDPOINT: dict[tuple[str, str], Limit] = {
    ("GET", "/iserver/account/orders"): Limit(1, 5.0),
    ("GET", "/iserver/account/trades"): Limit(1, 5.0),
    ("GET", "/iserver/account/pnl/partitioned"): Limit(1, 5.0),
    ("GET", "/portfolio/accounts"): Limit(1, 5.0),
    ("GET", "/portfolio/subaccounts"): Limit(1, 5.0),
    ("GET", "/iserver/marketdata/snapshot"): Limit(10, 1.0),
    ("POST", "/pa/performance"): Limit(1, 900.0),
    ("POST", "/pa/allperiods"): Limit(1, 900.0),
    ("POST", "/pa/transactions"): Limit(1, 900.0),
    ("GET", "/iserver/scanner/params"): Limit(1, 900.0),
    ("POST", "/iserver/scanner/run"): Limit(1, 1.0),
    ("GET", "/sso/validate"): Limit(1, 60.0),
    ("GET", "/tickle"): Limit(1, 1.0),
    ("POST", "/tickle"): Limit(1, 1.0),
}
# Every notification path shares one window.
_NOTICES, _NOTICES_LIMIT = ("*", "/fyi/*"), Limit(1, 1.0)
CONCURRENT: dict[tuple[str, str], int] = {("GET", "/iserver/marketdata/history"): 5}


def _endpoint(method: str, path: str) -> tuple[str, str]:
    if path.startswith("/fyi/"):
        return _NOTICES
    return ("POST", "/tickle") if path == "/tickle" else (method, path)


class Pacer:
    def __init__(self, scale: float, monotonic: Monotonic, penalty_seconds: float = PENALTY_SECONDS) -> None:
        self.scale = scale
        self._monotonic = monotonic
        self._penalty = penalty_seconds
        self._boxed_until = float("-inf")
        self._seen: dict[Limit | tuple[str, str], deque[float]] = {}
        self._running: Counter[tuple[str, str]] = Counter()

    def admit(self, method: str, path: str) -> str | None:
        """None when the request may pass, else why not. Every request that passes counts against its windows."""
        now = self._monotonic()
        if now < self._boxed_until:
            return f"penalty box: {self._boxed_until - now:.1f} s left"
        if self.scale == 0:
            return None
        broken = self._broken(_endpoint(method, path), now)
        if broken is not None:
            self.box()
        return broken

    def _broken(self, endpoint: tuple[str, str], now: float) -> str | None:
        if not self._take(GLOBAL, GLOBAL, now):
            return f"more than {GLOBAL.count} requests in {GLOBAL.seconds * self.scale:g} s"
        limit = _NOTICES_LIMIT if endpoint == _NOTICES else PER_ENDPOINT.get(endpoint)
        if limit is not None and not self._take(endpoint, limit, now):
            return f"{endpoint[0]} {endpoint[1]}: more than {limit.count} in {limit.seconds * self.scale:g} s"
        concurrent = CONCURRENT.get(endpoint)
        if concurrent is not None and self._running[endpoint] >= concurrent:
            return f"{endpoint[0]} {endpoint[1]}: more than {concurrent} at a time"
        return None

    def _take(self, key: Limit | tuple[str, str], limit: Limit, now: float) -> bool:
        times = self._seen.setdefault(key, deque())
        while times and now - times[0] >= limit.seconds * self.scale:
            times.popleft()
        if len(times) >= limit.count:
            return False
        times.append(now)
        return True

    def box(self) -> None:
        """As a violation would, also where the limits are switched off."""
        self._boxed_until = self._monotonic() + self._penalty * (self.scale or 1.0)

    def penalty_left(self) -> float:
        """Seconds of real time; 0.0 outside the penalty box."""
        return max(self._boxed_until - self._monotonic(), 0.0)

    def rescale(self, scale: float) -> None:
        """From now on; what was counted and boxed before is forgotten."""
        self.scale = scale
        self._boxed_until = float("-inf")
        self._seen.clear()

    def started(self, method: str, path: str) -> None:
        self._running[(method, path)] += 1

    def finished(self, method: str, path: str) -> None:
        self._running[(method, path)] -= 1
