"""Orders: what is wanted, what was sent, what the broker says became of it."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.instrument import Instrument
from app.domain.questions import Question
from app.domain.unmanaged import UnreadableRow

COID_PREFIX = "PM"
# The broker's words for an order that can still fill.
OPEN_STATUSES = frozenset({"PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel", "PreCancelled", "WarnState"})
# And for one that no longer can.
ENDED_STATUSES = frozenset({"Filled", "Cancelled", "Inactive", "Failed"})
SHARES = frozenset({"STK", "ETF"})
# Units of the price that one contract pays, by security type; what other types cost is not told by price and quantity.
CONTRACT_SIZES = {
    "STK": 1, "ETF": 1, "FUND": 1, "CASH": 1, "CRYPTO": 1, "WAR": 1, "OPT": 100, "BAG": 100
}  # fmt: skip


class Side(StrEnum):
    """Direction of an order."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class OrderRule(StrEnum):
    """What asks for an order: an exit's rule, a strategy, or a person."""

    STOP_LOSS = "stop_loss"
    DRAWDOWN = "drawdown"
    LIMIT_BREACH = "limit_breach"
    TAKE_PROFIT = "take_profit"
    CUT_LOSERS = "cut_losers"
    REINFORCE = "reinforce"
    ROTATE = "rotate"
    REBALANCE = "rebalance"
    MANUAL_EXIT = "manual_exit"


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


@dataclass(frozen=True, slots=True)
class Order:
    """An order that a plan wants. `exit` marks a sell that risk limits never block.

    `reference_price` is the price in the instrument's currency that it was sized with; `limit_price` is set only when
    it is about to be sent. `rules` are what decisions go by, `reason` is the same with its numbers for people.
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
    rules: tuple[OrderRule, ...] = ()

    @property
    def notional(self) -> Decimal:
        """In the instrument's currency, at the limit once there is one."""
        return self.quantity * (self.limit_price or self.reference_price)


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """One row of the broker's order list; `coid` is None where another program placed it without one.

    `currency` is the instrument's, None where nobody tells. `legs` of a combination: (conid, units of it that one unit
    buys, negative where it sells). `security_type` is the broker's word, None where it tells none.
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
    security_type: str | None = None
    legs: tuple[tuple[int, int], ...] = ()

    @property
    def is_open(self) -> bool:
        """It can still fill; so does one of a status that nobody knows."""
        return self.status not in ENDED_STATUSES

    def left_of(self, conid: int, side: Side) -> Decimal:
        """What it would still buy or sell of that instrument, by itself or as a leg; zero for the other side."""
        left = self.quantity - self.filled_quantity
        if not self.legs:
            return left if (conid, side) == (self.conid, self.side) else Decimal(0)
        units = sum(ratio for leg, ratio in self.legs if leg == conid) * self.side.sign * side.sign
        return left * max(0, units)

    @property
    def is_ours(self) -> bool:
        """Placed by this system, by its id."""
        return self.coid is not None and self.coid.startswith(COID_PREFIX)

    @property
    def open_notional(self) -> Decimal:
        """What is left of it, at its limit, in its currency; zero where it brings money in.

        Raises: ValueError where nothing bounds it: no limit, or a contract that price and quantity do not tell the
        cost of.
        """
        size = CONTRACT_SIZES.get(self.security_type or "STK")
        if self.limit_price is None or size is None:
            raise ValueError(f"nothing bounds what order {self.order_id} will cost")
        return max(Decimal(0), (self.quantity - self.filled_quantity) * self.limit_price * size)

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
    """One execution. `amount` is the cash moved, unsigned and before fees, where price times quantity is not that."""

    execution_id: str
    order_id: str
    conid: int
    side: Side
    quantity: Decimal
    price: Decimal
    time: datetime
    coid: str | None = None
    commission: Decimal | None = None
    currency: str | None = None
    security_type: str | None = None
    amount: Decimal | None = None

    @property
    def of_shares(self) -> bool:
        """Of a stock or fund; so is one of which the type is not told."""
        return self.security_type is None or self.security_type in SHARES

    @property
    def paid(self) -> Decimal:
        """Cash before fees that left the account, negative where it came in; in the instrument's currency."""
        worth = self.quantity * self.price if self.amount is None else self.amount
        return self.side.sign * worth

    @property
    def is_ours(self) -> bool:
        """Of an order placed by this system, by its id."""
        return self.coid is not None and self.coid.startswith(COID_PREFIX)


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The broker's orders and executions of the day, primed: an empty one means there are none.

    Without `complete` the broker did not say that it had listed all: what is absent proves nothing.
    """

    orders: tuple[BrokerOrder, ...]
    trades: tuple[Trade, ...]
    as_of: datetime
    complete: bool = True
    unreadable: tuple[UnreadableRow, ...] = ()

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
