"""Whether a run could be recorded in a database now, asked inside a transaction of it."""

from sqlalchemy import Connection, inspect, text, update

from app.domain.errors import LedgerUnavailable
from app.ledger.faults import ANOTHER, place, unavailable
from app.ledger.schema import HEAD, ledger_head

# How long a question about readiness waits for somebody else's lock: a run waits longer.
PROBE_SECONDS = 2.0


def stored_revision(connection: Connection) -> str | None:
    """None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def is_current(connection: Connection) -> bool:
    """Whether the schema is this version's; LedgerUnavailable where a newer version wrote it."""
    found = stored_revision(connection)
    if found is not None and found > HEAD:
        words = f"its schema is at revision {found}, this version knows {HEAD}"
        raise LedgerUnavailable(words, "Install the newer version")
    return found == HEAD


def require_usable(connection: Connection) -> None:
    """LedgerUnavailable where it is not. Changes a number and changes it back: only a commit tells of a full disk."""
    if not is_current(connection):
        found = stored_revision(connection) or "none"
        words = f"schema revision {found}, this version works with {HEAD}"
        raise unavailable(ANOTHER, place(connection.engine.url), words)
    # SQLite writes nothing for a row that stays as it was.
    for change in (1, -1):
        connection.execute(update(ledger_head).values(number=ledger_head.c.number + change))
