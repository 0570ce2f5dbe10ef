"""What a run works with, and what it knows so far. Stages take a run and give back one that knows more."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ParamSpec, TypeVar

from app.desk.journal import Journal
from app.desk.ports import Broker, Calendar, Chooser, Clock, Ledger, MarketData, ModelUse, Signer
from app.desk.records import Claim, RunKey
from app.domain.evaluation import Evaluation
from app.domain.instrument import UNKNOWN_SECTOR
from app.domain.market import Market, Session
from app.domain.navs import NavPoint
from app.domain.order import Order, WhatIf
from app.domain.plan import NO_MEMORY, Choice, Memory, Plan
from app.domain.policy import Mode, Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import Refusal
from app.domain.session import BrokerSession

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Progress = Callable[[str], None]


NO_MODEL = ModelUse()


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


@dataclass(frozen=True)
class Desk:
    """Everything a run works with. Adapters are picked in one place; tests pass real ones or fakes of the same ports.

    `sectors`: symbol → GICS sector. `account` is the only one to work on, None for the broker's only one.
    `trading_mode` is the setting: off, paper or live. `owner` is unique to the process.
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
    lease_seconds: float = 120.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def write(
        self, change: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Run a ledger call in a thread; once begun it ends, even when the caller is cancelled."""
        return await asyncio.shield(asyncio.to_thread(change, *args, **kwargs))

    def sector(self, symbol: str) -> str:
        """GICS sector, "Unknown" where the table has none."""
        return self.sectors.get(symbol, UNKNOWN_SECTOR)


@dataclass(frozen=True)
class Run:
    """One run in progress. `claim` is None for a preview that nobody scheduled; then nothing is ever sent."""

    run_id: str
    key: RunKey
    mode: EffectiveMode
    broker_session: BrokerSession
    session: Session
    clock: Clock
    journal: Journal
    claim: Claim | None = None
    progress: Progress = silent
    portfolio: Portfolio | None = None
    navs: tuple[NavPoint, ...] = ()
    memory: Memory = NO_MEMORY
    market: Market | None = None
    evaluation: Evaluation | None = None
    plans: tuple[Plan, ...] = ()
    choice: Choice | None = None
    plan: Plan | None = None
    model: ModelUse = NO_MODEL
    results: tuple[OrderResult, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    awaiting_approval: bool = False
    timings: Mapping[str, float] = field(default_factory=dict)


def known(value: Result | None, what: str) -> Result:
    """The value, which an earlier stage must have found."""
    if value is None:
        raise RuntimeError(f"{what} is not known yet: the stages ran out of order")
    return value
