"""What this process has seen committed. A ledger only grows: one that has less, or something else in its place, is
another one or an older copy, however it came to answer under the same name.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, bindparam, select

from app.ledger.events import locked_heads
from app.ledger.faults import Fault, place, unavailable
from app.ledger.schema import chain, events
from app.ledger.transactions import writing

OLDER = Fault(
    "it is not the one that this process has been writing: an older copy, or another ledger",
    "Bring the newest one back, or stop the service, look at what is there (`portfolio audit verify`), and start it "
    "again; the next run compares with the broker before it sends",
)
Heads = Mapping[str, tuple[int, str]]
_HEADS = select(chain.c.book, chain.c.seq, chain.c.hash)
_LINK = select(events.c.seq, events.c.hash).where(events.c.book == bindparam("of"), events.c.seq == bindparam("at"))


class History:
    """The newest event of each book that was committed while this process looked; threads may share it."""

    def __init__(self) -> None:
        self._heads: dict[str, tuple[int, str]] = {}

    @contextmanager
    def writing(self, engine: Engine, *, thorough: bool, patience: float) -> Iterator[Connection]:
        """As `transactions.writing`, and LedgerUnavailable before the block where the ledger is not the one it was."""
        # Taken before the transaction begins to see: whatever is known by then was committed, and it must see it.
        known = dict(self._heads)
        with writing(engine, thorough=thorough, patience=patience) as connection:
            before = _heads(connection)
            _require_grown(connection, known, before)
            locked = locked_heads(connection)
            if connection.dialect.name == "sqlite":
                # It has one writer at a time.
                locked.update(before)
            yield connection
            after = {**before, **locked}
        self._learn(after)

    def _learn(self, heads: Heads) -> None:
        for book, head in heads.items():
            # Another thread may have seen a later one meanwhile.
            self._heads[book] = max(head, self._heads.get(book, head))


def _heads(connection: Connection) -> Heads:
    return {book: (seq, digest) for book, seq, digest in connection.execute(_HEADS)}


def _require_grown(connection: Connection, known: Heads, now: Heads) -> None:
    for book, (seq, digest) in known.items():
        head = now.get(book)
        if head is not None and head[0] > seq:
            # Others have written: what was known must still be below.
            below = connection.execute(_LINK, {"of": book, "at": seq})
            head = next(((row.seq, row.hash) for row in below), None)
        if head != (seq, digest):
            words = f"event {seq} of a book is not there" if head is None or head[0] < seq else f"event {seq} differs"
            raise unavailable(OLDER, place(connection.engine.url), words)
