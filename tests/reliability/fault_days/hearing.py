"""What a command said, with what was so before and after it: its words are judged by that."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
from sqlalchemy import Row, TextClause, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.reliability.fault_days.machine import Command, Machine
from tests.reliability.fault_days.table import is_alive

_RUNS = text("SELECT run_id, status, owner, lease_until, session_date, slot, dry_run, error FROM runs ORDER BY number")
_DOUBTS = text("SELECT coid FROM intents WHERE state IN ('SENDING', 'UNKNOWN')")


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the database has it."""

    run_id: str
    status: str
    owner: str
    lease_until: datetime
    day: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What was so: the runs, those of them whose owner lived, and whether an order was in doubt.

    Where the database could not be read there is no run and no doubt.
    """

    at: datetime
    lease_time: datetime
    runs: Mapping[str, RunRow]
    doubts: bool
    owned: frozenset[str]


@dataclass(frozen=True)
class Heard:
    """`down` are the parts that were struck while it ran or before it and not mended; None is the status of a hang."""

    arguments: tuple[str, ...]
    status: int | None
    out: str
    err: str
    before: Moment
    after: Moment
    down: frozenset[str]
    orders: Sequence[Mapping[str, Any]] = field(default=(), repr=False)

    @property
    def answer(self) -> Mapping[str, Any] | None:
        """The JSON that it printed."""
        try:
            found = json.loads(self.out)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


def moment(machine: Machine) -> Moment:
    """Now, through a connection of its own."""
    runs, doubts = _read(machine)
    # PostgreSQL keeps leases by its own clock, which no fault moves.
    lease_time = machine.now() if machine.database is None else datetime.now(UTC)
    return Moment(
        machine.now(), lease_time, runs, doubts, frozenset(run.run_id for run in runs.values() if _lives(run.owner))
    )


def _lives(owner: str) -> bool:
    """By the number of its process, which the owner's name tells."""
    number = owner.split("/")[1:2]
    return number != [] and is_alive(int(number[0]))


def _read(machine: Machine) -> tuple[Mapping[str, RunRow], bool]:
    """Runs of the ledger and of what stood in its place; doubts of the ledger alone."""
    own = machine.database or f"sqlite:///file:{machine.file}?mode=ro&uri=true"
    records = (*reversed(machine.record_urls[1:]), own)
    found = (
        RunRow(row.run_id, row.status, row.owner, datetime.fromisoformat(str(row.lease_until)), str(row.session_date))
        for url in records
        for row in rows_of(url, _RUNS)
    )
    return {row.run_id: row for row in found}, bool(rows_of(own, _DOUBTS))


def rows_of(url: str, question: TextClause) -> Sequence[Row[Any]]:
    """Nothing where the database cannot be read."""
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return connection.execute(question).all()
    except DBAPIError:
        return ()
    finally:
        engine.dispose()


def heard(
    command: Command, before: Moment, after: Moment, down: frozenset[str], orders: Sequence[Mapping[str, Any]]
) -> Heard:
    """Of a command that has ended; `orders` are all that any gateway of the day showed."""
    return Heard(
        command.arguments,
        command.process.poll(),
        command.out.read_text(encoding="utf-8", errors="replace"),
        command.err.read_text(encoding="utf-8", errors="replace"),
        before,
        after,
        down,
        orders,
    )


def arrived(machine: Machine) -> list[dict[str, Any]]:
    """Orders at today's gateway; none where it is gone."""
    try:
        return machine.gateway.orders()
    except httpx2.HTTPError:
        return []
