"""The record of every order request that ever reached the gateway, so that a test can prove how often one was sent."""

from dataclasses import dataclass, replace
from datetime import datetime

LIVE_LATER = "LiveLater"


@dataclass(frozen=True)
class Stamp:
    """When a request arrived: its place among all arrivals, this machine's monotonic clock, market time."""

    sequence: int
    monotonic: float
    market: datetime


@dataclass(frozen=True)
class Arrival:
    """The latest known fate of a request. `state` is None once an order exists: then the order's status counts.

    A broker that does not deduplicate makes an order of every arrival.
    """

    coid: str | None
    state: str | None = "Received"
    text: str = ""
    order_ids: tuple[int, ...] = ()
    stamps: tuple[Stamp, ...] = ()


class Arrivals:
    def __init__(self) -> None:
        self._rows: dict[str, Arrival] = {}
        self._total = 0

    def record(self) -> dict[str, Arrival]:
        """By key, in the order of their first arrival."""
        return dict(self._rows)

    def restore(self, rows: dict[str, Arrival]) -> None:
        self._rows = dict(rows)
        self._total = sum(len(row.stamps) for row in rows.values())

    def rows(self) -> tuple[Arrival, ...]:
        return tuple(self._rows.values())

    def arrived(self, coid: str | None, monotonic: float, market: datetime) -> str:
        """Count a request. Returns its key: the client's order id, or a number of our own when it has none."""
        key = coid if coid is not None else f"#{len(self._rows) + 1}"
        self._total += 1
        row = self._rows.get(key, Arrival(coid))
        self._rows[key] = replace(row, stamps=(*row.stamps, Stamp(self._total, monotonic, market)))
        return key

    def note(self, key: str, state: str, text: str) -> None:
        """What became of a request that is not an order; a later duplicate never hides an accepted order."""
        row = self._rows[key]
        if not row.order_ids and row.state != LIVE_LATER:
            self._rows[key] = replace(row, state=state, text=text)

    def accepted(self, key: str, order_id: int) -> None:
        row = self._rows[key]
        self._rows[key] = replace(row, state=None, text="", order_ids=(*row.order_ids, order_id))
