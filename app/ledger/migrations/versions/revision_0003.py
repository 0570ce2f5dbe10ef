"""What a person is to be told, until it is delivered."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is told of what was before."""
    op.create_table(
        "notices",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("made_at", sa.Text, nullable=False),
        sa.Column("due_at", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("delivered_at", sa.Text),
        sa.PrimaryKeyConstraint("key", name="pk_notices"),
    )


def downgrade() -> None:
    """What is not delivered is lost; runs and their reports are not."""
    op.drop_table("notices")
