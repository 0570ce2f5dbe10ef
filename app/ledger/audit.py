"""The audit: is everything in the ledger as it was written? Reads stored text only and repairs nothing.

The chains alone prove consistency, not origin: somebody who can rewrite the whole database can recompute them. Against
that heads that were put down elsewhere are held.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, select

from app.desk.records import Verification
from app.ledger import former, run_memory, schema
from app.ledger.audit_anchors import check_anchors
from app.ledger.audit_rows import KEYS, check_rows
from app.ledger.audit_told import Account, Told
from app.ledger.chunks import check_chunks
from app.ledger.events import EMPTIED, GENESIS, OwnKind, first_link, ledger_link, link_hash
from app.ledger.schema import HEAD, chain, events, ledger_head, runs
from app.ledger.usable import stored_revision
from app.record.anchors import Anchor
from app.record.canonical import digest


def verify(connection: Connection, anchors: Sequence[Anchor] = ()) -> Verification:
    """Every chain from its first event, then every other table against what the events say of it."""
    account = Account()
    problems: list[str] = []
    heads = {str(row.book): row for row in connection.execute(select(chain))}
    books = set(heads)
    count = 0
    stored = connection.execute(select(events).order_by(events.c.book, events.c.seq))
    for book, rows in groupby(stored, key=lambda row: str(row.book)):
        books.add(book)
        walk = _Walk(book, account)
        for row in rows:
            problems += walk.step(row)
            count += 1
        problems += walk.end(heads.pop(book, None))
    for book, head in heads.items():
        problems.append(f"book {book}: the chain's head was recorded as event {head.seq}, and it has no event")
    problems += _check_ledger_chain(connection)
    problems += check_anchors(connection, anchors)
    _add_memory_of_former(connection, account)
    for table in KEYS:
        problems += check_rows(connection, table, account.tables[table])
    problems += check_chunks(connection, {root for _, root in account.roots})
    if stored_revision(connection) != HEAD:
        problems.append(f"the schema's revision is not {HEAD}, which this version works with")
    return Verification(events=count, books=len(books), problems=tuple(problems))


class _Walk:
    """One book's chain, event by event."""

    def __init__(self, book: str, account: Account) -> None:
        self.book = book
        self.account = account
        self.seq = 0
        self.hash = GENESIS

    def step(self, row: Row[Any]) -> Iterator[str]:
        """The problems of the next event. The walk goes on from what is stored, so that each is named once."""
        expected = self.seq + 1
        place = f"book {self.book}, event {row.seq}"
        if row.seq != expected:
            yield f"{place}: {expected} was expected, so events are missing or were inserted"
        if row.prev != self.hash:
            yield f"{place}: does not link to the event before it"
        # An intruder can store bytes or numbers where text belongs, and the audit must live to tell.
        run_id = None if row.run_id is None else str(row.run_id)
        if row.hash != link_hash(row.prev, self.book, row.seq, run_id, str(row.kind), str(row.at), row.payload):
            yield f"{place}: its content is not what its hash was taken over"
        elif row.kind in set(OwnKind):
            try:
                self.account.note(Told(self.book, row.seq, row.run_id, row.kind, row.at, json.loads(row.payload)))
            except (KeyError, TypeError, ValueError, AttributeError):
                yield f"{place}: is no {row.kind} event as the ledger writes them"
        self.seq = row.seq if isinstance(row.seq, int) else expected
        self.hash = row.hash

    def end(self, head: Row[Any] | None) -> Iterator[str]:
        """Problems at the tail."""
        if head is None:
            yield f"book {self.book}, event {self.seq}: the record of the chain's head is missing"
        elif (head.seq, head.hash) != (self.seq, self.hash):
            yield (
                f"book {self.book}, event {self.seq}: the chain's head was recorded as event {head.seq}, "
                "so events at the end are missing, changed or were added"
            )


def _check_ledger_chain(connection: Connection) -> Iterator[str]:
    """Over the events of all books, in the order of their commits."""
    head = connection.execute(select(ledger_head)).one_or_none()
    if head is None:
        yield f"the ledger: {EMPTIED.cause}"
        return
    number, link = 0, first_link(str(head.ledger_id))
    columns = (events.c.number, events.c.link, events.c.hash, events.c.book, events.c.seq)
    for row in connection.execute(select(*columns).order_by(events.c.number)):
        place = f"book {row.book}, event {row.seq}"
        if row.number != number + 1:
            yield f"{place}: is number {row.number} of the ledger where {number + 1} was expected"
        number = row.number if isinstance(row.number, int) else number + 1
        if row.link != ledger_link(link, number, str(row.hash)):
            yield f"{place}: does not link to the event before it in the ledger"
        link = str(row.link)
    if (head.number, head.link) != (number, link):
        yield f"the ledger: its head was recorded as event {head.number}, and the newest one is {number}"


def _add_memory_of_former(connection: Connection, account: Account) -> None:
    """What seals of before revision 0005 did not tell: what the report, which they sealed, says."""
    for run_id in account.without_memory:
        report = connection.execute(select(runs.c.report).where(runs.c.run_id == run_id)).scalar_one_or_none()
        try:
            found = former.memory(run_id, json.loads(str(report)))
        except (ValueError, TypeError, AttributeError):
            continue
        for kind, content in run_memory.texts(found).items():
            account.put(schema.run_memory, (run_id, str(kind)), {"content": digest(content)})
