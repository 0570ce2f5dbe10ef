"""The broker's published request limits, by endpoint, so that no caller can forget one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Limit:
    """At most `count` requests within any `seconds`, and no more than `together` at a time, None for `count`.

    0 seconds limit concurrency alone.
    """

    name: str
    count: int
    seconds: float
    together: int | None = None


GLOBAL: Final = Limit("all endpoints", 10, 1.0)
ORDERS: Final = Limit("live orders", 1, 5.0)
TRADES: Final = Limit("trades", 1, 5.0)
PNL: Final = Limit("profit and loss", 1, 5.0)
ACCOUNTS: Final = Limit("portfolio accounts", 1, 5.0)
SUBACCOUNTS: Final = Limit("subaccounts", 1, 5.0)
SNAPSHOT: Final = Limit("snapshot", 10, 1.0)
HISTORY: Final = Limit("history", 5, 0.0)
SCANNER_PARAMETERS: Final = Limit("scanner parameters", 1, 900.0)
SCANNER_RUN: Final = Limit("scanner run", 1, 1.0)
PERFORMANCE: Final = Limit("performance", 1, 900.0)
ALL_PERIODS: Final = Limit("performance of all periods", 1, 900.0)
PERFORMANCE_SUMMARY: Final = Limit("performance summary", 1, 900.0)
TRANSACTIONS: Final = Limit("transactions", 1, 900.0)
VALIDATION: Final = Limit("session validation", 1, 60.0)
TICKLE: Final = Limit("tickle", 1, 1.0)
NOTICES: Final = Limit("notifications", 1, 1.0)

_PER_ENDPOINT: Final[Mapping[tuple[str, str], Limit]] = {
    ("GET", "/iserver/account/orders"): ORDERS,
    ("GET", "/iserver/account/trades"): TRADES,
    ("GET", "/iserver/account/pnl/partitioned"): PNL,
    ("GET", "/portfolio/accounts"): ACCOUNTS,
    ("GET", "/portfolio/subaccounts"): SUBACCOUNTS,
    ("GET", "/portfolio/subaccounts2"): SUBACCOUNTS,
    ("GET", "/iserver/marketdata/snapshot"): SNAPSHOT,
    ("GET", "/iserver/marketdata/history"): HISTORY,
    ("GET", "/iserver/scanner/params"): SCANNER_PARAMETERS,
    ("POST", "/iserver/scanner/run"): SCANNER_RUN,
    ("POST", "/pa/performance"): PERFORMANCE,
    ("POST", "/pa/allperiods"): ALL_PERIODS,
    ("POST", "/pa/summary"): PERFORMANCE_SUMMARY,
    ("POST", "/pa/transactions"): TRANSACTIONS,
    ("GET", "/sso/validate"): VALIDATION,
    ("GET", "/tickle"): TICKLE,
    ("POST", "/tickle"): TICKLE,
}
_NOTICES_BELOW: Final = "/fyi/"
# Windows longer than a process takes to be replaced by another.
SLOW: Final = tuple(limit for limit in dict.fromkeys(_PER_ENDPOINT.values()) if limit.seconds >= 5.0)


@dataclass(frozen=True)
class PacingRules:
    """What the broker's pages disagree on.

    `penalty_seconds` 900 in the older, 600 in the newer · `histories_per_minute` None in the older, 50 in the newer.
    """

    penalty_seconds: float = 900.0
    histories_per_minute: int | None = None

    @property
    def history(self) -> Limit:
        if self.histories_per_minute is None:
            return HISTORY
        return Limit(HISTORY.name, self.histories_per_minute, 60.0, HISTORY.count)


def limit_of(method: str, path: str) -> Limit:
    """The endpoint's own limit; for one without, a name of its kind and no more at a time than all may send."""
    if path.startswith(_NOTICES_BELOW):
        return NOTICES
    found = _PER_ENDPOINT.get((method, path))
    # Accounts, ids and conids do not make an endpoint of their own.
    return found or Limit(f"{method} {re.sub(r'/[^/]*[0-9]{2}[^/]*', '/*', path)}", GLOBAL.count, 0.0)
