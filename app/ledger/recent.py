"""A quick look at a ledger that may be somebody else's, for a diagnosis: it migrates nothing and repairs nothing.

The whole walk is `audit.verify`; here only the newest events of each book are held against their hashes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, make_url, select, text
from sqlalchemy.exc import ArgumentError

from app.domain.errors import LedgerError
from app.ledger.engine import stored_revision
from app.ledger.events import link_hash
from app.ledger.schema import HEAD, chain, events
from app.ledger.transactions import ledger_errors

NEWEST = 200
_WAIT_SECONDS = 2


@contextmanager
def looked_at(url: str) -> Iterator[Connection]:
    """A connection that sets nothing up and waits two seconds at most. LedgerError where there is none to be had."""
    engine = _engine(url)
    try:
        with ledger_errors(), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def is_current(connection: Connection) -> bool:
    """Whether the schema is this version's; LedgerError where a newer version wrote it."""
    found = stored_revision(connection)
    if found is not None and found > HEAD:
        raise LedgerError(f"its schema is at revision {found}, this version knows {HEAD}", "Install the newer version")
    return found == HEAD


def require_writable(connection: Connection) -> None:
    """LedgerError where nothing could be recorded; takes the write lock for a moment and records nothing."""
    if connection.dialect.name == "sqlite":
        with ledger_errors():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                # A file that may only be read lets a transaction begin, and refuses a write even of no row.
                connection.exec_driver_sql("UPDATE chain SET seq = seq WHERE 0")
            finally:
                connection.exec_driver_sql("ROLLBACK")
        return
    standby = connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one()
    allowed = connection.execute(text("SELECT has_table_privilege('events', 'INSERT')")).scalar_one()
    if standby or not allowed:
        raise LedgerError("the database lets nothing be written", "Grant INSERT, or name the primary in DATABASE_URL")


def altered(connection: Connection, newest: int = NEWEST) -> tuple[str, ...]:
    """What is wrong with the newest events of each book; empty when nothing is."""
    problems: list[str] = []
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


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise LedgerError(
            "DATABASE_URL is not a database URL", "Use sqlite:///path or postgresql+pg8000://…"
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            return create_engine(parsed, connect_args={"isolation_level": None, "timeout": _WAIT_SECONDS})
        case "postgresql":
            return create_engine(parsed, isolation_level="AUTOCOMMIT", connect_args={"timeout": _WAIT_SECONDS})
        case backend:
            raise LedgerError(f"the ledger cannot be kept in {backend}", "Use sqlite:///path or postgresql+pg8000://…")
