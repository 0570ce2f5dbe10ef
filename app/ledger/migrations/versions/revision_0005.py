"""What decisions go by has a place of its own: the rules of an order, which its reason alone told before."""

import re

import sqlalchemy as sa
from alembic import op

from app.ledger import former

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled from what the program of then told in words; those stay as they are."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(r"(, \s*)CONSTRAINT pk_intents", r"\1rules TEXT DEFAULT '' NOT NULL\1CONSTRAINT pk_intents")
    else:
        op.add_column("intents", sa.Column("rules", sa.Text, nullable=False, server_default=""))
    intents = sa.table("intents", sa.column("rule"), sa.column("rules"))
    for reason in op.get_bind().execute(sa.select(intents.c.rule).distinct()).scalars().all():
        op.execute(intents.update().where(intents.c.rule == reason).values(rules=former.rules(reason)))


def downgrade() -> None:
    """An earlier version reads the rules out of the reasons again."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(r"rules TEXT DEFAULT '' NOT NULL, \s*", "")
    else:
        op.drop_column("intents", "rules")


def _rebuild(old: str, new: str) -> None:
    """SQLite adds a column behind the constraints: the table is made anew, by its own text changed in one place."""
    connection = op.get_bind()
    stored = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'intents' AND sql IS NOT NULL ORDER BY type DESC"
    )
    table, *indexes = stored.scalars().all()
    changed, times = re.subn(old, new, table)
    if times != 1:
        raise ValueError(f"the intents are not declared as this version knows them: {table}")
    kept = [column["name"] for column in sa.inspect(connection).get_columns("intents") if column["name"] != "rules"]
    names = ", ".join(kept)
    op.execute("CREATE TEMPORARY TABLE kept_intents AS SELECT * FROM intents")
    op.drop_table("intents")
    for statement in (changed, *indexes):
        op.execute(statement)
    op.execute(f"INSERT INTO intents ({names}) SELECT {names} FROM kept_intents")  # noqa: S608 (names of the schema)
    op.drop_table("kept_intents")
