"""What raised a level that comes down by itself, and what a person had seen who resumed."""

import json

import sqlalchemy as sa
from alembic import op

from app.record.canonical import canonical

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A level from before stays until a person lowers it; what an earlier time with this revision recorded is taken
    from the trail again.
    """
    op.add_column("control", sa.Column("causes", sa.Text))
    op.add_column("control", sa.Column("resumed", sa.Integer))
    events = sa.table("events", *(sa.column(name) for name in ("book", "seq", "kind", "payload")))
    control = sa.table("control", *(sa.column(name) for name in ("book", "causes", "resumed")))
    kinds = ("level_raised", "level_lowered", "level_set")
    told = sa.select(events).where(events.c.kind.in_(kinds)).order_by(events.c.book, events.c.seq)
    for row in op.get_bind().execute(told).all():
        payload = json.loads(row.payload)
        values = {"causes": canonical(payload["causes"]) if "causes" in payload else None}
        if "resumed" in payload:
            values["resumed"] = payload["resumed"]
        op.execute(control.update().where(control.c.book == row.book).values(**values))


def downgrade() -> None:
    """A level that metrics raised then stays until a person lowers it, as it did before."""
    op.drop_column("control", "resumed")
    op.drop_column("control", "causes")
