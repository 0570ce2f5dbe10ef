"""Orders: what is wanted, what was sent, what the broker says became of it."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.instrument import Instrument
from app.domain.questions import Question

COID_PREFIX = "PM"
# The broker's words for an order that can still fill.
OPEN_STATUSES = frozenset({"PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel", "PreCancelled", "WarnState"})


class Side(StrEnum):
    """Direction of an order."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class OrderState(StrEnum):
    """What the ledger knows of an intent."""

    PLANNED = "PLANNED"
    SENDING = "SENDING"
    ACKED = "ACKED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"
    ABANDONED = "ABANDONED"

    @property
    def is_final(self) -> bool:
        """Nothing more can happen to it today."""
        return self in {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.NOT_SENT}


def client_order_id(book: str, session_date: date, slot: str, conid: int, side: Side, leg: int) -> str:
    """The same intent always has the same id, so a repeat is recognised by broker and ledger alike."""
    text = "|".join((book, session_date.isoformat(), slot, str(conid), side.value, str(leg)))
    return COID_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:20]


def triggers(reason: str) -> tuple[str, ...]:
    """The rules that an order's reason names: "stop_loss+drawdown: -0.21, ..." → ("stop_loss", "drawdown")."""
    return tuple(reason.partition(":")[0].split("+"))


@dataclass(frozen=True, slots=True)
class Order:
    """An order that a plan wants. `exit` marks a sell that risk limits never block.

    `reference_price` is the price in the instrument's currency that it was sized with; `limit_price` is set only when
    it is about to be sent. `reason` is the triggering rules joined by "+", a colon, and the numbers in words.
    """

    instrument: Instrument
    side: Side
    quantity: Decimal
    reference_price: Decimal
    reason: str
    exit: bool = False
    mandatory: bool = False
    leg: int = 1
    limit_price: Decimal | None = None

    @property
    def notional(self) -> Decimal:
        """In the instrument's currency, at the limit once there is one."""
        return self.quantity * (self.limit_price or self.reference_price)


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """One row of the broker's order list; `coid` is None where another program placed it without one.

    `currency` is the instrument's, None where nobody tells.
    """

    order_id: str
    conid: int
    side: Side
    quantity: Decimal
    filled_quantity: Decimal
    status: str
    symbol: str | None = None
    coid: str | None = None
    limit_price: Decimal | None = None
    average_price: Decimal | None = None
    currency: str | None = None

    @property
    def is_open(self) -> bool:
        """It can still fill."""
        return self.status in OPEN_STATUSES

    @property
    def is_ours(self) -> bool:
        """Placed by this system, by its id."""
        return self.coid is not None and self.coid.startswith(COID_PREFIX)

    @property
    def open_notional(self) -> Decimal:
        """What is left of it, at its limit, in its currency; an open order without a limit has no bound and raises."""
        if self.limit_price is None:
            raise ValueError(f"order {self.order_id} is open without a limit price")
        return (self.quantity - self.filled_quantity) * self.limit_price

    @property
    def state(self) -> OrderState:
        """The ledger state that the broker's status means."""
        if self.status == "Filled":
            return OrderState.FILLED
        if self.status == "Cancelled":
            return OrderState.CANCELLED
        if self.status in {"Inactive", "Failed"}:
            # What has filled cannot be rejected any more: the rest of it was cancelled.
            return OrderState.CANCELLED if self.filled_quantity > 0 else OrderState.REJECTED
        return OrderState.PARTIAL if self.filled_quantity > 0 else OrderState.ACKED


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution."""

    execution_id: str
    order_id: str
    conid: int
    side: Side
    quantity: Decimal
    price: Decimal
    time: datetime
    coid: str | None = None
    commission: Decimal | None = None

    @property
    def is_ours(self) -> bool:
        """Of an order placed by this system, by its id."""
        return self.coid is not None and self.coid.startswith(COID_PREFIX)


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The broker's orders and executions of the day, primed: an empty one means there are none."""

    orders: tuple[BrokerOrder, ...]
    trades: tuple[Trade, ...]
    as_of: datetime

    def find(self, coid: str) -> BrokerOrder | None:
        """The broker's order with this client order id."""
        return next((order for order in self.orders if order.coid == coid), None)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The broker's preview of one order: amount and commission in its own currency, the rest in the account's base."""

    amount: Decimal | None
    commission: Decimal | None
    equity_after: Decimal | None
    initial_margin_after: Decimal | None
    maintenance_margin_after: Decimal | None
    warnings: tuple[str, ...] = ()
    error: str | None = None


class Outcome(StrEnum):
    """Every way in which placing an order can end.

    `unanswered`: the broker asked before it takes the order, and nobody answered; nothing of it is under way.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ALREADY_REGISTERED = "already_registered"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Placement:
    """The typed answer to one placement; `refused` means that nothing was sent to the broker.

    `questions`: all that the broker asked on the way, those that were answered included.
    """

    outcome: Outcome
    order_id: str | None = None
    status: str | None = None
    message: str | None = None
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """Permission to send one order once, signed by the app and checked by the MCP server.

    `answers`: ids of the broker's questions that may be confirmed for it, each with its bound where it is a number.
    """

    account: str
    conid: int
    side: Side
    quantity: Decimal
    limit_price: Decimal
    time_in_force: str
    coid: str
    run_id: str
    policy_hash: str
    expires: int
    answers: tuple[tuple[str, Decimal | None], ...] = ()
