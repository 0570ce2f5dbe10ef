"""The audit of what people and alarms set: kill levels, flows and quarantines are what their events say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Text, cast, select, type_coerce

from app.domain.ruling import KillLevel
from app.ledger.events import OwnKind
from app.ledger.schema import control, flows, quarantines

# A row that nobody has set: it only serves as a lock.
_NEVER_SET = (KillLevel.ACTIVE.value, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the events say, by book and the record's own key."""

    levels: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    flows: dict[tuple[str, int], tuple[Any, ...]] = field(default_factory=dict)
    quarantines: dict[tuple[str, int], tuple[Any, ...]] = field(default_factory=dict)

    def note(self, book: str, seq: int, kind: str, payload: Mapping[str, Any], at: str) -> None:
        """One event, known to be as it was written."""
        if kind in (OwnKind.LEVEL_RAISED, OwnKind.LEVEL_SET):
            before = self.levels.get(book, _NEVER_SET)
            reviewed = payload.get("reviewed", before[-1])
            self.levels[book] = (payload["level"], payload["reason"], payload["actor"], at, reviewed)
        elif kind == OwnKind.FLOW_ADDED:
            told = (payload["session_date"], payload["amount"], payload["note"], payload["actor"])
            self.flows[book, seq] = told
        elif kind == OwnKind.QUARANTINED:
            self.quarantines[book, payload["conid"]] = (payload["symbol"], payload["reason"], payload["since"])
        elif kind == OwnKind.QUARANTINE_RELEASED:
            del self.quarantines[book, payload["conid"]]

    def check(self, connection: Connection) -> Iterator[str]:
        """Every row against what was told of it, and the other way round."""
        yield from _check_levels(connection, dict(self.levels))
        yield from _check_flows(connection, dict(self.flows))
        yield from _check_quarantines(connection, dict(self.quarantines))


def _check_levels(connection: Connection, expected: dict[str, tuple[Any, ...]]) -> Iterator[str]:
    at = type_coerce(control.c.at, Text).label("at")
    stored = select(control.c.book, control.c.level, control.c.reason, control.c.actor, at, control.c.reviewed)
    for book, *row in connection.execute(stored.order_by(control.c.book)):
        if tuple(row) != expected.pop(book, _NEVER_SET):
            yield f"book {book}: its kill level is not what the events say"
    for book in expected:
        yield f"book {book}: its kill level is missing"


def _check_flows(connection: Connection, expected: dict[tuple[str, int], tuple[Any, ...]]) -> Iterator[str]:
    day = cast(flows.c.session_date, Text).label("day")
    amount = type_coerce(flows.c.amount, Text).label("amount")
    stored = select(flows.c.book, flows.c.seq, day, amount, flows.c.note, flows.c.actor)
    for book, seq, *row in connection.execute(stored.order_by(flows.c.book, flows.c.seq)):
        if tuple(row) != expected.pop((book, seq), None):
            yield f"book {book}, flow of event {seq}: is not what the event says"
    for book, seq in expected:
        yield f"book {book}, flow of event {seq}: is missing"


def _check_quarantines(connection: Connection, expected: dict[tuple[str, int], tuple[Any, ...]]) -> Iterator[str]:
    since = cast(quarantines.c.since, Text).label("since")
    stored = select(quarantines.c.book, quarantines.c.conid, quarantines.c.symbol, quarantines.c.reason, since)
    for book, conid, *row in connection.execute(stored.order_by(quarantines.c.book, quarantines.c.conid)):
        if tuple(row) != expected.pop((book, conid), None):
            yield f"book {book}, quarantine of conid {conid}: is not what the events say"
    for book, conid in expected:
        yield f"book {book}, quarantine of conid {conid}: is missing"
