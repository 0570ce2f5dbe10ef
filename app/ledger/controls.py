"""What people and alarms have set: kill levels and quarantined names.

Nothing here is loosened by itself but a level that metrics raised, and only where nobody has touched it since.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, distinct, func, or_, select, update

from app.desk.records import Control, Event, Quarantine
from app.domain.errors import LedgerError
from app.domain.ruling import Cause, KillLevel
from app.ledger import events, run_memory
from app.ledger.events import OwnKind
from app.ledger.schema import control, intents, quarantines, runs
from app.ledger.transactions import insert_if_absent
from app.record.canonical import canonical

# The book whose level binds all books; its events have a chain of their own.
ALL_BOOKS = "*"
AUTOMATIC = "automatic"
# Any number that nothing else in the database locks by.
_LEVEL_LOCKS = 7_305_612
_STRICTNESS = {KillLevel.ACTIVE: 0, KillLevel.REDUCING: 1, KillLevel.HALTED: 2}
_BINDING = or_(control.c.book == ALL_BOOKS, control.c.book == bindparam("of"))
_SET = select(control).where(_BINDING)
_NAMES = select(quarantines).where(quarantines.c.book == bindparam("of"))
_REVIEWED = select(func.coalesce(func.max(control.c.reviewed), 0)).where(_BINDING)
_RESUMED = select(func.max(control.c.resumed)).where(_BINDING)
# By the orders that were sent: most runs send none.
_SENT_SINCE = (
    select(func.count(distinct(intents.c.run_id)))
    .join(runs, runs.c.run_id == intents.c.run_id)
    .where(intents.c.book == bindparam("of"), intents.c.sends == 1, runs.c.number > _REVIEWED.scalar_subquery())
)
_NOBODY = Control(KillLevel.ACTIVE, "nobody has set a level", "", None)


def level(connection: Connection, book: str | None) -> Control:
    """The stricter of the book's own and that of all books; of equals the one of all books."""
    stored = connection.execute(_SET, {"of": book or ALL_BOOKS})
    found = sorted(stored, key=lambda row: row.book != ALL_BOOKS)
    return max(map(_as_control, found), key=_strictness, default=_NOBODY)


def locked_level(connection: Connection, book: str) -> KillLevel:
    """The level in force, which nobody can change before this transaction ends. It is also the lock of a day's use."""
    # Books wait for a change of the level that binds them all, not for one another.
    _lock(connection, _shared_lock(ALL_BOOKS), _lock_of(book))
    return level(connection, book).level


def tighten(
    connection: Connection, book: str, level_wanted: KillLevel, reason: str, at: datetime, causes: Sequence[Cause] = ()
) -> Control:
    """The book's own level only goes up; what metrics raised may be held by others from now on."""
    _require(reason, "a reason")
    own = _locked(connection, book)
    wanted = Control(level_wanted, reason, AUTOMATIC, at, tuple(causes))
    held_on = own.level is level_wanted and own.causes and wanted.causes and own.causes != wanted.causes
    if _strictness(wanted) > _strictness(own) or held_on:
        _store(connection, book, wanted)
        _tell(connection, book, OwnKind.LEVEL_RAISED, wanted)
    return level(connection, book)


def ease(connection: Connection, book: str, seen: Control, reason: str, at: datetime) -> Control:
    """Whatever anybody else has set since stays."""
    _require(reason, "a reason")
    if seen.causes and _locked(connection, book) == seen:
        wanted = Control(KillLevel.ACTIVE, reason, AUTOMATIC, at)
        _store(connection, book, wanted)
        _tell(connection, book, OwnKind.LEVEL_LOWERED, wanted)
    return level(connection, book)


def set_level(
    connection: Connection, book: str | None, level_wanted: KillLevel, reason: str, actor: str, at: datetime
) -> Control:
    """Up or down, by a person; what is in force for the book afterwards may still be stricter."""
    _require(reason, "a reason")
    _require(actor, "a person's name")
    where = ALL_BOOKS if book is None else book
    _lock(connection, _lock_of(where))
    wanted = Control(level_wanted, reason, actor, at)
    told = {"reviewed": connection.execute(select(func.coalesce(func.max(runs.c.number), 0))).scalar_one()}
    measured = run_memory.newest_measured(connection) if level_wanted is KillLevel.ACTIVE else None
    if measured is not None:
        told["resumed"] = measured
    _store(connection, where, wanted, told)
    _tell(connection, where, OwnKind.LEVEL_SET, wanted, told)
    return level(connection, where)


def resumed_at(connection: Connection, book: str) -> int | None:
    """The newest run that had measured as a person last resumed; None where none ever did."""
    found: int | None = connection.execute(_RESUMED, {"of": book}).scalar_one()
    return found


def reviewed_at(connection: Connection, book: str) -> int:
    """The newest run as a person last set a level."""
    found: int = connection.execute(_REVIEWED, {"of": book}).scalar_one()
    return found


def runs_since_review(connection: Connection, book: str) -> int:
    """Counted by when runs were made, as market time may be simulated."""
    return connection.execute(_SENT_SINCE, {"of": book}).scalar_one()


def quarantine(connection: Connection, book: str, name: Quarantine, at: datetime) -> None:
    """The first reason stays."""
    _require(name.reason, "a reason")
    # The chain's head is the book's lock.
    events.head(connection, book)
    values = {
        "book": book,
        "conid": name.conid,
        "symbol": name.symbol,
        "reason": name.reason,
        "since": name.since,
    }
    if insert_if_absent(connection, quarantines, values):
        payload = {key: value for key, value in values.items() if key != "book"}
        events.append(connection, book, None, (Event(OwnKind.QUARANTINED, payload),), at)


def release(connection: Connection, book: str, conid: int, reason: str, actor: str, at: datetime) -> None:
    """The trail keeps what was removed."""
    _require(reason, "a reason")
    _require(actor, "a person's name")
    events.head(connection, book)
    gone = connection.execute(delete(quarantines).where(quarantines.c.book == book, quarantines.c.conid == conid))
    if gone.rowcount == 0:
        raise LedgerError(
            f"conid {conid} is not in quarantine", "`portfolio show` of the newest run lists those that are"
        )
    payload = {"conid": conid, "reason": reason, "actor": actor}
    events.append(connection, book, None, (Event(OwnKind.QUARANTINE_RELEASED, payload),), at)


def quarantined(connection: Connection, book: str) -> tuple[Quarantine, ...]:
    """By symbol."""
    stored = connection.execute(_NAMES, {"of": book})
    names = [Quarantine(row.conid, row.symbol, row.reason, row.since) for row in stored]
    return tuple(sorted(names, key=lambda name: (name.symbol, name.conid)))


def _lock_of(book: str) -> ColumnElement[Any]:
    """A lock of the book's level, also where nobody has set one and there is no row."""
    return func.pg_advisory_xact_lock(_LEVEL_LOCKS, func.hashtext(book))


def _shared_lock(book: str) -> ColumnElement[Any]:
    return func.pg_advisory_xact_lock_shared(_LEVEL_LOCKS, func.hashtext(book))


def _lock(connection: Connection, *locks: ColumnElement[Any]) -> None:
    """One after the other, until the transaction ends. SQLite has one writer at a time as it is."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(*locks))


def _as_control(row: Row[Sequence[object]]) -> Control:
    causes = [_cause(told) for told in json.loads(row.causes)] if row.causes else ()
    return Control(KillLevel(row.level), row.reason, row.actor, row.at, tuple(causes))


def _cause(told: Mapping[str, Any]) -> Cause:
    return Cause(told["metric"], date.fromisoformat(told["session_date"]), told["value"], told["limit"])


def _locked(connection: Connection, book: str) -> Control:
    """The book's own level, which nobody can change before this transaction ends."""
    _lock(connection, _lock_of(book))
    row = connection.execute(select(control).where(control.c.book == book)).one_or_none()
    return _NOBODY if row is None else _as_control(row)


def _store(connection: Connection, book: str, wanted: Control, by_person: Mapping[str, int] | None = None) -> None:
    values: dict[str, object] = {"level": wanted.level, "reason": wanted.reason, "actor": wanted.actor, "at": wanted.at}
    values["causes"] = canonical(list(map(asdict, wanted.causes))) if wanted.causes else None
    values.update(by_person or {})
    if not insert_if_absent(connection, control, {"book": book, **values}):
        connection.execute(update(control).where(control.c.book == book).values(**values))


def _tell(
    connection: Connection, book: str, kind: OwnKind, wanted: Control, by_person: Mapping[str, int] | None = None
) -> None:
    causes = {"causes": list(map(asdict, wanted.causes))} if wanted.causes else {}
    payload = {"level": wanted.level, "reason": wanted.reason, "actor": wanted.actor, **causes, **(by_person or {})}
    if wanted.at is None:
        raise LedgerError("a level that is set has a time")
    events.append(connection, book, None, (Event(kind, payload),), wanted.at)


def _strictness(setting: Control) -> int:
    return _STRICTNESS[setting.level]


def _require(text: str, what: str) -> None:
    if not text.strip():
        raise LedgerError(f"this cannot be recorded without {what}", f"Give {what}")
