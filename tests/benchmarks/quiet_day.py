"""What a day without orders costs the desk and the ledger: transactions, and CPU time, of a run in this process.

`python -m tests.benchmarks.quiet_day [--json]`. Twenty names are held, the broker answers from memory and its own time
is taken out; the ledger is a real one, on SQLite and on PostgreSQL where one can be had.
"""

import asyncio
import sys
import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import accumulate
from pathlib import Path
from statistics import median
from time import process_time, thread_time
from typing import Any, Final, cast
from unittest.mock import patch

import numpy as np
from sqlalchemy import Connection, Engine, event

from app.desk.ports import Broker, Ledger, MarketData
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.stages import decide
from app.domain.market import Array, PriceSeries
from app.domain.portfolio import Position
from app.ledger.engine import create_ledger_engine, migrate
from app.ledger.schema import HEAD
from app.ledger.sql_ledger import SqlLedger
from app.ledger.transactions import writing
from tests.benchmarks.program import run_as_program
from tests.benchmarks.world import MeasurementFailed
from tests.support.fakes import FakeMarketData, Office
from tests.support.postgres import own_server
from tests.support.world import OPENING, PRICE, SESSIONS, SYMBOLS, TODAY, World, conid, instrument, weekdays_before

TRANSACTIONS: Final = 12
CPU_MILLISECONDS: Final = 20.0
DAYS: Final = 30
# Until everything is imported and every statement compiled.
WARM_UP: Final = 5
HELD: Final = Decimal(110)


@dataclass(frozen=True, slots=True)
class QuietDay:
    """One run: transactions, CPU milliseconds of desk and ledger, and of the ledger's calls alone.

    `record_cpu` is what it takes to write down what the day was decided from, before the ledger is given it.
    """

    transactions: int
    cpu: float
    ledger_cpu: float
    record_cpu: float


@dataclass(frozen=True, slots=True)
class QuietDays:
    """Of so many days the most transactions, and the medians of the rest."""

    database: str
    days: int
    transactions: int
    cpu: float
    ledger_cpu: float
    record_cpu: float


def quiet_world() -> World:
    """Twenty names in equal parts, bought at today's price: nothing is due, nothing drifts."""
    held = {conid(symbol): Position(instrument(symbol), HELD, PRICE, PRICE) for symbol in SYMBOLS}
    return World(positions=held, cash=Decimal(250_000) - PRICE * HELD * len(SYMBOLS))


@dataclass
class _Spent:
    """CPU seconds that threads spent in what is wrapped."""

    seconds: float = 0.0


class _Timed:
    """Passes every call on. The fakes never wait, so all of a thread's time in a call is theirs."""

    def __init__(self, wrapped: object, spent: _Spent) -> None:
        self._wrapped = wrapped
        self._spent = spent

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._wrapped, name)

        def timed(*args: object, **kwargs: object) -> object:
            started = thread_time()
            try:
                answer = call(*args, **kwargs)
            finally:
                self._spent.seconds += thread_time() - started
            return self._awaited(answer) if asyncio.iscoroutine(answer) else answer

        return timed

    async def _awaited(self, answer: Awaitable[object]) -> object:
        started = thread_time()
        try:
            return await answer
        finally:
            self._spent.seconds += thread_time() - started


class SteadyMarket(FakeMarketData):
    """Yesterday's closes are today's, with one more: what the days before this one were does not change."""

    async def history(self, conid: int, before: date) -> PriceSeries:
        dates, closes = _path(conid)
        end = bisect_left(dates, before)
        first = end - SESSIONS
        return PriceSeries(conid, dates[first:end], closes[first:end], "fake", OPENING + (before - TODAY))


@cache
def _path(conid: int) -> tuple[tuple[date, ...], Array]:
    """Closes that wander around the price, each name's in its own way, in cents as the broker sends them."""
    dates = weekdays_before(TODAY + timedelta(days=400), SESSIONS + 300)
    steps = np.random.default_rng(conid).normal(0, 0.01, len(dates))
    wander = accumulate(steps, lambda before, step: 0.9 * before + step)
    return dates, np.round(float(PRICE) * np.exp(np.array(list(wander))), 2)


def move_prices(world: World, number: int) -> None:
    """Each name's price is a little above or below what it was bought at."""
    moves = np.random.default_rng(number).integers(-40, 40, len(SYMBOLS)).tolist()
    world.moved = {symbol: PRICE + Decimal(move) / 100 for symbol, move in zip(SYMBOLS, moves, strict=True)}


def count_transactions(engine: Engine) -> Counter[str]:
    """Counts from now on under "begun"."""
    count: Counter[str] = Counter()

    def begun(_: Connection) -> None:
        count["begun"] += 1

    event.listen(engine, "begin", begun)
    return count


async def quiet_days(engine: Engine, days: int) -> tuple[QuietDay, ...]:
    """Of the consecutive sessions of one account those without orders, under the default policy and by the rules.

    Raises: MeasurementFailed where too few were.
    """
    with writing(engine) as connection:
        migrate(connection, HEAD)
    office = Office(SqlLedger(engine), quiet_world())
    office.market_data = SteadyMarket(office.world)
    begun = count_transactions(engine)
    found: list[QuietDay] = []
    for number in range(2 * (days + WARM_UP)):
        office.world.next_day(session_of(number))
        move_prices(office.world, number)
        # A broker lists the day's orders, and those that still work.
        office.broker.orders = office.broker.working()
        day = await _one(office, begun)
        if day is not None:
            found.append(day)
        if len(found) == days + WARM_UP:
            return tuple(found[WARM_UP:])
    raise MeasurementFailed(f"only {len(found)} days were quiet")


def session_of(number: int) -> date:
    """The weekday so many after the first."""
    weeks, days = divmod(number, 5)
    return TODAY + timedelta(weeks=weeks, days=days)


async def _one(office: Office, begun: Counter[str]) -> QuietDay | None:
    world, ledger, record = _Spent(), _Spent(), _Spent()
    desk = replace(
        office.desk(),
        broker=cast(Broker, _Timed(office.broker, world)),
        market_data=cast(MarketData, _Timed(office.market_data, world)),
        ledger=cast(Ledger, _Timed(office.ledger, ledger)),
    )
    before, started = begun["begun"], process_time()
    with patch.object(decide, "with_day_kept", _Timed(decide, record).with_day_kept):
        result = await run_daily(desk, RunRequest())
    spent = process_time() - started - world.seconds
    if result.report is None or result.status is not RunStatus.DONE:
        raise MeasurementFailed(f"a day was not done: {result.status}")
    if result.report["orders"]:
        return None
    return QuietDay(begun["begun"] - before, spent * 1000, ledger.seconds * 1000, record.seconds * 1000)


def _summed(database: str, days: tuple[QuietDay, ...]) -> QuietDays:
    return QuietDays(
        database,
        len(days),
        max(day.transactions for day in days),
        median(day.cpu for day in days),
        median(day.ledger_cpu for day in days),
        median(day.record_cpu for day in days),
    )


def measure_quiet_days(days: int = DAYS) -> tuple[QuietDays, ...]:
    """On SQLite, and on a durable PostgreSQL where one can be had."""
    with tempfile.TemporaryDirectory() as folder:
        found = [_on(f"sqlite:///{Path(folder) / 'ledger.db'}", "SQLite", days)]
    with own_server(durable=True) as server:
        if server is not None:
            found.append(_on(server.create(), "PostgreSQL", days))
    return tuple(found)


def _on(url: str, database: str, days: int) -> QuietDays:
    engine = create_ledger_engine(url)
    try:
        return _summed(database, asyncio.run(quiet_days(engine, days)))
    finally:
        engine.dispose()


def in_words(each: QuietDays) -> str:
    """One line for people."""
    return (
        f"{each.database}: a quiet day of {len(SYMBOLS)} names: {each.transactions} transactions, target "
        f"{TRANSACTIONS}; {each.cpu:.1f} ms CPU in desk and ledger, target {CPU_MILLISECONDS:g}, of which "
        f"{each.ledger_cpu:.1f} ms in the ledger and {each.record_cpu:.1f} ms for what is kept ({each.days} days)"
    )


if __name__ == "__main__":
    sys.exit(run_as_program("tests.benchmarks.quiet_day", __doc__, measure_quiet_days, in_words))
