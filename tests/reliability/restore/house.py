"""An account that trades for some days: a broker as real ones tell, a ledger of which a copy is taken, a desk."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Final

from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.approvals import approve, reject
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.desk.run.reconcile_now import reconcile_now
from app.domain.errors import PortfolioError
from app.domain.order import BrokerOrder, OrderReport, Ticket
from app.domain.policy import Mode
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from app.market.sectors import SECTORS
from tests.reliability.interleaving.case import CHOICES, rules
from tests.reliability.interleaving.parts import BOOK, InlineDesk
from tests.reliability.interleaving.scheduler import Killed
from tests.support.broker_model import BrokerModel, Fate, MarketModel
from tests.support.fakes import FakeCalendar, FakeChooser, FakeSigner, no_sleep
from tests.support.ledgers import Databases
from tests.support.world import ACCOUNT, HELD, OPENING, TODAY, World
from tests.unit.ledger.builders import ManualTime

Request = Callable[[Desk], Awaitable[RunResult]]
MORNING, CLOSE = timedelta(0), timedelta(hours=5, minutes=30)
# Later than any lease, and than an order that nobody finds is given up.
LATER: Final = 400.0
FATES: Final = (*[Fate.FILLS] * 8, *Fate)


@dataclass
class DailyBroker(BrokerModel):
    """Lists the day's orders, and executions of the last `days_told` days, as real brokers do."""

    days_told: int = 7
    _born: dict[str, date] = field(default_factory=dict)

    def _list(self) -> tuple[BrokerOrder, ...]:
        return tuple(order for order in super()._list() if self._born[order.order_id] == self.today)

    async def report(self, account: str) -> OrderReport:
        await self._asked("report")
        since = self.today - timedelta(self.days_told)
        trades = tuple(trade for trade in self.trades if trade.time.date() > since)
        return OrderReport(self._list(), trades, self.world.now())

    def still_told(self, coid: str) -> bool:
        """Whether the broker tells of the order's executions now, all of them."""
        since = self.today - timedelta(self.days_told)
        return all(trade.time.date() > since for trade in self.trades if trade.coid == coid)

    @property
    def today(self) -> date:
        """At the exchange."""
        return self.world.now().date()

    def _add(self, *args: object) -> BrokerOrder:
        order = super()._add(*args)  # type: ignore[arg-type]  # handed through
        self._born[order.order_id] = self.today
        return order


@dataclass
class House:
    """What a drill plays with. `sent`: ids of the runs whose orders arrived, by day and slot."""

    rng: Random
    databases: Databases
    url: str
    days_told: int = 7
    mode: Mode = Mode.AUTO
    day: int = 0
    owners: int = 0
    dies_in: int | None = None
    copies_in: int | None = None
    copy: str | None = None
    copied_after: str = ""
    asking: str = ""
    calm: bool = False
    words: list[str] = field(default_factory=list)
    sent: dict[tuple[int, str], set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.time, self.world, self.chooser = ManualTime(), World(), FakeChooser()
        self.policy = rules(orders_a_day=20, order_value=7000, mode=self.mode)
        self.broker = DailyBroker(self.world, fate=self._fate, pause=self._pause, days_told=self.days_told)
        self.ledger = self._opened(self.url)

    def ask(self, request: Request, slot: str = "") -> RunResult | None:
        """By a process of its own; None where it died or had to give up."""
        self.owners += 1
        self.asking = slot
        try:
            return asyncio.run(self._answered(request))
        finally:
            self.dies_in = None

    def run(self, slot: str = "daily") -> RunResult | None:
        """The day's slot."""
        return self.ask(lambda desk: run_daily(desk, RunRequest(ACCOUNT, slot)), slot)

    def reconcile(self) -> RunResult | None:
        """As a person does."""
        return self.ask(lambda desk: reconcile_now(desk, ACCOUNT))

    def leave(self, symbol: str) -> RunResult | None:
        """A person sells a name."""
        return self.ask(lambda desk: exit_position(desk, symbol, "a person", ACCOUNT))

    def answer(self, yes: bool) -> RunResult | None:
        """A person answers the newest run that waits."""
        waiting = [run for run in self.ledger.runs() if run.status is RunStatus.AWAITING_APPROVAL]
        if not waiting:
            return None
        run_id, slot = waiting[0].run_id, waiting[0].key.slot
        if yes:
            return self.ask(lambda desk: approve(desk, run_id, "a person"), slot)
        return self.ask(lambda desk: reject(desk, run_id, "a person", "too much"), slot)

    def play_day(self) -> None:
        """What happens on a day, drawn anew each time; the exchange stays open."""
        rng = self.rng
        self._trouble()
        self.chooser.action = rng.choice(CHOICES)
        self.run()
        self.answer(rng.random() < 0.8)
        if rng.random() < 0.3:
            self.later()
            self.run("extra")
        if rng.random() < 0.25:
            self.leave(rng.choice(HELD))

    def later(self) -> None:
        """Leases lapse, what was under way arrives, what rests may fill."""
        self.time.advance(LATER)
        while self.broker.late:
            self.broker.arrive_late()
        for order in self.broker.working():
            if self.rng.random() < 0.5:
                self.broker.fill(order.order_id, self.rng.choice((order.quantity, order.quantity // 2)))

    def end_day(self, *, recorded: bool) -> None:
        """The exchange closes; the next session's morning."""
        self.later()
        self.broker.end_day()
        self._clock(CLOSE)
        if recorded:
            self.run("close")
        self.time.advance(LATER)
        self.day += 1
        while (TODAY + timedelta(self.day)).weekday() > 4:
            self.day += 1
        self._clock(MORNING)

    def take_copy(self, when: str) -> None:
        """Once."""
        if self.copy is None:
            self.ledger.dispose()
            self.copy = self.databases.copy(self.url)
            self.copied_after = when

    def restore(self) -> None:
        """The copy takes the ledger's place."""
        assert self.copy is not None
        self.close()
        self.url = self.copy
        self.ledger = self._opened(self.url)

    def close(self) -> None:
        """Nobody needs the ledger any more."""
        self.ledger.dispose()
        self.databases.drop(self.url)

    @property
    def book(self) -> str:
        """The account's, in its simulated world."""
        return BOOK

    def _opened(self, url: str) -> SqlLedger:
        return open_ledger(url, lease_seconds=120, now=self.time)

    async def _answered(self, request: Request) -> RunResult | None:
        try:
            return await request(self._desk())
        except Killed:
            return None
        except PortfolioError as error:
            self.words.append(f"{type(error).__name__}: {error}")
            return None

    def _desk(self) -> InlineDesk:
        return InlineDesk(
            policy=self.policy,
            broker=self.broker,
            market_data=MarketModel(self.world),
            calendar=FakeCalendar(),
            ledger=self.ledger,
            chooser=self.chooser,
            signer=FakeSigner(),
            sectors=SECTORS,
            trading_mode="paper",
            pseudonym_key="a test's own",
            owner=f"owner-{self.owners}",
            account=ACCOUNT,
            sleep=no_sleep,
            now=self.time,
            pause=self._pause,
        )

    async def _pause(self, name: str) -> None:
        if self.copies_in is not None:
            self.copies_in -= 1
            if self.copies_in <= 0:
                self.copies_in = None
                self.take_copy(f"before {name}")
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in <= 0:
                raise Killed

    def _fate(self, ticket: Ticket) -> Fate:
        fate = Fate.FILLS if self.calm else self.rng.choice(FATES)
        if fate not in {Fate.IS_REFUSED, Fate.REQUEST_LOST, Fate.IS_ASKED_ABOUT} and self.asking:
            self.sent.setdefault((self.day, self.asking), set()).add(ticket.run_id)
        return fate

    def _trouble(self) -> None:
        """Two names fall far below what they cost, so that there is something to do."""
        for number, position in self.rng.sample(sorted(self.world.positions.items()), 2):
            cost = position.price * self.rng.choice((113, 130)) / 100
            self.world.positions[number] = replace(position, average_cost=cost)

    def _clock(self, since_opening: timedelta) -> None:
        self.world.set_session()
        self.world.session = replace(self.world.session, now=OPENING + timedelta(self.day) + since_opening)
