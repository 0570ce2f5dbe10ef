"""A quick look at a ledger that may be somebody else's, for a diagnosis: it migrates nothing and repairs nothing.

The whole walk is `audit.verify`; here only the newest events of each book are held against their hashes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, select, text

from app.ledger.address import SQLITE, address, made
from app.ledger.events import EMPTIED, first_link, link_hash
from app.ledger.faults import READ_ONLY, place, unavailable
from app.ledger.schema import chain, events, ledger_head
from app.ledger.transactions import ledger_errors

NEWEST = 200
_NEWEST = select(events.c.number, events.c.link).order_by(events.c.number.desc()).limit(1)
_WAIT_SECONDS = 2


@contextmanager
def looked_at(url: str) -> Iterator[Connection]:
    """A connection that sets nothing up and waits two seconds at most. LedgerError where there is none to be had."""
    where = address(url)
    engine = _engine(where)
    try:
        with ledger_errors(place(where)), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def require_writable(connection: Connection) -> None:
    """LedgerUnavailable where nothing could be recorded; takes the write lock for a moment and records nothing."""
    if connection.dialect.name == "sqlite":
        with ledger_errors(place(connection.engine.url)):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                # A file that may only be read lets a transaction begin, and refuses a write even of no row.
                connection.exec_driver_sql("UPDATE chain SET seq = seq WHERE 0")
            finally:
                connection.exec_driver_sql("ROLLBACK")
        return
    standby, setting = connection.execute(
        text("SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')")
    ).one()
    allowed = connection.execute(text("SELECT has_table_privilege('events', 'INSERT')")).scalar_one()
    if standby or setting == "on" or not allowed:
        raise unavailable(READ_ONLY, place(connection.engine.url))


def altered(connection: Connection, newest: int = NEWEST) -> tuple[str, ...]:
    """What is wrong with the newest events of each book; empty when nothing is."""
    problems = list(_of_all(connection))
    for head in connection.execute(select(chain)).all():
        ordered = select(events).where(events.c.book == head.book).order_by(events.c.seq.desc()).limit(newest)
        rows = list(reversed(connection.execute(ordered).all()))
        if not rows or (rows[-1].seq, rows[-1].hash) != (head.seq, head.hash):
            problems.append(f"book {head.book}: its newest event is not the one that its head names")
        previous = rows[0].prev if rows else None
        for row in rows:
            run_id = None if row.run_id is None else str(row.run_id)
            expected = link_hash(row.prev, str(row.book), row.seq, run_id, str(row.kind), str(row.at), row.payload)
            if row.prev != previous or row.hash != expected:
                problems.append(f"book {head.book}, event {row.seq}: is not what was written")
            previous = row.hash
    return tuple(problems)


def _of_all(connection: Connection) -> Iterator[str]:
    newest = connection.execute(_NEWEST).one_or_none()
    head = connection.execute(select(ledger_head)).one_or_none()
    if head is None:
        yield f"the ledger: {EMPTIED.cause}"
    elif (head.number, head.link) != ((0, first_link(head.ledger_id)) if newest is None else tuple(newest)):
        yield "the ledger: its newest event is not the one that its head names"


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == SQLITE:
        return made(url, connect_args={"isolation_level": None, "timeout": _WAIT_SECONDS})
    return made(url, isolation_level="AUTOCOMMIT", connect_args={"timeout": _WAIT_SECONDS})
