"""What the order and trade lists show yet: with a lag, what is new is missing from them for a while.

A list never forgets: what it has shown once it shows for ever. Reads are counted per list, and only those that answer
with the list; the empty first read of a session is none.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Literal

from api_gateway.simulator.accounts.account_book import Position
from api_gateway.simulator.faults.fault_box import FaultBox

Listed = Literal["orders", "trades"]
# Positions with their prices.
Holdings = tuple[tuple[Position, Decimal], ...]


class PositionCache:
    """What a portfolio read has shown once it shows again, until it is told to look."""

    def __init__(self) -> None:
        self._seen: dict[str, Holdings] = {}

    def seen(self, account: str, fresh: Callable[[], Holdings]) -> Holdings:
        if account not in self._seen:
            self._seen[account] = fresh()
        return self._seen[account]

    def invalidate(self, account: str) -> None:
        self._seen.pop(account, None)


class ListMemory:
    def __init__(self, faults: FaultBox) -> None:
        self._faults = faults
        self._waited: dict[tuple[Listed, str], int] = {}
        self._shown: set[tuple[Listed, str]] = set()

    def shows(self, listed: Listed, key: str, since: datetime, now: datetime) -> bool:
        """Counts as one read of the entry; `since` is the market time at which it came to be."""
        entry = (listed, key)
        if entry in self._shown:
            return True
        lag = self._faults.lag(listed)
        waited = self._waited.get(entry, 0)
        if lag is not None and (waited < lag.reads or (now - since).total_seconds() < lag.seconds):
            self._waited[entry] = waited + 1
            return False
        self._shown.add(entry)
        return True
