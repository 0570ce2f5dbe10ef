"""Every way to alter a ledger by hand that its database admits: each column, each row, each table, books and tails."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Date, Double, Integer, LargeBinary, Table, UniqueConstraint, text
from sqlalchemy.exc import SQLAlchemyError

from app.ledger import audit
from app.ledger.schema import metadata

REVISION = "alembic_version"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Alteration:
    """Statements with their values; `column` for one that changes nothing else."""

    name: str
    statements: tuple[tuple[str, Row], ...]
    column: str = ""


def unguard(connection: Connection) -> None:
    """Who alters by hand takes the foreign keys out of the way first."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        return
    for table in metadata.tables.values():
        for constraint in table.foreign_key_constraints:
            connection.exec_driver_sql(f"ALTER TABLE {table.name} DROP CONSTRAINT {constraint.name}")


def noticed(connection: Connection, alteration: Alteration) -> bool | None:
    """Whether the audit has a word for it; None where the database refuses it. Undone in the end."""
    with connection.begin_nested() as change:
        try:
            changed = sum(
                connection.execute(text(statement), values).rowcount for statement, values in alteration.statements
            )
        except (SQLAlchemyError, ValueError):
            change.rollback()
            return None
        try:
            found = not audit.verify(connection).ok
        except SQLAlchemyError:
            # What cannot be read is not found intact.
            found = True
        change.rollback()
    assert changed != 0, f"{alteration.name} changes nothing"
    return found


def alterations(connection: Connection) -> Iterator[Alteration]:
    """Of a ledger as it is."""
    names = [*(table.name for table in metadata.sorted_tables), REVISION]
    for name in names:
        if connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one():  # noqa: S608
            yield Alteration(f"{name} is emptied", (_emptied(name),))
        cascade = "" if connection.dialect.name == "sqlite" else " CASCADE"
        yield Alteration(f"{name} is dropped", ((f"DROP TABLE {name}{cascade}", {}),))
    everything = tuple(_emptied(name) for name in (*reversed(names[:-1]), REVISION))
    yield Alteration("everything is emptied", everything)
    for table in metadata.tables.values():
        yield from _of_table(connection, table)
    yield from _of_books(connection)
    yield from _of_tails(connection)


def _emptied(name: str) -> tuple[str, Row]:
    return f"DELETE FROM {name}", {}  # noqa: S608


def _rows(connection: Connection, table: Table) -> list[Row]:
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    return [dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table.name} ORDER BY {keys}").mappings()]  # noqa: S608


def _of_table(connection: Connection, table: Table) -> Iterator[Alteration]:
    rows = _rows(connection, table)
    sqlite = connection.dialect.name == "sqlite"
    for number, row in enumerate(rows):
        where, key = _where(table, row)
        yield Alteration(f"{table.name} {number} is deleted", ((f"DELETE FROM {table.name} WHERE {where}", key),))  # noqa: S608
        yield from _copies(table, number, row)
        for column in table.columns:
            others = [other[column.name] for other in (*rows[number + 1 :], *rows[:number])]
            for value in _values(column, row[column.name], others, sqlite=sqlite):
                change = f'UPDATE {table.name} SET "{column.name}" = :new WHERE {where}'  # noqa: S608
                what = f"{table.name}.{column.name}"
                yield Alteration(f"{what} of row {number} is {value!r}", ((change, {"new": value, **key}),), what)
    for number, (one, other) in enumerate(pairwise(rows)):
        yield from _swapped(table, number, one, other)


def _where(table: Table, row: Row) -> tuple[str, Row]:
    names = [column.name for column in table.primary_key]
    return " AND ".join(f'"{name}" = :key_{name}' for name in names), {f"key_{name}": row[name] for name in names}


def _copies(table: Table, number: int, row: Row) -> Iterator[Alteration]:
    """With another key in one of its columns, and whatever else must be unique changed too."""
    unique = {column.name for index in table.indexes if index.unique for column in index.columns}
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            unique |= {column.name for column in constraint.columns}
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    values = ", ".join(f":{column.name}" for column in table.columns)
    for column in table.primary_key:
        changed = {name: _other(table.columns[name], row[name]) for name in unique | {column.name}}
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({values})"  # noqa: S608
        yield Alteration(
            f"{table.name} {number} is copied under another {column.name}", ((statement, {**row, **changed}),)
        )


def _swapped(table: Table, number: int, one: Row, other: Row) -> Iterator[Alteration]:
    """All but their keys."""
    keys = {column.name for column in table.primary_key}
    names = [name for name in one if name not in keys]
    if all(one[name] == other[name] for name in names):
        return
    assignments = ", ".join(f'"{name}" = :{name}' for name in names)
    statements = []
    for row, content in ((one, other), (other, one)):
        where, key = _where(table, row)
        values = {name: content[name] for name in names}
        statements.append((f"UPDATE {table.name} SET {assignments} WHERE {where}", {**values, **key}))  # noqa: S608
    yield Alteration(f"{table.name} {number} and {number + 1} are swapped", tuple(statements))


def _other(column: Column[Any], value: Any) -> Any:  # noqa: ANN401 (whatever a database holds)
    if value is None:
        return None
    if isinstance(column.type, Boolean):
        return not value
    if isinstance(column.type, Integer | Double):
        return value + 1000
    if isinstance(column.type, LargeBinary):
        return bytes(value) + b"x"
    if isinstance(column.type, Date):
        return re.sub(r"^\d{4}", "1999", str(value))
    return f"{value}x"


def _values(column: Column[Any], value: Any, others: list[Any], *, sqlite: bool) -> Iterator[Any]:  # noqa: ANN401
    """Other values than this one, NULL among them; `others` are those of the table's other rows."""
    kind = column.type
    found = [None, _other(column, value), *(other for other in others[:1])]
    if isinstance(kind, Integer | Double):
        found += [0, 1, -7]
    elif isinstance(kind, Boolean):
        found += [True, False]
    elif not isinstance(kind, Date | LargeBinary):
        found += ["", "0", "DONE", "done", "FILLED", "BUY", "*", "1999-01-01T00:00:00.000000+00:00"]
    if sqlite:
        found += [b"\x00\xff", 5]
    seen: list[Any] = [value]
    for each in found:
        if not any(each == before for before in seen):
            seen.append(each)
            yield each


def _of_books(connection: Connection) -> Iterator[Alteration]:
    """A book with all that is known of it."""
    for book in connection.exec_driver_sql("SELECT book FROM chain ORDER BY book").scalars().all():
        statements = []
        for table in reversed(metadata.sorted_tables):
            if "book" in table.columns:
                statements.append((f"DELETE FROM {table.name} WHERE book = :book", {"book": book}))  # noqa: S608
            elif "run_id" in table.columns:
                of_runs = "run_id IN (SELECT run_id FROM runs WHERE book = :book)"
                statements.append((f"DELETE FROM {table.name} WHERE {of_runs}", {"book": book}))  # noqa: S608
        yield Alteration(f"book {book} is deleted", tuple(statements))


def _of_tails(connection: Connection) -> Iterator[Alteration]:
    """The newest events of all, with the heads of their books put back and without."""
    events = connection.exec_driver_sql("SELECT number, book, seq, hash FROM events ORDER BY number").all()
    for kept, book, seq, digest in events[:-1]:
        cut = ("DELETE FROM events WHERE number > :kept", {"kept": kept})
        of_book = {"seq": seq, "hash": digest, "book": book}
        head = ("UPDATE chain SET seq = :seq, hash = :hash WHERE book = :book", of_book)
        yield Alteration(f"events after {kept} are cut off", (cut,))
        yield Alteration(f"events after {kept} are cut off, and their book's head put back", (cut, head))
