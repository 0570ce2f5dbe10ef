"""What a run knows when it is opened, and after each stage. A stage asks for the state it needs and gives the next.

Each later state is an earlier one that knows more, and what a stage found is never optional in the states after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from app.desk.desk import Progress, silent
from app.desk.journal import Journal
from app.desk.ports import Clock, ModelUse
from app.desk.records import Claim, Control, Flow, Oversight, Quarantine, RunKey
from app.desk.report.explanation import ExplanationPart
from app.desk.stages.continuity import Continuity
from app.desk.stages.valuation import value_doubt
from app.domain.errors import UsageError
from app.domain.evaluation import Evaluation
from app.domain.lots import Fill
from app.domain.market import Market, Session
from app.domain.navs import NavPoint
from app.domain.order import Order, OrderReport, Trade, WhatIf
from app.domain.plan import Choice, Memory, Plan
from app.domain.policy import Mode
from app.domain.portfolio import Portfolio
from app.domain.questions import Question
from app.domain.ruling import KillLevel, Refusal
from app.domain.session import BrokerSession
from app.domain.tax import NO_TAX_BASIS, TaxBasis
from app.engine.first_contact import ModeOutcome
from app.engine.memory import FilledOrder
from app.record.chunks import KeptInputs

NO_MODEL = ModelUse()
NO_CONTROL = Control(KillLevel.ACTIVE, "nobody has set a level", "nobody", None)


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


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that is opened: whose day it is and how far it may go. `claim` is None for a preview that sends nothing.

    `by_person`: a person asked for exactly this order. `approved`: a person approved the committed plan, having seen
    `asked_prices` by order id. `at_close`: the day's close is being recorded. `broker_report`: of the reconciliation,
    None where there was nothing to reconcile. `results`: what became of its orders so far.
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
    broker_report: OrderReport | None = None
    results: tuple[OrderResult, ...] = ()
    note: str | None = None
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def resumes(self) -> bool:
        """An earlier attempt committed a plan: it is carried on with, however late."""
        return self.claim is not None and self.claim.plan is not None

    @property
    def own_claim(self) -> Claim:
        """Raises UsageError for a preview that nobody scheduled: it may write nothing."""
        if self.claim is None:
            raise UsageError("a run without a claim can be neither carried out nor closed")
        return self.claim


@dataclass(frozen=True, kw_only=True)
class AccountRead(Run):
    """What the account holds, whether it follows from what it was, and what the ledger remembers of it.

    `first_contact`: nothing on record says that the account was taken over; it decides as if it were now.
    """

    portfolio: Portfolio
    flows: tuple[Flow, ...]
    trades: tuple[Trade, ...]
    continuity: Continuity
    quarantined: tuple[Quarantine, ...]
    navs: tuple[NavPoint, ...]
    filled: tuple[FilledOrder, ...]
    memory: Memory
    first_contact: bool = False
    tax_basis: TaxBasis = NO_TAX_BASIS

    @property
    def fills(self) -> tuple[Fill, ...]:
        """What was bought and sold, oldest first."""
        return tuple(one.fill for one in self.filled)

    @property
    def unexplained_flow(self) -> Decimal:
        """Cash flow that no person has explained, in base currency."""
        return self.continuity.unexplained(self.portfolio.nav)

    @property
    def value_doubt(self) -> str | None:
        """Why nothing may be concluded from the account's value today; None where it may."""
        return doubt_of(self.portfolio, self.continuity)


@dataclass(frozen=True, kw_only=True)
class MarketRead(AccountRead):
    """What the market says of every name that is held or may be bought."""

    market: Market


@dataclass(frozen=True, kw_only=True)
class Evaluated(MarketRead):
    """The portfolio against the policy. `oversight`: the level before what was measured had its say."""

    evaluation: Evaluation
    oversight: Oversight


@dataclass(frozen=True, kw_only=True)
class Decided(MarketRead):
    """The plan that was chosen among `plans`. `evaluation` is None where a person chose: nothing is measured for it.

    `kept`: what it was decided from, as long as that is not committed. `modes`: at first contact, what each would do.
    """

    plans: tuple[Plan, ...]
    choice: Choice
    plan: Plan
    evaluation: Evaluation | None = None
    oversight: Oversight | None = None
    explanations: tuple[ExplanationPart, ...] = ()
    model: ModelUse = NO_MODEL
    refusals: tuple[Refusal, ...] = ()
    kept: KeptInputs | None = field(default=None, repr=False)
    modes: tuple[ModeOutcome, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Executed(Decided):
    """What became of the plan's orders is in `results`."""

    awaiting_approval: bool = False


def evaluation_of(run: Run) -> Evaluation | None:
    """None before the portfolio is measured."""
    return run.evaluation if isinstance(run, Evaluated | Decided) else None


def doubt_of(portfolio: Portfolio, continuity: Continuity) -> str | None:
    """Why nothing may be concluded from the account's value; None where it may."""
    if continuity.unexplained(portfolio.nav) != 0:
        return "money from outside is unexplained"
    return value_doubt(portfolio)
