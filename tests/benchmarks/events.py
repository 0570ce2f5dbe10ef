"""How soon what a run says can be read by another process, and what it costs the run.

`python -m tests.benchmarks.events [--json]`. A broker in memory that takes a few milliseconds a call; the ledger is a
real one, on SQLite and on PostgreSQL where one can be had. Days with events written beside the run alternate with days
without, in one process.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from app.desk.desk import Desk, silent
from app.desk.records import Claim, Event, Intent, RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.order import OrderState
from app.ledger.engine import create_ledger_engine, open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.benchmarks.program import run_as_program
from tests.benchmarks.quiet_day import WARM_UP, count_transactions, quiet_world, session_of
from tests.benchmarks.world import MeasurementFailed
from tests.support.fakes import Office
from tests.support.postgres import own_server
from tests.support.world import World

FIRST_MILLISECONDS: Final = 100.0
ORDERS: Final = 60
DAYS: Final = 20
CALL_SECONDS: Final = 0.004
READER_SECONDS: Final = 60.0
Make = Callable[[], str]
# Lower quartile, median, upper quartile.
Spread = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Events:
    """Milliseconds, and counts a quiet day. `order` is from the plan to the last acknowledgement, by order."""

    database: str
    days: int
    first_median: float
    first_worst: float
    median: float
    worst: float
    orders: int
    order_without: Spread
    order_with: Spread
    order_difference: Spread
    transactions: int
    beside: int
    cpu_without: float
    cpu_with: float


class Timed(SqlLedger):
    """Notes when a plan was on record, when the last order was acknowledged, and the writes beside the run."""

    def __init__(self, url: str) -> None:
        engine = create_ledger_engine(url)
        super().__init__(engine)
        self._transactions = count_transactions(engine)
        self.planned = self.acknowledged = 0.0
        self.acknowledgements = self.beside = 0

    @property
    def begun(self) -> int:
        """Transactions of any kind."""
        return self._transactions["begun"]

    def record(self, claim: Claim, events: Sequence[Event], at: datetime, *, patient: bool = True) -> None:
        self.beside += not patient
        super().record(claim, events, at, patient=patient)

    def commit_plan(
        self,
        claim: Claim,
        plan: Mapping[str, Any],
        intents: Sequence[Intent],
        *rest: Any,  # noqa: ANN401 - passed on
        **known: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().commit_plan(claim, plan, intents, *rest, **known)
        self.planned = time.perf_counter()

    def settle(self, claim: Claim, coid: str, state: OrderState, *rest: Any, **known: Any) -> None:  # noqa: ANN401 - passed on
        super().settle(claim, coid, state, *rest, **known)
        if state is OrderState.ACKED:
            self.acknowledged = time.perf_counter()
            self.acknowledgements += 1


def _desk(ledger: SqlLedger, world: World, *, at_once: bool) -> tuple[Office, Desk]:
    office = Office(ledger, world)

    async def take_time(_: str) -> None:
        await asyncio.sleep(CALL_SECONDS)

    heard = office.broker.pause

    async def hear(question: str) -> None:
        await take_time(question)
        await heard(question)

    office.broker.pause = hear
    office.market_data.pause = take_time
    return office, replace(office.desk(), events_at_once=at_once)


async def _day(url: str, world: World, *, at_once: bool, told: Callable[[str], None] = silent) -> Timed:
    ledger = Timed(url)
    try:
        _, desk = _desk(ledger, world, at_once=at_once)
        result = await run_daily(desk, RunRequest(), progress=told)
    finally:
        ledger.dispose()
    if result.status is not RunStatus.DONE:
        raise MeasurementFailed(f"a day was not done: {result.status}")
    return ledger


def follow(url: str) -> None:
    """What another process does: says when it read each line of progress, until its input ends."""
    ledger = open_ledger(url)
    last = ledger.newest_event()
    print("READY", flush=True)  # noqa: T201 - what it is for
    while True:
        if ledger.await_events(last, READER_SECONDS) == last:
            return
        found, read = ledger.events(last), time.time()
        last = found[-1].number
        for event in found:
            if event.kind == "progress":
                print(json.dumps([event.payload["text"], read]), flush=True)  # noqa: T201
            if event.kind == "run_sealed":
                return


@dataclass
class Delays:
    """Milliseconds from what was said to what was read of it, by day."""

    first: list[float] = field(default_factory=list)
    all: list[float] = field(default_factory=list)


def _delays(make: Make, days: int) -> Delays:
    delays = Delays()
    for _ in range(days):
        url, said = make(), dict[str, float]()

        def told(text: str, said: dict[str, float] = said) -> None:
            said.setdefault(text, time.time())

        command = [sys.executable, "-m", "tests.benchmarks.events", "--follow", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdout is not None
            reader.stdout.readline()
            asyncio.run(_day(url, World(), at_once=True, told=told))
            lines = [json.loads(line) for line in reader.stdout]
        late = [(read - said[text]) * 1000 for text, read in lines]
        delays.first.append(late[0])
        delays.all += late
    return delays


async def _order_paths(make: Make, orders: int) -> tuple[list[float], list[float], int]:
    """Milliseconds an order, of days without events beside them and of those with, alternating."""
    found: dict[bool, list[float]] = {False: [], True: []}
    counted = {False: 0, True: 0}
    turn = True
    while min(counted.values()) < orders:
        # Neither is always the one that comes second.
        for at_once in (turn, not turn):
            day = await _day(make(), World(), at_once=at_once)
            found[at_once].append((day.acknowledged - day.planned) * 1000 / day.acknowledgements)
            counted[at_once] += day.acknowledgements
        turn = not turn
    return found[False], found[True], min(counted.values())


class _Series:
    """One account's sessions, one after the other; CPU milliseconds, own transactions and writes beside of its days."""

    def __init__(self, url: str, *, at_once: bool) -> None:
        self._ledger = Timed(url)
        self._world = quiet_world()
        self._office, self._desk = _desk(self._ledger, self._world, at_once=at_once)
        self.spent: list[float] = []
        self.own = self.beside = 0

    async def day(self, number: int) -> None:
        """Counts where it is quiet."""
        self._world.next_day(session_of(number))
        self._office.broker.orders = self._office.broker.working()
        begun, beside, started = self._ledger.begun, self._ledger.beside, time.process_time()
        result = await run_daily(self._desk, RunRequest())
        spent, written = (time.process_time() - started) * 1000, self._ledger.beside - beside
        if result.report is None or result.report["orders"] or number < WARM_UP:
            return
        self.spent.append(spent)
        self.own, self.beside = max(self.own, self._ledger.begun - begun - written), max(self.beside, written)

    def close(self) -> None:
        """Leave the ledger."""
        self._ledger.dispose()


async def _quiet(make: Make, days: int) -> tuple[_Series, _Series]:
    """Without events beside the run, and with."""
    both = _Series(make(), at_once=False), _Series(make(), at_once=True)
    for number in range(2 * days + WARM_UP):
        for each in both:
            await each.day(number)
    for each in both:
        each.close()
        if not each.spent:
            raise MeasurementFailed("no day was quiet")
    return both


def measure_events(days: int = DAYS, orders: int = ORDERS) -> tuple[Events, ...]:
    """On SQLite, and on a durable PostgreSQL where one can be had."""
    with tempfile.TemporaryDirectory() as folder:
        first = f"sqlite:///{Path(folder) / 'first.db'}"
        open_ledger(first).dispose()
        numbers = count()

        def copy() -> str:
            other = Path(folder) / f"{next(numbers)}.db"
            shutil.copy(Path(folder) / "first.db", other)
            return f"sqlite:///{other}"

        found = [_on("SQLite", copy, days, orders)]
    with own_server(durable=True) as server:
        if server is not None:
            template = server.create()
            open_ledger(template).dispose()
            found.append(_on("PostgreSQL", lambda: server.create(template), days, orders))
    return tuple(found)


def _on(database: str, make: Make, days: int, orders: int) -> Events:
    asyncio.run(_day(make(), World(), at_once=True))
    delays = _delays(make, days)
    without, beside, counted = asyncio.run(_order_paths(make, orders))
    quiet, quiet_at_once = asyncio.run(_quiet(make, days))
    differences = [b - a for a, b in zip(without, beside, strict=True)]
    return Events(
        database=database,
        days=days,
        first_median=median(delays.first),
        first_worst=max(delays.first),
        median=median(delays.all),
        worst=max(delays.all),
        orders=counted,
        order_without=_spread(without),
        order_with=_spread(beside),
        order_difference=_spread(differences),
        transactions=quiet_at_once.own,
        beside=quiet_at_once.beside,
        cpu_without=median(quiet.spent),
        cpu_with=median(quiet_at_once.spent),
    )


def _spread(values: Sequence[float]) -> Spread:
    low, middle, high = quantiles(values, n=4)
    return low, middle, high


def in_words(each: Events) -> str:
    """Some lines for people."""
    return (
        f"{each.database}: progress is read by another process {each.median:.0f} ms after it was said, at worst "
        f"{each.worst:.0f}; the first of a day {each.first_median:.0f} ms, at worst {each.first_worst:.0f}, target "
        f"{FIRST_MILLISECONDS:g} ({each.days} days)\n"
        f"{each.database}: from the plan to the last acknowledgement {_told(each.order_without)} ms an order without, "
        f"{_told(each.order_with)} with, difference of pairs {_told(each.order_difference)} ({each.orders} orders each)"
        f"\n{each.database}: a quiet day: {each.transactions} transactions of the desk's own and {each.beside} beside "
        f"it; {each.cpu_without:.1f} ms CPU without, {each.cpu_with:.1f} with"
    )


def _told(spread: Spread) -> str:
    low, middle, high = spread
    return f"{middle:.1f} (quartiles {low:.1f} to {high:.1f})"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--follow"]:
        follow(sys.argv[2])
        sys.exit(0)
    sys.exit(run_as_program("tests.benchmarks.events", __doc__, measure_events, in_words))
