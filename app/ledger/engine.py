"""Opens the ledger's database. SQLite and PostgreSQL only: their locking is what the promises rest on.

On both, a commit that returned is on disk.
"""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from app.domain.errors import LedgerError
from app.ledger.schema import HEAD
from app.ledger.sql_ledger import LEASE_SECONDS, SqlLedger
from app.ledger.transactions import BEGIN_OPTION, reading, writing

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 15
_WAL_ATTEMPTS = 50
# Any number that nobody else in the database uses: two processes must not migrate at once.
_MIGRATION_LOCK = 7_305_611


def open_ledger(
    url: str, *, lease_seconds: float = LEASE_SECONDS, now: Callable[[], datetime] | None = None
) -> SqlLedger:
    """The ledger at `url`, its schema brought up to date. LedgerError when it cannot be opened."""
    engine = create_ledger_engine(url)
    try:
        with reading(engine) as connection:
            due = stored_revision(connection) != HEAD
        if due:
            with writing(engine) as connection:
                migrate(connection, HEAD)
    except LedgerError:
        engine.dispose()
        raise
    return SqlLedger(engine, lease_seconds=lease_seconds, now=now)


def create_ledger_engine(url: str) -> Engine:
    """Connects at first use, not here."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise LedgerError(
            "DATABASE_URL is not a database URL", "Use sqlite:///path or postgresql+pg8000://…"
        ) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite_engine(parsed)
    if backend == "postgresql":
        return _postgresql_engine(parsed)
    raise LedgerError(f"the ledger cannot be kept in {backend}", "Use sqlite:///path or postgresql+pg8000://…")


def stored_revision(connection: Connection) -> str | None:
    """None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def migrate(connection: Connection, revision: str) -> None:
    """Up or down to `revision` (`base` is the empty database) inside the connection's transaction."""
    # Alembic takes a fifth of a second to import and is needed once in a database's life.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        down = revision == "base" or revision < (stored_revision(connection) or revision)
        (command.downgrade if down else command.upgrade)(config, revision)
    except CommandError as error:
        raise LedgerError(
            f"the ledger's schema is at revision {stored_revision(connection)}, which this version does not know",
            "It was written by a newer version: install that one",
        ) from error


def _sqlite_engine(url: URL) -> Engine:
    # The driver must not begin transactions by itself: it would begin them deferred, and two writers would meet late.
    engine = create_engine(url, connect_args={"isolation_level": None, "timeout": _LOCK_SECONDS})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    _enter_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _enter_wal(cursor: DBAPICursor) -> None:
    for _ in range(_WAL_ATTEMPTS):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            # While another process enters it, this one fails at once whatever the timeout; a transaction does wait.
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("COMMIT")
        else:
            return
    raise sqlite3.OperationalError("the database cannot enter WAL mode because other processes keep it locked")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN_OPTION, "BEGIN IMMEDIATE"))


def _postgresql_engine(url: URL) -> Engine:
    settings = {"synchronous_commit": "on", "lock_timeout": f"{_LOCK_SECONDS}s"}
    return create_engine(url, pool_pre_ping=True, connect_args={"startup_params": settings})
