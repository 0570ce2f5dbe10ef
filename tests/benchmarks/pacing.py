"""The shortest time in which the broker lets a run's requests through: what no faster code could save.

A lower bound. It knows how many requests of each kind a run sent, not which had to wait for another's answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ALL = "all endpoints"
WATCHDOG = "POST /tickle"
STATUS = "POST /iserver/auth/status"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` requests within any `seconds`."""

    count: int
    seconds: float


# Source: IBKR, Client Portal Web API, pacing limitations.
GLOBAL: Final = Limit(10, 1.0)
PER_ENDPOINT: Final[Mapping[str, Limit]] = {
    "GET /iserver/account/orders": Limit(1, 5.0),
    "GET /iserver/account/trades": Limit(1, 5.0),
    "GET /iserver/account/pnl/partitioned": Limit(1, 5.0),
    "GET /portfolio/accounts": Limit(1, 5.0),
    "GET /portfolio/subaccounts": Limit(1, 5.0),
    "GET /iserver/marketdata/snapshot": Limit(10, 1.0),
    "POST /pa/performance": Limit(1, 900.0),
    "POST /pa/allperiods": Limit(1, 900.0),
    "POST /pa/transactions": Limit(1, 900.0),
    "GET /iserver/scanner/params": Limit(1, 900.0),
    "POST /iserver/scanner/run": Limit(1, 1.0),
    "GET /sso/validate": Limit(1, 60.0),
    "POST /tickle": Limit(1, 1.0),
}


@dataclass(frozen=True, slots=True)
class Minimum:
    """`seconds` from the first request to the last, and the limit that makes it so long; None when none does."""

    seconds: float
    binding: str | None


def pacing_minimum(calls: Mapping[str, int], scale: float) -> Minimum:
    """For requests by method and path template, every window empty before the first of them.

    The request after each full window waits for the next, the last full window for nothing; the strictest limit counts.
    """
    waits = {ALL: least_seconds(sum(calls.values()), GLOBAL)}
    waits |= {name: least_seconds(count, PER_ENDPOINT[name]) for name, count in calls.items() if name in PER_ENDPOINT}
    binding = max(waits, key=lambda name: waits[name])
    return Minimum(waits[binding] * scale, binding if waits[binding] > 0 else None)


def run_only(calls: Mapping[str, int]) -> dict[str, int]:
    """Without the session watchdog's beats, each of which also asks for the session's status."""
    beats = calls.get(WATCHDOG, 0)
    own = {**calls, WATCHDOG: 0, STATUS: calls.get(STATUS, 0) - beats}
    return {name: count for name, count in own.items() if count > 0}


def least_seconds(requests: int, limit: Limit) -> float:
    """From the first of the requests to the last, where this limit alone counts."""
    return max(0, requests - 1) // limit.count * limit.seconds
