"""Transactions, and what their failures mean to the caller. Never retries: whether to go on is the desk's to decide."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError, StatementError

from app.domain.errors import LedgerError

BEGIN_OPTION = "ledger_begin"

_READ_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {BEGIN_OPTION: "BEGIN"},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed when the block ends, rolled back when it raises. LedgerError when it cannot be."""
    with ledger_errors(), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One snapshot for every read of the block; takes no write lock."""
    with ledger_errors(), engine.connect() as connection:
        connection.execution_options(**_READ_OPTIONS[engine.dialect.name])
        with connection.begin():
            yield connection


@contextmanager
def ledger_errors() -> Iterator[None]:
    """The database's errors as LedgerError."""
    try:
        yield
    # PostgreSQL's driver lets some of the network's own errors through.
    except (SQLAlchemyError, OSError) as error:
        # The driver's words only: SQLAlchemy's own message would repeat every bound value, account ids included.
        cause = error.orig if isinstance(error, StatementError) and error.orig is not None else type(error).__name__
        if isinstance(cause, LedgerError):
            raise cause from error
        raise LedgerError(
            f"the ledger could not be read or written: {_words(cause)}",
            "Check the database that DATABASE_URL names and run again; an interrupted run is resumed, never repeated",
        ) from error


def _words(cause: object) -> str:
    # PostgreSQL answers with fields, of which the message, "M", is the only one that never repeats a stored value.
    if isinstance(cause, Exception) and cause.args and isinstance(cause.args[0], Mapping):
        return str(cause.args[0].get("M", type(cause).__name__))
    return str(cause)


def insert_if_absent(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Whether the row is new; a row with one of the same unique keys stays as it is."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return connection.execute(insert(table).values(**values).on_conflict_do_nothing().inline()).rowcount == 1
