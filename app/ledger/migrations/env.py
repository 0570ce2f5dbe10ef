"""Alembic runs this file by its path, with the caller's connection and inside the caller's transaction."""

from alembic import context

from app.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's DDL is transactional once the driver leaves transactions alone: a migration happens wholly or not at all.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
