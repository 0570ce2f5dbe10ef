"""Transactions, and what their failures mean to the caller. Never retries: whether to go on is the desk's to decide."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.dml import ReturningInsert

from app.ledger.faults import ledger_error, place

BEGIN_OPTION = "ledger_begin"
PATIENCE_OPTION = "ledger_patience"
THOROUGH_OPTION = "ledger_thorough"
LOCK_SECONDS = 15
_KEPT = "ledger_kept"

Own = TypeVar("Own")

_READ_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {BEGIN_OPTION: "BEGIN"},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}


@contextmanager
def writing(engine: Engine, *, thorough: bool = False, patience: float = LOCK_SECONDS) -> Iterator[Connection]:
    """One transaction: committed when the block ends, rolled back when it raises. LedgerError when it cannot be.

    `thorough`: SQLite's file is looked at first, as far as it has changed. `patience`: seconds to wait for a lock.
    """
    with _connected(engine, {THOROUGH_OPTION: thorough, PATIENCE_OPTION: patience}) as connection:
        if engine.dialect.name == "postgresql" and patience != LOCK_SECONDS:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{patience}s'")
        kept: dict[Any, Any] = {}
        connection.info[_KEPT] = kept
        yield connection
        for finish, own in kept.items():
            finish(connection, own)


def of_transaction(connection: Connection, make: Callable[[], Own], finish: Callable[[Connection, Own], None]) -> Own:
    """What `finish` has of this transaction, made when first asked for. It is called with it right before the commit.

    For transactions of `writing`; where its block raises nothing is finished.
    """
    kept: dict[Any, Own] = connection.info[_KEPT]
    if finish not in kept:
        kept[finish] = make()
    return kept[finish]


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One snapshot for every read of the block; takes no write lock."""
    with _connected(engine, _READ_OPTIONS[engine.dialect.name]) as connection:
        yield connection


@contextmanager
def _connected(engine: Engine, options: Mapping[str, Any]) -> Iterator[Connection]:
    with ledger_errors(place(engine.url)), engine.connect() as connection:
        connection.execution_options(**options)
        with connection.begin():
            yield connection


@contextmanager
def ledger_errors(where: str = "") -> Iterator[None]:
    """The database's errors as LedgerError."""
    try:
        yield
    # PostgreSQL's driver lets some of the network's own errors through, and what is stored may no longer be readable.
    except (SQLAlchemyError, sqlite3.Error, OSError, ValueError) as error:
        raise ledger_error(error, where) from error


def insert_if_absent(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Whether the row is new; a row with one of the same unique keys stays as it is."""
    return connection.execute(_insert(table, connection.dialect.name), values).rowcount == 1


def number_if_absent(connection: Connection, column: Column[int], values: Mapping[str, Any]) -> int | None:
    """What the database gave the new row as its number; None where `insert_if_absent` would have put down none."""
    statement = _insert_returning(column, connection.dialect.name)
    for (number,) in connection.execute(statement, values):
        return int(number)
    return None


@cache
def _insert_returning(column: Column[int], dialect: str) -> ReturningInsert[Any]:
    return _insert(column.table, dialect).returning(column)


@cache
def _insert(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing().inline()
