"""The audit trail: one hash chain a book, and one over all of them. It only grows; nothing here changes an event.

Events of a transaction are written at its end, under the lock of the ledger's head, which is the last one taken: so
their numbers are in the order of the commits, and who reads "after number N" misses none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, text, true, update

from app.desk.records import Claim, Event
from app.domain.errors import LedgerError
from app.ledger.faults import Fault, place, unavailable
from app.ledger.schema import chain, events, ledger_head
from app.ledger.transactions import insert_if_absent, of_transaction
from app.record.anchors import Head
from app.record.canonical import canonical, digest, time_text

# What the first event of a book names as the hash before it.
GENESIS = "0" * 64
EMPTIED = Fault(
    "the record of its head is missing: somebody emptied it",
    "Restore the newest backup; the next run compares with the broker before it sends",
)
# Statements of every transaction are made once: to make one costs more than to execute it.
_HEAD = select(chain.c.seq, chain.c.hash).where(chain.c.book == bindparam("of")).with_for_update()
_LINK = select(events.c.link).where(events.c.number == bindparam("at"))
_APPEND = insert(events)
_ADVANCE = update(chain).where(chain.c.book == bindparam("of")).values(seq=bindparam("newest"), hash=bindparam("link"))
_NEWEST = select(ledger_head.c.ledger_id, ledger_head.c.number, ledger_head.c.link)
_NEWEST_LOCKED = _NEWEST.with_for_update()
_NEWEST_OF_EACH = select(ledger_head, chain).outerjoin_from(ledger_head, chain, true())
_ADVANCE_LEDGER = update(ledger_head).values(number=bindparam("newest"), link=bindparam("newest_link"))
# Under this name PostgreSQL tells whoever listens of every commit of events (below).
NOTICE = "ledger_events"
# One way to the server and back, however many events there are.
_WRITE_AT_ONCE = text(
    """
    WITH added AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS row (
            book text, seq integer, run_id text, kind text, at text, payload text, prev text, hash text,
            number integer, link text
        )
    ), of_books AS (
        UPDATE chain SET seq = newest.seq, hash = newest.hash
        FROM (SELECT DISTINCT ON (book) book, seq, hash FROM added ORDER BY book, seq DESC) AS newest
        WHERE chain.book = newest.book
    ), of_all AS (
        UPDATE ledger_head SET number = newest.number, link = newest.link
        FROM (SELECT number, link FROM added ORDER BY number DESC LIMIT 1) AS newest
        RETURNING pg_notify('ledger_events', '')
    )
    INSERT INTO events (book, seq, run_id, kind, at, payload, prev, hash, number, link)
    SELECT book, seq, run_id, kind, at, payload, prev, hash, number, link FROM added
    """
)


@dataclass(slots=True)
class Tail:
    """What a transaction adds to the chains: rows to be written at its end, the newest of each book and of all."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    books: dict[str, tuple[int, str]] = field(default_factory=dict)
    newest: Head | None = None


class OwnKind(StrEnum):
    """Events that the ledger writes itself; nobody else may, or the audit would take a claim for a fact."""

    RUN_CLAIMED = "run_claimed"
    RUN_TAKEN_OVER = "run_taken_over"
    RUN_FENCED = "run_fenced"
    RUN_ABANDONED = "run_abandoned"
    RUN_SEALED = "run_sealed"
    RUN_REOPENED = "run_reopened"
    INPUTS_KEPT = "inputs_kept"
    PLAN_COMMITTED = "plan_committed"
    INTENT_MOVED = "intent_moved"
    INTENT_ABSENT = "intent_absent"
    NAVS_ADDED = "navs_added"
    LEVEL_RAISED = "level_raised"
    LEVEL_LOWERED = "level_lowered"
    LEVEL_SET = "level_set"
    FLOW_ADDED = "flow_added"
    ADOPTED = "adopted"
    ADOPTION_MODE_SET = "adoption_mode_set"
    FLOW_PLANNED = "flow_planned"
    FLOW_PLAN_ENDED = "flow_plan_ended"
    QUARANTINED = "quarantined"
    QUARANTINE_RELEASED = "quarantine_released"
    RECOVERY_ADOPTED = "recovery_adopted"
    RECOVERY_ABANDONED = "recovery_abandoned"
    RECOVERY_BEGAN = "recovery_began"
    MARK_REBASED = "mark_rebased"
    RECOVERY_ENDED = "recovery_ended"
    NOTICE_ADDED = "notice_added"
    COLUMNS_FOUND = "columns_found"


def refuse_own_kinds(reported: Sequence[Event]) -> None:
    """LedgerError for an event from outside under one of the ledger's own kinds."""
    for event in reported:
        if event.kind in set(OwnKind):
            raise LedgerError(f"the event kind {event.kind} is the ledger's own and cannot be recorded from outside")


def head(connection: Connection, book: str) -> tuple[int, str]:
    """(seq, hash) of the book's newest event, locked until the transaction ends; (0, GENESIS) for a new book."""
    books = tail(connection).books
    if book not in books:
        found = connection.execute(_HEAD, {"of": book}).one_or_none()
        if found is None:
            insert_if_absent(connection, chain, {"book": book, "seq": 0, "hash": GENESIS})
            found = connection.execute(_HEAD, {"of": book}).one()
        books[book] = (found.seq, found.hash)
    return books[book]


def ledger_newest(connection: Connection, *, locked: bool = False) -> Head:
    """LedgerUnavailable where there is none, as an emptied database has."""
    found = connection.execute(_NEWEST_LOCKED if locked else _NEWEST).one_or_none()
    if found is None:
        raise unavailable(EMPTIED, place(connection.engine.url))
    return Head(*found)


def look(connection: Connection, end: Tail) -> Head:
    """`ledger_newest`. On SQLite those of the books are noted with it: nobody else writes there meanwhile."""
    if connection.dialect.name == "postgresql":
        return ledger_newest(connection)
    rows = connection.execute(_NEWEST_OF_EACH).all()
    if not rows:
        raise unavailable(EMPTIED, place(connection.engine.url))
    end.books.update({row.book: (row.seq, row.hash) for row in rows if row.book is not None})
    return Head(rows[0].ledger_id, rows[0].number, rows[0].link)


def link_at(connection: Connection, ledger_id: str, number: int) -> str | None:
    """The link of the event with that number, None where it is not there; of 0 what the first event links to."""
    if number == 0:
        return first_link(ledger_id)
    return connection.execute(_LINK, {"at": number}).scalar_one_or_none()


def observe(connection: Connection, book: str, batch: Sequence[Event], at: datetime) -> None:
    """Append events from outside that belong to no run."""
    refuse_own_kinds(batch)
    if batch:
        append(connection, book, None, batch, at)


def newest_payload(connection: Connection, run_id: str, kind: OwnKind) -> Mapping[str, Any]:
    """Of the run's newest event of that kind, which must be there."""
    query = select(events.c.payload).where(events.c.run_id == run_id, events.c.kind == kind)
    payload: Mapping[str, Any] = json.loads(
        connection.execute(query.order_by(events.c.seq.desc()).limit(1)).scalar_one()
    )
    return payload


def tell(connection: Connection, claim: Claim, kind: OwnKind, payload: Mapping[str, Any], at: datetime) -> None:
    """Append one event of the ledger's own, of the claim's run."""
    append(connection, claim.key.book, claim.run_id, (by_owner(claim, kind, payload),), at)


def by_owner(claim: Claim, kind: OwnKind, payload: Mapping[str, Any]) -> Event:
    """An event that says under which claim it was written."""
    return Event(kind, {"owner": claim.owner, "fence": claim.fence, **payload})


def append(connection: Connection, book: str, run_id: str | None, batch: Sequence[Event], at: datetime) -> int:
    """The seq of the book's newest event afterwards."""
    seq, previous = head(connection, book)
    end = tail(connection)
    instant = time_text(at)
    for event in batch:
        seq += 1
        payload = canonical(event.payload)
        link = link_hash(previous, book, seq, run_id, event.kind, instant, payload)
        end.rows.append(
            {
                "book": book,
                "seq": seq,
                "run_id": run_id,
                "kind": str(event.kind),
                "at": instant,
                "payload": payload,
                "prev": previous,
                "hash": link,
            }
        )
        previous = link
    end.books[book] = (seq, previous)
    return seq


def tail(connection: Connection) -> Tail:
    """The transaction's own."""
    return of_transaction(connection, Tail, _write)


def _write(connection: Connection, end: Tail) -> None:
    if not end.rows:
        return
    on_server = connection.dialect.name == "postgresql"
    # SQLite has one writer at a time: what was read in this transaction still is the newest.
    newest = end.newest if end.newest and not on_server else ledger_newest(connection, locked=True)
    _, number, link = newest
    for row in end.rows:
        number += 1
        link = ledger_link(link, number, row["hash"])
        row.update(number=number, link=link)
    end.newest = Head(newest.ledger_id, number, link)
    if on_server:
        connection.execute(_WRITE_AT_ONCE, {"rows": json.dumps(end.rows)})
        return
    connection.execute(_APPEND, end.rows)
    last = {row["book"]: row for row in end.rows}.values()
    connection.execute(_ADVANCE, [{"of": row["book"], "newest": row["seq"], "link": row["hash"]} for row in last])
    connection.execute(_ADVANCE_LEDGER, {"newest": number, "newest_link": link})


def first_link(ledger_id: str) -> str:
    """What the first event of a ledger links to, so that another id is seen."""
    return digest(f"ledger {ledger_id}")


def ledger_link(previous: str, number: int, event_hash: str) -> str:
    """SHA-256 over the link before, the event's number and its own hash, which covers all else of it."""
    return digest(f"{previous} {number} {event_hash}")


def link_hash(previous: str, book: str, seq: int, run_id: str | None, kind: str, at: str, payload: str) -> str:
    """SHA-256 over `previous` and the canonical JSON of {at, book, kind, payload, run_id, seq}.

    `payload` is canonical already and goes in byte for byte, so that even a changed space breaks the link.
    """
    opening = f'{{"at":{_quoted(at)},"book":{_quoted(book)},"kind":{_quoted(kind)},"payload":'
    return digest(f'{previous}{opening}{payload},"run_id":{_quoted(run_id)},"seq":{seq}}}')


@lru_cache(maxsize=256)
def _quoted(text: str | None) -> str:
    return json.dumps(text)
