"""The audit of rows: each column of each table is what the events say, or is left out here with its reason."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Table, text

from app.ledger import schema
from app.record.canonical import digest

Key = tuple[Any, ...]
Columns = dict[str, Any]

# By what a row is known to the events.
KEYS: Mapping[Table, tuple[str, ...]] = {
    schema.runs: ("run_id",),
    schema.run_memory: ("run_id", "kind"),
    schema.intents: ("run_id", "coid"),
    schema.questions: ("run_id", "coid", "position"),
    schema.navs: ("book", "session_date", "kind"),
    schema.control: ("book",),
    schema.adoptions: ("book",),
    schema.adoption_modes: ("book",),
    schema.flows: ("book", "seq"),
    schema.flow_plans: ("book", "seq"),
    schema.quarantines: ("book", "conid"),
    schema.notices: ("key",),
}
# No event tells of these, and no decision, key or report reads them.
OUTSIDE: Mapping[str, str] = {
    "runs.lease_until": "moves every minute while a run works; whoever moves it makes another process wait or come "
    "early, and the fence decides between the two",
    "notices.due_at": "when a message is tried next: a message that is lost or comes twice changes no record",
    "notices.tries": "how often a message was tried",
    "notices.delivered_at": "when a message was delivered",
}
# Told by their hash alone.
HASHED = frozenset({"runs.plan", "runs.report", "run_memory.content", "notices.body"})
_PLACES: Mapping[Table, Callable[[Columns], str]] = {
    schema.runs: lambda row: f"book {row['book']}, run {row['run_id']}",
    schema.run_memory: lambda row: f"what run {row['run_id']} left for later ones, {row['kind']}",
    schema.intents: lambda row: f"book {row['book']}, intent {row['coid']} of run {row['run_id']}",
    schema.questions: lambda row: f"question {row['position']} about order {row['coid']} of run {row['run_id']}",
    schema.navs: lambda row: f"book {row['book']}, {row['kind']} NAV point of {row['session_date']}",
    schema.control: lambda row: f"book {row['book']}, its kill level",
    schema.adoptions: lambda row: f"book {row['book']}, how it was taken over",
    schema.adoption_modes: lambda row: f"book {row['book']}, its mode of adoption",
    schema.flows: lambda row: f"book {row['book']}, flow of event {row['seq']}",
    schema.flow_plans: lambda row: f"book {row['book']}, planned withdrawal of event {row['seq']}",
    schema.quarantines: lambda row: f"book {row['book']}, quarantine of conid {row['conid']}",
    schema.notices: lambda row: f"book {row['book']}, message {row['key']}",
}


def check_rows(connection: Connection, table: Table, told: Mapping[Key, Columns]) -> Iterator[str]:
    """Every row against what was told of it, and the other way round."""
    expected = dict(told)
    for row in stored_rows(connection, table):
        key = tuple(row[name] for name in KEYS[table])
        known = expected.pop(key, None)
        place = _PLACES[table](row)
        if known is None:
            yield f"{place}: no intact event tells of it"
        elif names := differing(table, row, known):
            yield f"{place}: its {', '.join(names)} is not what the events say"
    for key, known in expected.items():
        place = _PLACES[table]({"book": "?", **known, **dict(zip(KEYS[table], key, strict=True))})
        yield f"{place}: is missing"


def stored_rows(connection: Connection, table: Table, of: Mapping[str, str] | None = None) -> Iterator[Columns]:
    """As they are stored, read as no type of theirs: an intruder can put anything there. Texts told by hash as hash."""
    names = [column.name for column in table.columns]
    quoted, ordered = (", ".join(f'"{name}"' for name in some) for some in (names, KEYS[table]))
    where = "".join(f' WHERE "{name}" = :{name}' for name in of or ())
    query = text(f'SELECT {quoted} FROM "{table.name}"{where} ORDER BY {ordered}')  # noqa: S608 (names of the schema)
    for row in connection.execute(query, of or {}):
        yield {name: _plain(f"{table.name}.{name}", value) for name, value in zip(names, row, strict=True)}


def differing(table: Table, row: Columns, known: Columns) -> list[str]:
    """Names of columns."""
    covered = (column.name for column in table.columns if f"{table.name}.{column.name}" not in OUTSIDE)
    return [name for name in covered if name not in KEYS[table] and row[name] != known.get(name)]


def _plain(column: str, value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return digest(str(value)) if column in HASHED and value is not None else value
