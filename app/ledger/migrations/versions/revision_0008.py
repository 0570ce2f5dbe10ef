"""Cash that the broker's rows tell of, each once, and withdrawals that a person announced."""

import json
from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


_DAYS = frozenset({"session_date", "due", "planned_on"})
_FLOW = ("book", "seq", "session_date", "amount", "note", "actor", "kind", "external_id")
_PLAN = ("book", "seq", "plan", "ending", "amount", "due", "planned_on", "note", "actor")


def upgrade() -> None:
    """What people said before keeps neither a kind nor a row; what an earlier time with this revision recorded is taken
    from the trail again.
    """
    op.add_column("flows", sa.Column("kind", sa.Text))
    op.add_column("flows", sa.Column("external_id", sa.Text))
    op.create_index("uq_flows_external_id", "flows", ["book", "external_id"], unique=True)
    op.create_table(
        "flow_plans",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("plan", sa.Integer),
        sa.Column("ending", sa.Text),
        sa.Column("amount", sa.Text),
        sa.Column("due", sa.Date),
        sa.Column("planned_on", sa.Date),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("book", "seq", name="pk_flow_plans"),
        sa.UniqueConstraint("book", "plan", name="uq_flow_plans_plan"),
        sa.CheckConstraint("ending IN ('cancelled', 'done', 'lapsed')", name="ck_flow_plans_ending"),
    )
    events = sa.table("events", *(sa.column(name) for name in ("book", "seq", "kind", "payload")))
    kinds = ("flow_added", "flow_planned", "flow_plan_ended")
    told = sa.select(events).where(events.c.kind.in_(kinds)).order_by(events.c.book, events.c.seq)
    for row in op.get_bind().execute(told).all():
        payload = json.loads(row.payload)
        if row.kind != "flow_added":
            _put("flow_plans", _PLAN, row.book, row.seq, payload)
        elif "kind" in payload or "external_id" in payload:
            _put("flows", _FLOW, row.book, row.seq, payload)


def _put(name: str, columns: tuple[str, ...], book: str, seq: int, told: dict[str, Any]) -> None:
    table = sa.table(name, *(sa.column(one, sa.Date if one in _DAYS else None) for one in columns))
    op.execute(table.delete().where(table.c.book == book, table.c.seq == seq))
    values = {one: date.fromisoformat(value) if one in _DAYS else value for one, value in told.items()}
    op.execute(table.insert().values(book=book, seq=seq, **values))


def downgrade() -> None:
    """Income would count as money paid in, so its rows go, and so do announced withdrawals; the trail keeps both."""
    op.drop_table("flow_plans")
    op.drop_index("uq_flows_external_id", "flows")
    op.execute("DELETE FROM flows WHERE kind IS NOT NULL AND kind NOT IN ('deposit', 'withdrawal', 'transfer')")
    op.drop_column("flows", "external_id")
    op.drop_column("flows", "kind")
