"""Days of an account in whatever order hypothesis thinks of: runs, crashes, lost answers, people, closes, strangers.

One thing happens after the other here. Rivals at the same moment are the interleaving suite's to find.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.desk.desk import Desk
from app.desk.records import HOLDS_KEY, RunStatus
from app.desk.run.approvals import approve, reject
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.desk.run.reconcile_now import reconcile_now
from app.domain.errors import PortfolioError
from app.domain.order import Side, Ticket
from app.domain.plan import Action
from app.domain.policy import Mode
from app.domain.ruling import KillLevel
from app.market.sectors import SECTORS
from tests.reliability.interleaving.case import rules
from tests.reliability.interleaving.parts import BOOK, InlineDesk, LedgerFault, Parts, Store
from tests.reliability.interleaving.scheduler import Killed
from tests.reliability.invariants import End, Watch, agreement, standing
from tests.support.broker_model import BrokerModel, Fate, Fault, MarketModel
from tests.support.fakes import FakeCalendar, FakeChooser, FakeSigner, no_sleep
from tests.support.world import ACCOUNT, HELD, OPENING, TODAY, World
from tests.unit.ledger.builders import ManualTime

Request = Callable[[Desk], Awaitable[RunResult]]
MORNING, CLOSE = timedelta(0), timedelta(hours=5, minutes=30)
BEFORE_OPENING = timedelta(hours=-2)
LATEST = 400.0
SLOTS = st.sampled_from(("daily", "daily", "extra"))
FATES = st.lists(st.sampled_from(Fate), max_size=4)
# At which call of a port the process dies or something fails; None for never.
MOMENT = st.one_of(st.none(), st.integers(1, 60))


class Days(RuleBasedStateMachine):
    """A desk, its ledger and a broker that does not recognise what it got before."""

    parts = Parts()

    @initialize(
        lag=st.sampled_from((0, 1, 3)),
        orders=st.sampled_from((1, 3, 20)),
        turnover=st.sampled_from((0.06, 0.3)),
        mode=st.sampled_from((Mode.AUTO, Mode.AUTO, Mode.APPROVE)),
        action=st.sampled_from((None, Action.CUT_LOSERS, Action.REINFORCE, Action.REBALANCE)),
    )
    def begin(self, lag: int, orders: int, turnover: float, mode: Mode, action: Action | None) -> None:
        self.store, self.time, self.world = Store(), ManualTime(), World()
        self.policy = rules(orders, 7000, turnover, mode)
        self.chooser = FakeChooser(action)
        self.fates: deque[Fate] = deque()
        self.read_fault: tuple[int, Fault] | None = None
        self.ledger_fault: tuple[int, LedgerFault] | None = None
        self.dies_in: int | None = None
        self.day, self.owners, self.strange, self.halted = 0, 0, False, False
        self.heard: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.model = BrokerModel(self.world, fate=self._fate, fault=self._fault, pause=self._pause, lag=lag)
        self.watch = Watch(self.store, self.model, self.time)
        self.model.witness = self.watch.wire
        self.ledger = self.parts.ledger(self.store.engine, self.time)

    @rule(slot=SLOTS, fates=FATES, dies_in=MOMENT)
    def run(self, slot: str, fates: list[Fate], dies_in: int | None) -> None:
        self.fates.extend(fates)
        self._ask(
            lambda desk: run_daily(desk, RunRequest(ACCOUNT, slot), self.parts.perform, self._told), slot, dies_in
        )

    @rule(fates=FATES, at=st.integers(1, 30), fault=st.sampled_from(Fault))
    def run_with_a_read_that_fails(self, fates: list[Fate], at: int, fault: Fault) -> None:
        self.read_fault = (at, fault)
        self.run("daily", fates, None)

    @rule(fates=FATES, at=st.integers(1, 40), fault=st.sampled_from(LedgerFault))
    def run_with_a_commit_that_fails(self, fates: list[Fate], at: int, fault: LedgerFault) -> None:
        self.ledger_fault = (at, fault)
        self.run("daily", fates, None)

    @rule(symbol=st.sampled_from(("AAPL", "MSFT", "KO")), fates=FATES, dies_in=MOMENT)
    def a_person_leaves(self, symbol: str, fates: list[Fate], dies_in: int | None) -> None:
        self.fates.extend(fates)
        self._ask(lambda desk: exit_position(desk, symbol, "a person", ACCOUNT, self._told), None, dies_in)

    @rule(yes=st.booleans(), fates=FATES, dies_in=MOMENT)
    def a_person_answers(self, yes: bool, fates: list[Fate], dies_in: int | None) -> None:
        waiting = [run.run_id for run in self.ledger.runs() if run.status is RunStatus.AWAITING_APPROVAL]
        if not waiting:
            return
        self.fates.extend(fates)
        if yes:
            self._ask(lambda desk: approve(desk, waiting[0], "a person", progress=self._told), None, dies_in)
        else:
            self._ask(lambda desk: reject(desk, waiting[0], "a person", "too much", self._told), None, dies_in)

    @rule(dies_in=MOMENT)
    def reconcile(self, dies_in: int | None) -> None:
        self._ask(lambda desk: reconcile_now(desk, ACCOUNT, self._told), None, dies_in)

    @rule(seconds=st.sampled_from((40, 121, 400)))
    def time_passes(self, seconds: int) -> None:
        self.time.advance(seconds)

    @precondition(lambda self: self.model.late)
    @rule()
    def a_request_arrives_late(self) -> None:
        self.model.arrive_late()

    @precondition(lambda self: self.model.working())
    @rule(half=st.booleans())
    def an_order_fills(self, half: bool) -> None:
        order = self.model.working()[0]
        self.model.fill(order.order_id, order.quantity // 2 if half else order.quantity)

    @rule(symbol=st.sampled_from(HELD[2:]))
    def the_owner_trades_elsewhere(self, symbol: str) -> None:
        self.model.trade_of_others(symbol, Side.BUY, Decimal(1))

    @rule(level=st.sampled_from(KillLevel))
    def a_person_sets_the_level(self, level: KillLevel) -> None:
        self.ledger.set_level(BOOK, level, "a person thinks so", "a person", self.world.now())

    @rule()
    def before_the_opening(self) -> None:
        self._clock(BEFORE_OPENING)
        self.run("daily", [], None)
        self._clock(MORNING)

    @precondition(lambda self: not self.strange)
    @rule(number=st.integers(0, 9))
    def a_stranger_bears_our_name(self, number: int) -> None:
        self.strange = True
        self.model.stranger(f"PM{number:020d}", "KO", Decimal(5))
        posts = self.model.posts.total()
        for _ in range(self.model.lag + 1):
            self.time.advance(LATEST)
            self._ask(lambda desk: run_daily(desk, RunRequest(ACCOUNT, "extra"), progress=self._told), None, None)
            self._ask(lambda desk: reconcile_now(desk, ACCOUNT, self._told), None, None)
        if self.model.lag == 0:
            assert self.model.posts.total() == posts, "I3: orders were sent beside a stranger's"

    @rule(dies_in=MOMENT)
    def the_day_ends(self, dies_in: int | None) -> None:
        self._end_of_day(dies_in)
        self.day += 1
        while (TODAY + timedelta(self.day)).weekday() > 4:
            self.day += 1
        self._clock(MORNING)

    @invariant()
    def nothing_is_broken(self) -> None:
        if hasattr(self, "store"):
            assert [*self.watch.violations, *standing(self._end())] == []

    def teardown(self) -> None:
        if not hasattr(self, "store") or self.strange:
            return
        self.fates.clear()
        self.ledger.set_level(BOOK, KillLevel.ACTIVE, "the end", "a person", self.world.now())
        self._end_of_day(None)
        for _ in range(self.model.lag + 2):
            self.time.advance(LATEST)
            self._ask(lambda desk: reconcile_now(desk, ACCOUNT, self._told), None, None)
        assert [*self.watch.violations, *standing(self._end()), *agreement(self._end())] == []

    def _end_of_day(self, dies_in: int | None) -> None:
        self.model.end_day()
        self._clock(CLOSE)
        for moment in (dies_in, None, None, None):
            self.time.advance(LATEST)
            self._ask(lambda desk: run_daily(desk, RunRequest(ACCOUNT, "close"), progress=self._told), "close", moment)

    def _clock(self, since_opening: timedelta) -> None:
        self.world.set_session()
        self.world.session = replace(self.world.session, now=OPENING + timedelta(self.day) + since_opening)

    def _ask(self, request: Request, slot: str | None, dies_in: int | None) -> None:
        self.owners += 1
        self.dies_in = dies_in
        asyncio.run(self._answered(request, slot))
        self.dies_in = self.read_fault = self.ledger_fault = None
        self.fates.clear()

    async def _answered(self, request: Request, slot: str | None) -> None:
        try:
            result = await request(self._desk())
        except Killed:
            return
        except PortfolioError as error:
            self.words.append(str(error))
            return
        if slot is not None and result.status in HOLDS_KEY - {RunStatus.RUNNING}:
            self.heard.append((f"{slot} {self.day}", result.run_id))

    def _desk(self) -> InlineDesk:
        return self.parts.desk(
            policy=self.policy,
            broker=self.parts.broker(self.model),
            market_data=self.parts.market_data(MarketModel(self.world, self._pause)),
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
            ledger_fault=self._fault_of_ledger,
            written=self.watch.written,
        )

    async def _pause(self, _: str) -> None:
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in <= 0:
                raise Killed

    def _fate(self, _: Ticket) -> Fate:
        return self.fates.popleft() if self.fates else Fate.FILLS

    def _fault(self, _: str) -> Fault | None:
        if self.read_fault is None:
            return None
        left, fault = self.read_fault
        self.read_fault = (left - 1, fault) if left > 1 else None
        return fault if left == 1 else None

    def _fault_of_ledger(self, _: str) -> LedgerFault | None:
        if self.ledger_fault is None:
            return None
        left, fault = self.ledger_fault
        self.ledger_fault = (left - 1, fault) if left > 1 else None
        return fault if left == 1 else None

    def _told(self, words: str) -> None:
        self.words.append(words)

    def _end(self) -> End:
        prompts = [str(offer.summary) for offer in self.chooser.asked]
        return End(
            self.store, self.model, self.ledger, self.policy, self.heard, [*self.words, *prompts], may_halt=self.strange
        )
