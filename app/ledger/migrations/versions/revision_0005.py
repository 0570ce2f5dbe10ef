"""What decisions go by has a place of its own: the rules of an order, and what a run leaves for later ones.

Before, the reasons of orders and the reports told both.
"""

import json
import re
from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

from app.ledger import former, run_memory

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled from the reasons and the reports of then; those stay as they are."""
    op.create_table(
        "run_memory",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id", name="fk_run_memory_run_id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "kind", name="pk_run_memory"),
        sa.CheckConstraint("kind IN ('evaluation', 'account', 'asked_prices')", name="ck_run_memory_kind"),
    )
    _remember()
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        _rebuild(r"(, \s*)CONSTRAINT pk_intents", r"\1rules TEXT NOT NULL\1CONSTRAINT pk_intents", {"rules": "''"})
    else:
        op.add_column("intents", sa.Column("rules", sa.Text))
    intents = sa.table("intents", sa.column("rule"), sa.column("rules"))
    for reason in op.get_bind().execute(sa.select(intents.c.rule).distinct()).scalars().all():
        op.execute(intents.update().where(intents.c.rule == reason).values(rules=former.rules(reason)))
    if not sqlite:
        # Without a default, so that an earlier version that still runs can plan nothing that nobody remembers.
        op.alter_column("intents", "rules", nullable=False)


def downgrade() -> None:
    """An earlier version reads reasons and reports again."""
    op.drop_table("run_memory")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(r"rules TEXT NOT NULL, \s*", "", {})
    else:
        op.drop_column("intents", "rules")


def _remember() -> None:
    connection = op.get_bind()
    runs = sa.table("runs", sa.column("run_id"), sa.column("report"))
    memory = sa.table("run_memory", sa.column("run_id"), sa.column("kind"), sa.column("content"))
    for run_id in connection.execute(sa.select(runs.c.run_id).where(runs.c.report.is_not(None))).scalars().all():
        # One at a time: they are large.
        report = connection.execute(sa.select(runs.c.report).where(runs.c.run_id == run_id)).scalar_one()
        for kind, content in run_memory.texts(former.memory(run_id, json.loads(report))).items():
            connection.execute(memory.insert().values(run_id=run_id, kind=kind, content=content))


def _rebuild(old: str, new: str, added: Mapping[str, str]) -> None:
    """SQLite adds a column behind the constraints: the table is made anew, by its own text changed in one place.

    `added`: what the new columns hold, as SQL.
    """
    connection = op.get_bind()
    stored = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'intents' AND sql IS NOT NULL ORDER BY type DESC"
    )
    table, *indexes = stored.scalars().all()
    changed, times = re.subn(old, new, table)
    if times != 1:
        raise ValueError(f"the intents are not declared as this version knows them: {table}")
    kept = [column["name"] for column in sa.inspect(connection).get_columns("intents") if column["name"] != "rules"]
    names, values = ", ".join((*kept, *added)), ", ".join((*kept, *added.values()))
    op.execute("CREATE TEMPORARY TABLE kept_intents AS SELECT * FROM intents")
    op.drop_table("intents")
    for statement in (changed, *indexes):
        op.execute(statement)
    op.execute(f"INSERT INTO intents ({names}) SELECT {values} FROM kept_intents")  # noqa: S608 (names of the schema)
    op.drop_table("kept_intents")
