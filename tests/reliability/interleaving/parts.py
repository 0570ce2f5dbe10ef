"""What a case is put together from. A mutant takes the place of one part; the product knows nothing of it."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import cache
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Engine

from app.desk.desk import Desk
from app.desk.ports import Broker, Ledger, MarketData
from app.desk.stages.pipeline import PerformStages, perform_stages
from app.domain.errors import LedgerUnavailable
from app.ledger.engine import create_ledger_engine, migrate
from app.ledger.schema import HEAD
from app.ledger.sql_ledger import SqlLedger
from app.ledger.transactions import writing
from tests.support.broker_model import at_once
from tests.support.ledgers import take_over
from tests.support.world import ACCOUNT, WORLD

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
LEASE_SECONDS = 120.0
BOOK = f"{ACCOUNT}@{WORLD}"


class LedgerFault(Enum):
    """What becomes of one call of the ledger."""

    NOT_COMMITTED = auto()
    COMMITTED_WITHOUT_ANSWER = auto()


def no_fault(_: str) -> LedgerFault | None:
    """The database always answers."""
    return None


def unseen(_name: str, _arguments: Sequence[object]) -> None:
    """Nobody looks at what was written."""


@dataclass(frozen=True)
class InlineDesk(Desk):
    """Calls the ledger in place of a thread, after waiting for its turn; `written` is told of each call that went in.

    The connection to the database may break before or after a commit.
    """

    pause: Callable[[str], Awaitable[None]] = at_once
    ledger_fault: Callable[[str], LedgerFault | None] = no_fault
    written: Callable[[str, Sequence[object]], None] = unseen

    async def in_thread(
        self, change: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """See `Desk.in_thread`."""
        name = change.__name__
        await self.pause(name)
        fault = self.ledger_fault(name)
        if fault is LedgerFault.NOT_COMMITTED:
            raise LedgerUnavailable(f"the ledger could not be written: {name}")
        result = change(*args, **kwargs)
        self.written(name, args)
        if fault is LedgerFault.COMMITTED_WITHOUT_ANSWER:
            raise LedgerUnavailable(f"the ledger did not answer: {name}")
        return result


def sql_ledger(engine: Engine, now: Callable[[], datetime]) -> Ledger:
    """The product's own."""
    return SqlLedger(engine, lease_seconds=LEASE_SECONDS, now=now)


def as_it_is(broker: Broker) -> Broker:
    """Nothing between the desk and the broker."""
    return broker


@dataclass(frozen=True)
class Parts:
    """The product's parts, or what a mutant puts there instead.

    `broker` and `market_data` wrap what a worker talks to; `sweep` is whether the case ends with reconciliations.
    """

    ledger: Callable[[Engine, Callable[[], datetime]], Ledger] = sql_ledger
    desk: type[InlineDesk] = InlineDesk
    broker: Callable[[Broker], Broker] = as_it_is
    market_data: Callable[[MarketData], MarketData] = lambda market: market
    perform: PerformStages = perform_stages
    sweep: bool = True


class Store:
    """A ledger's database in memory, and a way to look into it past the ledger. One at a time in a process."""

    def __init__(self) -> None:
        # One engine for all cases: it keeps its compiled statements.
        self.engine = _engine()
        self._raw = _driver(self.engine)
        _migrated().backup(self._raw)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """As they are stored."""
        return self._raw.execute(query, values).fetchall()


@cache
def _engine() -> Engine:
    return create_ledger_engine("sqlite://")


@cache
def _migrated() -> sqlite3.Connection:
    engine = create_ledger_engine("sqlite://")
    with writing(engine) as connection:
        migrate(connection, HEAD)
    # What is met for the first time has no gains and losses yet, and nothing past its stop is sold.
    take_over(engine, BOOK)
    copy = sqlite3.connect(":memory:")
    _driver(engine).backup(copy)
    engine.dispose()
    return copy


def _driver(engine: Engine) -> sqlite3.Connection:
    connection = engine.raw_connection().driver_connection
    if not isinstance(connection, sqlite3.Connection):
        raise TypeError("the store is not SQLite")
    return connection
