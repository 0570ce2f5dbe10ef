"""Opens the ledger's database. SQLite and PostgreSQL only: their locking is what the promises rest on.

On both, a commit that returned is on disk.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, text

from app.domain.errors import LedgerError
from app.ledger.address import SQLITE, address, made
from app.ledger.schema import HEAD
from app.ledger.sql_ledger import LEASE_SECONDS, SqlLedger
from app.ledger.sqlite import sqlite_engine
from app.ledger.transactions import LOCK_SECONDS, reading, writing
from app.ledger.usable import stored_revision

MIGRATIONS = Path(__file__).parent / "migrations"
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
    """Connects at first use, not here. LedgerError where the URL is none of a ledger."""
    parsed = address(url)
    return sqlite_engine(parsed) if parsed.get_backend_name() == SQLITE else _postgresql_engine(parsed)


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


def _postgresql_engine(url: URL) -> Engine:
    settings = {"synchronous_commit": "on", "lock_timeout": f"{LOCK_SECONDS}s"}
    # A server that has stopped answering is waited for longer than any lock, and not for ever. Of several connections
    # the one that was used last is taken: it has all statements at hand.
    how = {"startup_params": settings, "timeout": 2 * LOCK_SECONDS}
    return made(url, pool_pre_ping=True, pool_use_lifo=True, connect_args=how)
