"""Runs, intents, the event chain and NAV history."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From an empty database."""
    _create_runs()
    _create_intents()
    _create_chain()
    op.create_table(
        "navs",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session_date", sa.Date, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("nav", sa.Text, nullable=False),
        sa.Column("idx", sa.Double, nullable=False),
        sa.Column("peak", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("book", "session_date", "kind", name="pk_navs"),
        sa.CheckConstraint("kind IN ('broker', 'run', 'close')", name="ck_navs_kind"),
    )


def downgrade() -> None:
    """To an empty database: every record is lost."""
    for table in ("navs", "chain", "events", "intents", "runs"):
        op.drop_table(table)


def _create_runs() -> None:
    op.create_table(
        "runs",
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
        sa.PrimaryKeyConstraint("number", name="pk_runs"),
        sa.UniqueConstraint("run_id", name="uq_runs_run_id"),
        sa.UniqueConstraint("day_key", name="uq_runs_day_key"),
        sa.CheckConstraint(
            "status IN ('running', 'done', 'awaiting_approval', 'rejected', 'halted', 'skipped', 'not_ready', "
            "'failed', 'dry_run')",
            name="ck_runs_status",
        ),
        sa.CheckConstraint("fence >= 1", name="ck_runs_fence"),
    )
    op.create_index("ix_runs_book_session_date", "runs", ["book", "session_date"])


def _create_intents() -> None:
    op.create_table(
        "intents",
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
    op.create_index(
        "uq_intents_sent_coid",
        "intents",
        ["coid"],
        unique=True,
        sqlite_where=sa.text("sends = 1"),
        postgresql_where=sa.text("sends = 1"),
    )
    op.create_index("ix_intents_book_session_date", "intents", ["book", "session_date"])


def _create_chain() -> None:
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
        sa.PrimaryKeyConstraint("book", "seq", name="pk_events"),
    )
    op.create_table(
        "chain",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("book", name="pk_chain"),
    )
