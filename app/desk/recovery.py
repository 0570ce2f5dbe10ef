"""Orders under our name that the ledger does not have as the broker has them, and what a person decides of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from app.desk.records import Intent, IntentRecord, Quarantine, RunKey
from app.domain.order import OrderState, Side


class Decision(StrEnum):
    """Adopt: it is ours, as the broker has it. Abandon: it is not to be counted as ours."""

    ADOPT = "adopt"
    ABANDON = "abandon"


class Gap(StrEnum):
    """What the ledger lacks of an order. What is `behind` the next reconciliation settles by itself."""

    UNKNOWN = "unknown"
    NEVER_SENT = "never_sent"
    BEHIND = "behind"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the broker shows under one client order id; `status` is its own word, None where only executions are left.

    `session_date` is the day of its newest execution, else today. `orders`: how many of its orders bear the id.
    """

    coid: str
    order_id: str
    conid: int
    side: Side
    quantity: Decimal
    filled_quantity: Decimal
    average_price: Decimal | None
    limit_price: Decimal | None
    state: OrderState
    status: str | None
    session_date: date
    symbol: str | None = None
    currency: str | None = None
    orders: int = 1


@dataclass(frozen=True, slots=True)
class Stray:
    """One of them. `key` and `leg` are those that its id follows from, where `identified`; else the day's first slot.

    `may` holds what can be decided, the recommended first; `why` is for people.
    """

    shown: Shown
    gap: Gap
    symbol: str
    key: RunKey
    leg: int
    identified: bool
    intent: IntentRecord | None
    may: tuple[Decision, ...]
    why: str

    @property
    def by_itself(self) -> bool:
        """Nobody has to decide."""
        return self.gap is Gap.BEHIND


@dataclass(frozen=True, slots=True)
class Adopted:
    """An order as the ledger is to hold it. `value` is what it takes from its day's turnover, None where unknown."""

    coid: str
    state: OrderState
    quantity: Decimal
    limit_price: Decimal | None
    value: Decimal | None
    broker_order_id: str
    filled_quantity: Decimal
    average_price: Decimal | None


@dataclass(frozen=True, slots=True)
class RecoveredRun:
    """A run that the ledger does not know: under its key, with a plan of the orders that are adopted into it."""

    run_id: str
    key: RunKey
    plan: Mapping[str, Any]
    intents: tuple[Intent, ...]
    adopted: tuple[Adopted, ...]
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recovery:
    """All that one recovery changes. `known`: orders whose intents the ledger has, in whatever state.

    `abandoned` are kept under the recovery's own run and `plan`, so that nobody takes them for ours again.
    """

    actor: str
    reason: str
    runs: tuple[RecoveredRun, ...]
    known: tuple[Adopted, ...]
    abandoned: tuple[Intent, ...]
    plan: Mapping[str, Any]
    quarantines: tuple[Quarantine, ...]
