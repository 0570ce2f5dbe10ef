"""What the desk asks the ledger to remember."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from app.domain.adoption import Adoption
from app.domain.cash import CashKind
from app.domain.order import Order, OrderRule, OrderState, Side
from app.domain.questions import Question
from app.domain.ruling import Cause, KillLevel
from app.engine.memory import EvaluationRecord, Resumed


class RunStatus(StrEnum):
    """How a run stands. `running` holds the day's key by lease, the states of `HOLDS_KEY` for good, the others not."""

    RUNNING = "running"
    DONE = "done"
    AWAITING_APPROVAL = "awaiting_approval"
    REJECTED = "rejected"
    HALTED = "halted"
    SKIPPED = "skipped"
    MISSED = "missed"
    RECONCILED = "reconciled"
    NOT_READY = "not_ready"
    FAILED = "failed"
    DRY_RUN = "dry_run"


HOLDS_KEY = frozenset(
    {RunStatus.RUNNING, RunStatus.DONE, RunStatus.AWAITING_APPROVAL, RunStatus.REJECTED, RunStatus.HALTED}
)
# The action of what a person said is not ours, though it carries a name of ours at the broker.
ABANDONED_ACTION = "ABANDON"
# The error of a run that was neither closed nor given up.
PROCESS_ENDED = "the process that worked on it ended before the run did"


def new_run_id() -> str:
    """Of a run that nobody has heard of yet."""
    return "run_" + secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class RunKey:
    """One slot of one session of one book. A book is an account, or an account in one simulated world."""

    book: str
    account: str
    session_date: date
    slot: str
    dry_run: bool = False

    @property
    def text(self) -> str:
        """Unique in the ledger while the run holds it."""
        return "|".join((self.book, self.session_date.isoformat(), self.slot, "dry" if self.dry_run else "run"))


@dataclass(frozen=True, slots=True)
class Book:
    """What the ledger keeps apart under `name`: an account, or an account in one simulated world."""

    name: str
    account: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write for one run until another process takes it over with a higher fence.

    `plan` is the plan committed by an earlier, interrupted attempt, if there was one.
    """

    run_id: str
    key: RunKey
    owner: str
    fence: int
    plan: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """Until when a run that is at work is its process's alone.

    `seconds` are left, by the ledger's clock; 0 where the lease has lapsed or its process has ended: nobody is at work.
    """

    until: datetime
    seconds: float

    @property
    def lapsed(self) -> bool:
        """Another process may take the run over."""
        return self.seconds <= 0


@dataclass(frozen=True, slots=True)
class Busy:
    """Another caller is on it, or on another run of the same book: that one's id."""

    run_id: str
    lease: Lease | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Done:
    """The day's work is done; `report` is what the first caller got."""

    run_id: str
    status: RunStatus
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One fact for the audit trail; `payload` is JSON, numbers with cents as strings."""

    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event on record. `number` counts all of the ledger as they were committed, `seq` those of the book."""

    number: int
    book: str
    seq: int
    run_id: str | None
    kind: str
    at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Intent:
    """An order that the committed plan wants, under the id it will carry to the broker."""

    coid: str
    order: Order


@dataclass(frozen=True, slots=True)
class IntentRecord:
    """An intent as the ledger holds it; `rule` is the order's reason in words, `rules` what decisions go by.

    `action` is its plan's.
    """

    coid: str
    run_id: str
    session_date: date
    action: str
    rule: str
    conid: int
    symbol: str
    side: Side
    quantity: Decimal
    reference_price: Decimal
    leg: int
    exit: bool
    mandatory: bool
    state: OrderState
    limit_price: Decimal | None
    filled_quantity: Decimal
    average_price: Decimal | None
    broker_order_id: str | None
    sends: int
    sent_at: datetime | None
    absent_reads: int
    reason: str | None
    what_if: Mapping[str, Any] | None
    rules: tuple[OrderRule, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def waits_for_an_answer(self) -> bool:
        """The broker asked before it takes the order and nobody answered: nothing is under way, and it may be there."""
        return self.state is OrderState.UNKNOWN and any(not question.answered for question in self.questions)

    @property
    def is_abandoned(self) -> bool:
        """A person said that what the broker has under this id is not ours."""
        return self.action == ABANDONED_ACTION


@dataclass(frozen=True, slots=True)
class UnitValue:
    """What one unit of a holding was worth in base currency, and when."""

    value: Decimal
    session_date: date


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The account as a run saw it, in whole cents: cash by currency, and `rates` of then in base currency.

    `quantities` of all that was held, `values` a unit of it in base currency; `prices` of what was managed.
    """

    run_id: str
    session_date: date
    as_of: datetime
    currency: str
    nav: Decimal
    cash: Decimal
    balances: Mapping[str, Decimal]
    detected_flows: Decimal
    unexplained_flow: Decimal
    quantities: Mapping[int, Decimal]
    prices: Mapping[int, Decimal]
    currencies: Mapping[int, str]
    rates: Mapping[str, Decimal]
    values: Mapping[int, UnitValue]


@dataclass(frozen=True, slots=True)
class RunMemory:
    """What a run leaves for later ones to decide by, beside its orders; None where it did not come so far.

    `asked_prices`: those that a person was asked about, by order id. `drawdown` is told, where the way back from a fall
    takes a turn, and not kept.
    """

    evaluation: EvaluationRecord | None = None
    account: Snapshot | None = None
    asked_prices: Mapping[str, Decimal] | None = None
    drawdown: float | None = None


NOTHING_LEFT = RunMemory()


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What goes on record of an account's first contact; the breaches that are `inherited` from then on."""

    adoption: Adoption
    inherited: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the ledger holds it; `lease` is None once it has ended."""

    run_id: str
    key: RunKey
    status: RunStatus
    policy_hash: str | None
    started_at: datetime
    finished_at: datetime | None
    report: Mapping[str, Any] | None
    error: str | None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to a person; told once under its key."""

    key: str
    book: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The audit trail checked: `problems` is empty when every event, link and sealed report is as it was written."""

    events: int
    books: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Nothing was altered, removed or inserted."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class SendBudget:
    """What one order takes and what the day allows; amounts in base currency.

    An exit takes from the budget and is never held up by it; one that a person confirmed is sent under any kill level.
    """

    value: Decimal
    exit: bool
    max_orders: int
    max_turnover: Decimal
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """The kill level in force, who set it and why; `at` is None where nobody ever has.

    `causes`: the metrics that raised it, where it comes down by itself.
    """

    level: KillLevel
    reason: str
    actor: str
    at: datetime | None
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Oversight:
    """The level in force, and how many runs have sent orders since a person last set one, at run number `reviewed`."""

    control: Control
    runs_since_review: int
    reviewed: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What the newest run that measured left, and what a person had seen who resumed last."""

    session_date: date
    record: EvaluationRecord
    resumed: Resumed | None


@dataclass(frozen=True, slots=True)
class Flow:
    """A cash flow: a deposit, or a withdrawal where negative, in base currency. Neither gain nor loss.

    With a `kind` of income or cost it is a return on the account instead. `external_id`: of the row that told it.
    """

    session_date: date
    amount: Decimal
    note: str
    actor: str
    kind: CashKind | None = None
    external_id: str | None = None

    @property
    def is_income(self) -> bool:
        """Earned by the account or paid by it, and so no flow."""
        return self.kind is not None and not self.kind.is_flow


@dataclass(frozen=True, slots=True)
class ToldFlow:
    """A flow under the number of its event. `counted`: a run has reckoned with it, or is at it now.

    `taken_back`: why a person took it back, who told it by mistake.
    """

    number: int
    flow: Flow
    counted: bool
    taken_back: str | None = None


@dataclass(frozen=True, slots=True)
class FlowPlan:
    """A withdrawal that a person announced, in base currency above zero; `number` is that of its event."""

    number: int
    amount: Decimal
    due: date
    note: str
    actor: str
    planned_on: date


class PlanEnd(StrEnum):
    """Why a planned withdrawal is not open any more."""

    CANCELLED = "cancelled"
    DONE = "done"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A name that gets no automatic order until a person has looked."""

    conid: int
    symbol: str
    reason: str
    since: date
