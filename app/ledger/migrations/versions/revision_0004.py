"""What the broker asked about an order before it took it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was asked before was told to nobody."""
    op.create_table(
        "questions",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id", name="fk_questions_run_id"), nullable=False),
        sa.Column("coid", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("ids", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("answered", sa.Boolean, nullable=False),
        sa.Column("why", sa.Text),
        sa.PrimaryKeyConstraint("run_id", "coid", "position", name="pk_questions"),
    )


def downgrade() -> None:
    """The questions are lost but for their events; orders are not."""
    op.drop_table("questions")
