"""Cash that the broker's rows tell of, each once, and withdrawals that a person announced."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What people said before keeps neither a kind nor a row."""
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


def downgrade() -> None:
    """Income would count as money paid in, so its rows go; announced withdrawals are lost but for their events."""
    op.drop_table("flow_plans")
    op.drop_index("uq_flows_external_id", "flows")
    op.execute("DELETE FROM flows WHERE kind IS NOT NULL AND kind NOT IN ('deposit', 'withdrawal', 'transfer')")
    op.drop_column("flows", "external_id")
    op.drop_column("flows", "kind")
