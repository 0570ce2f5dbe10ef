"""Kill levels, flows, quarantined names; orders know their value in base currency and how often they were not found."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OLD_STATUSES = (
    "status IN ('running', 'done', 'awaiting_approval', 'rejected', 'halted', 'skipped', 'not_ready', 'failed', "
    "'dry_run')"
)
_STATUSES = (
    "status IN ('running', 'done', 'awaiting_approval', 'rejected', 'halted', 'skipped', 'missed', 'reconciled', "
    "'not_ready', 'failed', 'dry_run')"
)


def upgrade() -> None:
    """Every record is kept."""
    added = (
        sa.Column("value", sa.Text),
        sa.Column("absent_reads", sa.Integer, nullable=False, server_default="0"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(_STATUSES, added)
    else:
        _replace_statuses(_STATUSES)
        for column in added:
            op.add_column("intents", column)
    _create_control()
    op.create_table(
        "flows",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("session_date", sa.Date, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("book", "seq", name="pk_flows"),
    )
    op.create_table(
        "quarantines",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("conid", sa.Integer, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("book", "conid", name="pk_quarantines"),
    )


def downgrade() -> None:
    """Levels, flows and quarantines are lost; runs that were missed or only reconciled become skipped ones."""
    for table in ("quarantines", "flows", "control"):
        op.drop_table(table)
    op.execute("UPDATE runs SET status = 'skipped' WHERE status IN ('missed', 'reconciled')")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(_OLD_STATUSES, ())
    else:
        op.drop_column("intents", "absent_reads")
        op.drop_column("intents", "value")
        _replace_statuses(_OLD_STATUSES)


def _create_control() -> None:
    op.create_table(
        "control",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("at", sa.Text),
        sa.Column("reviewed", sa.Integer),
        sa.PrimaryKeyConstraint("book", name="pk_control"),
        sa.CheckConstraint("level IN ('ACTIVE', 'REDUCING', 'HALTED')", name="ck_control_level"),
    )


def _replace_statuses(statuses: str) -> None:
    op.drop_constraint("ck_runs_status", "runs", type_="check")
    op.create_check_constraint("ck_runs_status", "runs", sa.text(statuses))


def _rebuild(statuses: str, added: Sequence[sa.Column[Any]]) -> None:
    """SQLite cannot change a constraint: both tables are made anew, the referring one out of the way meanwhile."""
    for table in ("runs", "intents"):
        op.execute(f"CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM {table}")  # noqa: S608 (names of this file)
    op.drop_table("intents")
    op.drop_table("runs")
    kept = {"runs": _create_runs(statuses), "intents": _create_intents(added)}
    for table, columns in kept.items():
        names = ", ".join(columns)
        op.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM kept_{table}")  # noqa: S608 (names of this file)
        op.drop_table(f"kept_{table}")


def _create_runs(statuses: str) -> list[str]:
    columns = (
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("session_date", sa.Date, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("day_key", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Text, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("policy_hash", sa.Text),
        sa.Column("plan", sa.Text),
        sa.Column("plan_hash", sa.Text),
        sa.Column("report", sa.Text),
        sa.Column("report_hash", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("started_at", sa.Text, nullable=False),
        sa.Column("finished_at", sa.Text),
        sa.Column("sealed_seq", sa.Integer),
    )
    op.create_table(
        "runs",
        *columns,
        sa.PrimaryKeyConstraint("number", name="pk_runs"),
        sa.UniqueConstraint("run_id", name="uq_runs_run_id"),
        sa.UniqueConstraint("day_key", name="uq_runs_day_key"),
        sa.CheckConstraint(statuses, name="ck_runs_status"),
        sa.CheckConstraint("fence >= 1", name="ck_runs_fence"),
    )
    op.create_index("ix_runs_book_session_date", "runs", ["book", "session_date"])
    return [column.name for column in columns]


def _create_intents(added: Sequence[sa.Column[Any]]) -> list[str]:
    columns = (
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id", name="fk_intents_run_id"), nullable=False),
        sa.Column("coid", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session_date", sa.Date, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("conid", sa.Integer, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("leg", sa.Integer, nullable=False),
        sa.Column("quantity", sa.Text, nullable=False),
        sa.Column("reference_price", sa.Text, nullable=False),
        sa.Column("mandatory", sa.Boolean, nullable=False),
        sa.Column("exit", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("sends", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("limit_price", sa.Text),
        sa.Column("broker_order_id", sa.Text),
        sa.Column("filled_quantity", sa.Text, nullable=False),
        sa.Column("average_price", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("what_if", sa.Text),
        sa.Column("sent_at", sa.Text),
    )
    op.create_table("intents", *columns, *added, *_intent_constraints())
    op.create_index(
        "uq_intents_sent_coid",
        "intents",
        ["coid"],
        unique=True,
        sqlite_where=sa.text("sends = 1"),
        postgresql_where=sa.text("sends = 1"),
    )
    op.create_index("ix_intents_book_session_date", "intents", ["book", "session_date"])
    return [column.name for column in columns]


def _intent_constraints() -> tuple[sa.Constraint, ...]:
    return (
        sa.PrimaryKeyConstraint("run_id", "coid", name="pk_intents"),
        sa.UniqueConstraint("run_id", "position", name="uq_intents_position"),
        sa.CheckConstraint("side IN ('BUY', 'SELL')", name="ck_intents_side"),
        sa.CheckConstraint(
            "state IN ('PLANNED', 'SENDING', 'ACKED', 'PARTIAL', 'FILLED', 'CANCELLED', 'REJECTED', 'NOT_SENT', "
            "'UNKNOWN', 'ABANDONED')",
            name="ck_intents_state",
        ),
        sa.CheckConstraint("sends IN (0, 1)", name="ck_intents_sends"),
        sa.CheckConstraint("sends = 1 OR state IN ('PLANNED', 'NOT_SENT')", name="ck_intents_sent_state"),
    )
