"""The audit trail: one hash chain a book. It only grows; nothing here changes or removes an event."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from app.desk.records import Claim, Event
from app.domain.errors import LedgerError
from app.ledger.schema import chain, events
from app.ledger.transactions import insert_if_absent
from app.record.canonical import canonical, digest, time_text

# What the first event of a book names as the hash before it.
GENESIS = "0" * 64
_APPENDED = "ledger_appended"
# Statements of every transaction are made once: to make one costs more than to execute it.
_HEAD = select(chain.c.seq, chain.c.hash).where(chain.c.book == bindparam("of")).with_for_update()
_APPEND = insert(events)
_ADVANCE = update(chain).where(chain.c.book == bindparam("of")).values(seq=bindparam("newest"), hash=bindparam("link"))


class OwnKind(StrEnum):
    """Events that the ledger writes itself; nobody else may, or the audit would take a claim for a fact."""

    RUN_CLAIMED = "run_claimed"
    RUN_TAKEN_OVER = "run_taken_over"
    RUN_FENCED = "run_fenced"
    RUN_ABANDONED = "run_abandoned"
    RUN_SEALED = "run_sealed"
    RUN_REOPENED = "run_reopened"
    PLAN_COMMITTED = "plan_committed"
    INTENT_MOVED = "intent_moved"
    INTENT_ABSENT = "intent_absent"
    NAVS_ADDED = "navs_added"
    LEVEL_RAISED = "level_raised"
    LEVEL_SET = "level_set"
    FLOW_ADDED = "flow_added"
    QUARANTINED = "quarantined"
    QUARANTINE_RELEASED = "quarantine_released"


def refuse_own_kinds(reported: Sequence[Event]) -> None:
    """LedgerError for an event from outside under one of the ledger's own kinds."""
    for event in reported:
        if event.kind in set(OwnKind):
            raise LedgerError(f"the event kind {event.kind} is the ledger's own and cannot be recorded from outside")


def head(connection: Connection, book: str) -> Row[int, str]:
    """(seq, hash) of the book's newest event, locked until the transaction ends; (0, GENESIS) for a new book."""
    found = connection.execute(_HEAD, {"of": book}).one_or_none()
    if found is not None:
        return found
    insert_if_absent(connection, chain, {"book": book, "seq": 0, "hash": GENESIS})
    return connection.execute(_HEAD, {"of": book}).one()


def observe(connection: Connection, book: str, batch: Sequence[Event], at: datetime) -> None:
    """Append events from outside that belong to no run."""
    refuse_own_kinds(batch)
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
    if not batch:
        return seq
    rows = []
    instant = time_text(at)
    for event in batch:
        seq += 1
        payload = canonical(event.payload)
        link = link_hash(previous, book, seq, run_id, event.kind, instant, payload)
        rows.append(
            {
                "book": book,
                "seq": seq,
                "run_id": run_id,
                "kind": event.kind,
                "at": instant,
                "payload": payload,
                "prev": previous,
                "hash": link,
            }
        )
        previous = link
    connection.execute(_APPEND, rows)
    connection.execute(_ADVANCE, {"of": book, "newest": seq, "link": previous})
    appended(connection)[book] = (seq, previous)
    return seq


def appended(connection: Connection) -> dict[str, tuple[int, str]]:
    """(seq, hash) of the newest event of each book to which events were appended since this was last emptied."""
    heads: dict[str, tuple[int, str]] = connection.info.setdefault(_APPENDED, {})
    return heads


def link_hash(previous: str, book: str, seq: int, run_id: str | None, kind: str, at: str, payload: str) -> str:
    """SHA-256 over `previous` and the canonical JSON of {at, book, kind, payload, run_id, seq}.

    `payload` is canonical already and goes in byte for byte, so that even a changed space breaks the link.
    """
    opening = f'{{"at":{_quoted(at)},"book":{_quoted(book)},"kind":{_quoted(kind)},"payload":'
    return digest(f'{previous}{opening}{payload},"run_id":{_quoted(run_id)},"seq":{seq}}}')


@lru_cache(maxsize=256)
def _quoted(text: str | None) -> str:
    return json.dumps(text)
