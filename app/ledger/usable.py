"""Whether a run could be recorded in a database now, asked inside a transaction of it."""

from sqlalchemy import Connection, inspect, text

from app.domain.errors import LedgerError
from app.ledger.faults import ANOTHER, place, unavailable
from app.ledger.schema import HEAD

# How long a question about readiness waits for somebody else's lock: a run waits longer.
PROBE_SECONDS = 2.0


def stored_revision(connection: Connection) -> str | None:
    """None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def is_current(connection: Connection) -> bool:
    """Whether the schema is this version's; LedgerError where a newer version wrote it."""
    found = stored_revision(connection)
    if found is not None and found > HEAD:
        raise LedgerError(f"its schema is at revision {found}, this version knows {HEAD}", "Install the newer version")
    return found == HEAD


def require_usable(connection: Connection) -> None:
    """LedgerUnavailable where it is not. Writes what is there already: only a commit tells of a full disk."""
    if not is_current(connection):
        found = stored_revision(connection) or "none"
        raise unavailable(
            ANOTHER, place(connection.engine.url), f"schema revision {found}, this version works with {HEAD}"
        )
    connection.execute(text("UPDATE chain SET seq = seq WHERE book = (SELECT min(book) FROM chain)"))
