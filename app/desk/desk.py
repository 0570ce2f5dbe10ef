"""What a run works with, and what it knows so far. Stages take a run and give back one that knows more."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import ParamSpec, TypeVar

from app.desk.clock import steady_seconds
from app.desk.journal import Journal
from app.desk.ports import Broker, Calendar, Chooser, Clock, Ledger, MarketData, ModelUse, Notifier, Signer
from app.desk.records import Claim, Control, Flow, Quarantine, RunKey
from app.desk.report.schema import ExplanationPart
from app.desk.stages.continuity import Continuity
from app.desk.stages.valuation import value_doubt
from app.domain.evaluation import Evaluation
from app.domain.instrument import UNKNOWN_SECTOR
from app.domain.lots import Fill
from app.domain.market import Market, Session
from app.domain.navs import NavPoint
from app.domain.order import Order, OrderReport, Trade, WhatIf
from app.domain.plan import NO_MEMORY, Choice, Memory, Plan
from app.domain.policy import Mode, Policy
from app.domain.portfolio import Portfolio
from app.domain.questions import Question
from app.domain.ruling import KillLevel, Refusal
from app.domain.session import BrokerSession

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Progress = Callable[[str], None]


NO_MODEL = ModelUse()
NO_PAST = Continuity()
NO_CONTROL = Control(KillLevel.ACTIVE, "nobody has set a level", "nobody", None)


def real_time() -> datetime:
    """What leases and waiting for the broker are measured by, never the market's time."""
    return datetime.now(UTC)


def silent(_: str) -> None:
    """Progress nobody listens to."""


@dataclass(frozen=True, slots=True)
class EffectiveMode:
    """How far this run goes and which of request, policy and setting made it so; `label` is for people."""

    mode: Mode
    label: str
    because: str


@dataclass(frozen=True, slots=True)
class OrderResult:
    """What became of one order; `state` is the ledger's word, or PREVIEWED for an order that was only previewed."""

    coid: str
    order: Order
    state: str
    filled_quantity: Decimal = Decimal(0)
    average_price: Decimal | None = None
    what_if: WhatIf | None = None
    reason: str | None = None
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class Desk:
    """Everything a run works with. Adapters are picked in one place; tests pass real ones or fakes of the same ports.

    `sectors`: symbol → GICS sector. `account` is the one to work on, None for the broker's only one; `accounts` are all
    that the settings name.
    `trading_mode` is the setting: off, paper or live. `owner` is unique to the process.
    `steady` measures deadlines, in seconds.
    """

    policy: Policy
    broker: Broker
    market_data: MarketData
    calendar: Calendar
    ledger: Ledger
    chooser: Chooser
    signer: Signer | None
    sectors: Mapping[str, str]
    trading_mode: str
    owner: str
    account: str | None = None
    accounts: tuple[str, ...] = ()
    lease_seconds: float = 120.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], datetime] = real_time
    steady: Callable[[], float] = steady_seconds
    notifier: Notifier | None = None

    async def in_thread(
        self, change: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Run a ledger call in a thread; once begun it ends, even when the caller is cancelled."""
        return await asyncio.shield(asyncio.to_thread(change, *args, **kwargs))

    @property
    def configured(self) -> tuple[str, ...]:
        """The accounts to work on; empty for whatever the broker has."""
        return self.accounts or ((self.account,) if self.account else ())

    def sector(self, symbol: str) -> str:
        """GICS sector, "Unknown" where the table has none."""
        return self.sectors.get(symbol, UNKNOWN_SECTOR)


@dataclass(frozen=True)
class Run:
    """One run in progress. `claim` is None for a preview that nobody scheduled; then nothing is ever sent.

    `by_person`: a person asked for exactly this order. `approved`: a person approved the committed plan, having seen
    `asked_prices` by order id. `at_close`: the day's close is being recorded.
    """

    run_id: str
    key: RunKey
    mode: EffectiveMode
    broker_session: BrokerSession
    session: Session
    clock: Clock
    journal: Journal
    claim: Claim | None = None
    progress: Progress = silent
    by_person: bool = False
    approved: bool = False
    at_close: bool = False
    asked_prices: Mapping[str, Decimal] = field(default_factory=dict)
    level: Control = NO_CONTROL
    portfolio: Portfolio | None = None
    flows: tuple[Flow, ...] = ()
    continuity: Continuity = NO_PAST
    quarantined: tuple[Quarantine, ...] = ()
    broker_report: OrderReport | None = None
    trades: tuple[Trade, ...] = ()
    navs: tuple[NavPoint, ...] = ()
    fills: tuple[Fill, ...] = ()
    memory: Memory = NO_MEMORY
    market: Market | None = None
    evaluation: Evaluation | None = None
    plans: tuple[Plan, ...] = ()
    choice: Choice | None = None
    plan: Plan | None = None
    explanations: tuple[ExplanationPart, ...] = ()
    model: ModelUse = NO_MODEL
    results: tuple[OrderResult, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    awaiting_approval: bool = False
    note: str | None = None
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def resumes(self) -> bool:
        """An earlier attempt committed a plan: it is carried on with, however late."""
        return self.claim is not None and self.claim.plan is not None

    @property
    def unexplained_flow(self) -> Decimal:
        """Money from outside that nobody has explained, in base currency; zero before the account is read."""
        return self.continuity.unexplained(self.portfolio.nav) if self.portfolio else Decimal(0)

    @property
    def value_doubt(self) -> str | None:
        """Why nothing may be concluded from the account's value today; None where it may, or nobody has read it."""
        if self.unexplained_flow != 0:
            return "money from outside is unexplained"
        return value_doubt(self.portfolio) if self.portfolio else None


def known(value: Result | None, what: str) -> Result:
    """The value, which an earlier stage must have found."""
    if value is None:
        raise RuntimeError(f"{what} is not known yet: the stages ran out of order")
    return value
