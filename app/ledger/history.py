"""What this process has seen committed. A ledger only grows: one that has less, or something else in its place, is
another one or an older copy, however it came to answer under the same name.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from app.ledger.events import link_at, look, tail
from app.ledger.faults import Fault, place, unavailable
from app.ledger.transactions import writing
from app.record.anchors import Head

OLDER = Fault(
    "it is not the one that this process has been writing: an older copy, or another ledger",
    "Bring the newest one back, or stop the service, look at what is there (`portfolio audit verify`), and start it "
    "again; the next run compares with the broker before it sends",
)


class History:
    """The newest event that was committed while this process looked; threads may share it."""

    def __init__(self) -> None:
        self._newest: Head | None = None

    @contextmanager
    def writing(self, engine: Engine, *, thorough: bool, patience: float) -> Iterator[Connection]:
        """As `transactions.writing`, and LedgerUnavailable before the block where the ledger is not the one it was."""
        # Taken before the transaction begins to see: whatever is known by then was committed, and it must see it.
        known = self._newest
        with writing(engine, thorough=thorough, patience=patience) as connection:
            end = tail(connection)
            end.newest = look(connection, end)
            _require_grown(connection, known, end.newest)
            yield connection
        self._learn(end.newest)

    def _learn(self, newest: Head) -> None:
        # Another thread may have seen a later one meanwhile.
        if self._newest is None or self._newest.number < newest.number:
            self._newest = newest


def _require_grown(connection: Connection, known: Head | None, now: Head) -> None:
    if known is None or known == now:
        return
    found: str | None = now.link
    if now.number > known.number:
        # Others have written: what was known must still be below.
        found = link_at(connection, now.ledger_id, known.number)
    if known.ledger_id != now.ledger_id or now.number < known.number or found != known.link:
        words = "it has another id" if known.ledger_id != now.ledger_id else f"event {known.number} is not as it was"
        raise unavailable(OLDER, place(connection.engine.url), words)
