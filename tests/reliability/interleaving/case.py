"""One seed: two workers on one ledger and one broker, a world that moves between any two of their steps, and recovery.

Everything that happens is drawn from the seed. The lease clock jumps and processes die, so that a worker meets a
successor anywhere; what was under way when it died may still arrive.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from random import Random

from app.desk.desk import Desk
from app.desk.ports import Ledger
from app.desk.records import HOLDS_KEY, RunStatus
from app.desk.run.approvals import approve, reject
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.desk.run.reconcile_now import reconcile_now
from app.domain.errors import PortfolioError, UsageError
from app.domain.order import Side, Ticket
from app.domain.plan import Action
from app.domain.policy import Mode, Policy
from app.domain.ruling import Cause, KillLevel
from app.engine.levels import OF_ONE_SESSION
from app.market.sectors import SECTORS
from tests.reliability.interleaving.parts import BOOK, InlineDesk, LedgerFault, Parts, Store
from tests.reliability.interleaving.scheduler import Killed, Scheduler
from tests.reliability.invariants import End, Watch, violations
from tests.support.broker_model import BrokerModel, Fate, Fault, MarketModel
from tests.support.fakes import FakeCalendar, FakeChooser, FakeSigner, no_sleep, policy
from tests.support.world import ACCOUNT, HELD, World
from tests.unit.ledger.builders import ManualTime

Request = Callable[[Desk], Awaitable[RunResult]]
ATTEMPTS = 4
RECOVERIES = 10
PAST_EVERYTHING = 400.0
FATES = (*[Fate.FILLS] * 4, *Fate)
CHOICES = (None, Action.CUT_LOSERS, Action.REINFORCE, Action.REBALANCE)
ONCE_A_DAY = frozenset({"daily", "extra", "approve", "close"})
_LEVELS = "SELECT kind FROM events WHERE kind LIKE 'level_%' ORDER BY number"
ENDED = frozenset(RunStatus) - {RunStatus.RUNNING}


@cache
def rules(orders_a_day: int = 20, order_value: int = 25000, turnover: float = 0.3, mode: Mode = Mode.AUTO) -> Policy:
    """The shipped default with other budgets."""
    return policy(
        {"mode": mode},
        max_orders_per_day=orders_a_day,
        max_order_value=Decimal(order_value),
        max_turnover=turnover,
    )


@dataclass(frozen=True)
class Odds:
    """How often something happens between two steps."""

    kill: float
    jump: float
    arrive: float = 0.02
    fill: float = 0.03
    halt: float = 0.0
    others: float = 0.0
    read_fault: float = 0.0
    ledger_fault: float = 0.0


@dataclass
class Result:
    """What a seed showed."""

    seed: int
    violations: list[str]
    kills: int = 0
    takeovers: int = 0
    switches: int = 0
    arrivals: int = 0
    not_placed: int = 0
    kind: str = ""
    # How the level was set, one event after the other.
    levels: tuple[str, ...] = ()


@dataclass
class Case:
    """The parts of one seed."""

    seed: int
    parts: Parts
    rng: Random = field(init=False)
    store: Store = field(default_factory=Store)
    time: ManualTime = field(default_factory=ManualTime)
    world: World = field(default_factory=World)
    chooser: FakeChooser = field(init=False)
    heard: list[tuple[str, str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    kills: int = 0
    halted: bool = False
    kind: str = "same"

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)  # noqa: S311  # a case must be the same every time
        self.odds = self._odds()
        self.policy = self._policy()
        self.chooser = FakeChooser(self.rng.choice(CHOICES))
        self.scheduler = Scheduler(self.rng, self._between)
        self.model = BrokerModel(
            self.world, fate=self.fate, fault=self._fault, pause=self.scheduler.pause, lag=self.rng.choice((0, 1, 3))
        )
        self.watch = Watch(self.store, self.model, self.time)
        self.model.witness = self.watch.wire
        self.ledger: Ledger = self.parts.ledger(self.store.engine, self.time)

    def desk(self, owner: str) -> InlineDesk:
        """Of one process."""
        return self.parts.desk(
            policy=self.policy,
            broker=self.parts.broker(self.model),
            market_data=self.parts.market_data(MarketModel(self.world, self.scheduler.pause)),
            calendar=FakeCalendar(),
            ledger=self.ledger,
            chooser=self.chooser,
            signer=FakeSigner(),
            sectors=SECTORS,
            trading_mode="paper",
            pseudonym_key="a test's own",
            owner=owner,
            account=ACCOUNT,
            sleep=no_sleep,
            now=self.time,
            pause=self.scheduler.pause,
            ledger_fault=self._ledger_fault,
            written=self.watch.written,
        )

    async def work(self, name: str, request: Request, slot: str) -> None:
        """One caller who does not give up at once; a killed process is followed by another."""
        for number in range(ATTEMPTS):
            self.scheduler.revive(name)
            if await self.ask(f"{name}{number}", request, slot):
                return

    async def ask(self, owner: str, request: Request, slot: str) -> bool:
        """Whether the request came to an end."""
        try:
            result = await request(self.desk(owner))
        except Killed:
            return False
        except PortfolioError as error:
            self.words.append(str(error))
            return isinstance(error, UsageError)
        if result.status in HOLDS_KEY - {RunStatus.RUNNING} and slot in ONCE_A_DAY:
            self.heard.append((slot, result.run_id))
        return result.status in ENDED

    def end(self) -> Result:
        """Judged."""
        self.words += [str(offer.summary) for offer in self.chooser.asked]
        end = End(self.store, self.model, self.ledger, self.policy, self.heard, self.words)
        found = [*self.watch.violations, *violations(end)]
        counted = self.store.rows("SELECT COUNT(*) FROM events WHERE kind = 'run_taken_over'")[0][0]
        planned = self.store.rows("SELECT COUNT(*) FROM intents")[0][0]
        return Result(
            self.seed,
            found,
            self.kills,
            counted,
            self.scheduler.switches,
            len(self.model.arrivals),
            planned - len(self.model.arrivals),
            self.kind,
            tuple(kind for (kind,) in self.store.rows(_LEVELS)),
        )

    def progress(self, words: str) -> None:
        """What a person is told."""
        self.words.append(words)

    def _odds(self) -> Odds:
        rng = self.rng
        return Odds(
            kill=rng.choice((0.0, 0.01, 0.03)),
            jump=rng.choice((0.0, 0.02, 0.1, 0.3)),
            halt=rng.choice((0.0, 0.0, 0.0, 0.02)),
            others=rng.choice((0.0, 0.0, 0.01)),
            read_fault=rng.choice((0.0, 0.0, 0.03)),
            ledger_fault=rng.choice((0.0, 0.0, 0.02)),
        )

    def _policy(self) -> Policy:
        return rules(self.rng.choice((1, 2, 3, 20)), self.rng.choice((7000, 25000)), self.rng.choice((0.06, 0.3)))

    def _between(self) -> None:
        rng, odds = self.rng, self.odds
        if rng.random() < odds.jump:
            self.time.advance(rng.choice((40, 121, 200)))
        if rng.random() < odds.kill and self.kills < ATTEMPTS:
            self.kills += 1
            self.scheduler.kill(rng.choice(self.scheduler.waiting))
        if self.model.late and rng.random() < odds.arrive:
            self.model.arrive_late()
        working = self.model.working()
        if working and rng.random() < odds.fill:
            order = rng.choice(working)
            self.model.fill(order.order_id, rng.choice((order.quantity, order.quantity // 2)))
        if rng.random() < odds.others:
            self.model.trade_of_others(rng.choice(HELD[1:]), Side.BUY, Decimal(1))
        if not self.halted and rng.random() < odds.halt:
            self.halted = True
            self.ledger.set_level(BOOK, KillLevel.HALTED, "a person is worried", "a person", self.world.now())

    def _fault(self, _: str) -> Fault | None:
        return self.rng.choice(list(Fault)) if self.rng.random() < self.odds.read_fault else None

    def _ledger_fault(self, _: str) -> LedgerFault | None:
        return self.rng.choice(list(LedgerFault)) if self.rng.random() < self.odds.ledger_fault else None

    def fate(self, _: Ticket) -> Fate:
        """Of one request."""
        fate: Fate = self.rng.choice(FATES)
        return fate

    def calm(self) -> None:
        """From here on everything answers."""
        self.odds = Odds(0.0, 0.0, 0.0, 0.0)
        self.halted = True


async def run_case(seed: int, parts: Parts | None = None) -> Result:
    """Interleaved, recovered, closed, judged."""
    case = Case(seed, parts or Parts())
    return await _run(case, *await _requests(case))


async def run_eased(seed: int, parts: Parts | None = None) -> Result:
    """Two slots find yesterday's loss gone and lower the level that it raised, while a person may set another."""
    case = Case(seed, parts or Parts())
    case.kind = "eased"
    case.odds = replace(case.odds, halt=0.03)
    yesterday = case.world.performance[-1][0]
    loss = Cause(OF_ONE_SESSION, yesterday, 0.06, 0.05)
    case.ledger.tighten(BOOK, KillLevel.REDUCING, "a loss", case.world.now(), [loss])
    return await _run(case, (_daily(case, "daily"), "daily"), (_daily(case, "extra"), "extra"))


async def _run(case: Case, first: tuple[Request, str], second: tuple[Request, str]) -> Result:
    await case.scheduler.run({"A": case.work("A", *first), "B": case.work("B", *second)})
    case.calm()
    for request, slot in (first, second):
        await _recover(case, request, slot)
    if case.parts.sweep:
        await _sweep(case)
    return case.end()


async def _requests(case: Case) -> tuple[tuple[Request, str], tuple[Request, str]]:
    daily = _daily(case, "daily"), "daily"
    kind = case.kind = case.rng.choice(("same", "same", "same", "slot", "exit", "exits", "reconcile", "approval"))
    symbol = case.rng.choice(("AAPL", "MSFT", "KO"))
    if kind == "slot":
        return daily, (_daily(case, "extra"), "extra")
    if kind == "exit":
        return daily, (_exit(case, symbol), "exit")
    if kind == "exits":
        return (_exit(case, symbol), "exit"), (_exit(case, symbol), "exit")
    if kind == "reconcile":
        return daily, (_reconcile(case), "reconcile")
    if kind == "approval":
        return await _approvals(case)
    return daily, daily


async def _approvals(case: Case) -> tuple[tuple[Request, str], tuple[Request, str]]:
    """Two people answer one question, not always the same."""
    odds, case.odds = case.odds, Odds(0.0, 0.0)
    case.model.fate = lambda _: Fate.FILLS
    case.policy = rules(mode=Mode.APPROVE)
    case.chooser.action = Action.CUT_LOSERS
    result = await run_daily(case.desk("asks"), RunRequest(ACCOUNT), case.parts.perform, case.progress)
    case.odds, case.model.fate = odds, case.fate
    yes = _approve(case, result.run_id), "approve"
    return yes, case.rng.choice((yes, (_reject(case, result.run_id), "approve")))


def _daily(case: Case, slot: str) -> Request:
    return lambda desk: run_daily(desk, RunRequest(ACCOUNT, slot), case.parts.perform, case.progress)


def _exit(case: Case, symbol: str) -> Request:
    return lambda desk: exit_position(desk, symbol, "a person", ACCOUNT, case.progress)


def _reconcile(case: Case) -> Request:
    return lambda desk: reconcile_now(desk, ACCOUNT, case.progress)


def _approve(case: Case, run_id: str) -> Request:
    return lambda desk: approve(desk, run_id, "a person", case.parts.perform, case.progress)


def _reject(case: Case, run_id: str) -> Request:
    return lambda desk: reject(desk, run_id, "another", "too much", case.progress)


async def _recover(case: Case, request: Request, slot: str) -> None:
    """The scheduler of the real world comes back again and again, later than any lease."""
    for number in range(RECOVERIES):
        case.time.advance(PAST_EVERYTHING)
        if case.model.late and case.rng.random() < 0.5:
            case.model.arrive_late()
        if await case.ask(f"{slot}-{number}", request, slot):
            return
    case.watch.violations.append(f"stuck: {slot}: {case.words[-1]}")


async def _sweep(case: Case) -> None:
    """Everything under way arrives, the exchange closes, the close slot and later reconciliations look."""
    close = case.world.now().replace(hour=20, minute=30)
    case.model.end_day()
    case.world.set_session()
    case.world.session = replace(case.world.session, now=close)
    await _recover(case, _daily(case, "close"), "close")
    for number in range(case.model.lag + 1):
        case.time.advance(PAST_EVERYTHING)
        await case.ask(f"sweep-{number}", _reconcile(case), f"sweep-{number}")
