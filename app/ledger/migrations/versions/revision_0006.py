"""One chain over all events of the ledger, in the order of their commits, and a place for what decisions are made on.

Events of before are put into that chain a book after the other. What they did not tell of other tables' columns, one
more event a book tells as it is found, so that it is covered from now on.
"""

import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.ledger.events import GENESIS, first_link, ledger_link, link_hash
from app.record.canonical import canonical, time_text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_FOUND = "columns_found"
_EVENT = ("book", "seq", "run_id", "kind", "at", "payload", "prev", "hash")
_AT_ONCE = 500
# Columns that no earlier event tells. An order's leg was told by some.
_RUN = (
    "number", "account", "session_date", "slot", "dry_run", "day_key", "owner", "fence", "policy_hash", "error",
    "started_at", "finished_at",
)  # fmt: skip
_INTENT = ("session_date", "position", "action", "leg", "fence", "broker_order_id", "reason", "what_if")
_NOTICE = ("title", "body", "made_at")


def upgrade() -> None:
    """Nothing that is stored changes; rows that only served as a lock go."""
    op.create_table(
        "chunks",
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_chunks"),
    )
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("ledger_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("link", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_head"),
        sa.CheckConstraint("id = 1", name="ck_ledger_head_id"),
    )
    op.execute("DELETE FROM chain WHERE seq = 0")
    op.execute("DELETE FROM control WHERE at IS NULL")
    _tell_what_is_found()
    op.execute("CREATE TEMPORARY TABLE kept_events AS SELECT * FROM events")
    op.drop_table("events")
    _create_events(
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("link", sa.Text, nullable=False),
        constraint=sa.UniqueConstraint("number", name="uq_events_number"),
    )
    _chain()
    op.execute("DROP TABLE kept_events")


def downgrade() -> None:
    """Each book keeps its own chain; kept inputs are lost, and with the ledger's own chain what was anchored of it."""
    op.execute("CREATE TEMPORARY TABLE kept_events AS SELECT * FROM events")
    op.drop_table("events")
    _create_events()
    names = ", ".join(_EVENT)
    op.execute(f"INSERT INTO events ({names}) SELECT {names} FROM kept_events ORDER BY number")  # noqa: S608 (names of the schema)
    op.execute("DROP TABLE kept_events")
    op.drop_table("ledger_head")
    op.drop_table("chunks")


def _create_events(*more: sa.Column[Any], constraint: sa.UniqueConstraint | None = None) -> None:
    """Made anew on both databases: SQLite adds no column that must have a value."""
    op.create_table(
        "events",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("prev", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        *more,
        sa.PrimaryKeyConstraint("book", "seq", name="pk_events"),
        *([] if constraint is None else [constraint]),
    )


def _chain() -> None:
    connection = op.get_bind()
    events = sa.table("events", *(sa.column(name) for name in (*_EVENT, "number", "link")))
    ledger_id = secrets.token_hex(16)
    number, link = 0, first_link(ledger_id)
    names = ", ".join(_EVENT)
    stored = connection.exec_driver_sql(f"SELECT {names} FROM kept_events ORDER BY book, seq")  # noqa: S608 (names of the schema)
    for rows in stored.partitions(_AT_ONCE):
        chained = []
        for row in rows:
            number += 1
            link = ledger_link(link, number, str(row.hash))
            chained.append({**row._mapping, "number": number, "link": link})
        connection.execute(events.insert(), chained)
    head = sa.table("ledger_head", *(sa.column(name) for name in ("id", "ledger_id", "number", "link")))
    connection.execute(head.insert().values(id=1, ledger_id=ledger_id, number=number, link=link))


def _tell_what_is_found() -> None:
    """One event a book, at its end."""
    connection = op.get_bind()
    found: dict[str, dict[str, Any]] = {}
    for table, keys, columns in (
        ("runs", ("run_id",), _RUN),
        ("intents", ("run_id", "coid"), _INTENT),
        ("notices", ("key",), _NOTICE),
    ):
        for book, key, values in _found(connection, table, keys, columns):
            found.setdefault(book, {}).setdefault(table, []).append({**key, **values})
    events = sa.table("events", *(sa.column(name) for name in _EVENT))
    chain = sa.table("chain", *(sa.column(name) for name in ("book", "seq", "hash")))
    heads = {row.book: (row.seq, row.hash) for row in connection.execute(sa.select(chain))}
    at = time_text(datetime.now(UTC))
    for book, told in sorted(found.items()):
        seq, previous = heads.get(book, (0, GENESIS))
        payload = canonical(told)
        row = {"book": book, "seq": seq + 1, "run_id": None, "kind": _FOUND, "at": at, "payload": payload}
        link = link_hash(previous, book, seq + 1, None, _FOUND, at, payload)
        connection.execute(events.insert().values(**row, prev=previous, hash=link))
        if book in heads:
            connection.execute(chain.update().where(chain.c.book == book).values(seq=seq + 1, hash=link))
        else:
            connection.execute(chain.insert().values(book=book, seq=1, hash=link))


def _found(
    connection: sa.Connection, table: str, keys: tuple[str, ...], columns: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Book, key and values of each row."""
    # An unsealed run's status is told by nothing else either.
    more = ", CASE WHEN sealed_seq IS NULL THEN status END AS status" if table == "runs" else ""
    names = ", ".join(f'"{name}"' for name in ("book", *keys, *columns))
    ordered = ", ".join(f'"{name}"' for name in keys)
    rows = connection.exec_driver_sql(f'SELECT {names}{more} FROM "{table}" ORDER BY {ordered}')  # noqa: S608 (names of the schema)
    for row in rows.mappings().all():
        told = {name: _plain(name, row[name]) for name in columns}
        if row.get("status") is not None:
            told["status"] = row["status"]
        yield str(row["book"]), {name: row[name] for name in keys}, told


def _plain(name: str, value: object) -> object:
    if name == "dry_run":
        return bool(value)
    return value.isoformat() if isinstance(value, date) else value
