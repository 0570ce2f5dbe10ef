"""What an order is, from the moment it is accepted to its end. Values only; the order desk moves them along."""

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from api_gateway.simulator.exchange.contracts import Contract

Side = Literal["BUY", "SELL"]
OrderType = Literal["LMT", "MKT", "STP"]
TimeInForce = Literal["DAY", "GTC", "IOC"]


class Status(StrEnum):
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    FILLED = "Filled"
    PENDING_CANCEL = "PendingCancel"
    CANCELLED = "Cancelled"
    INACTIVE = "Inactive"


WORKING = frozenset({Status.PRE_SUBMITTED, Status.SUBMITTED, Status.PENDING_CANCEL})


@dataclass(frozen=True)
class OrderRequest:
    """A request that passed validation. A limit order has a limit price, a stop order a stop price, no other either."""

    contract: Contract
    side: Side
    quantity: int
    order_type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce
    coid: str | None
    account: str
    stop_price: Decimal | None = None


@dataclass(frozen=True)
class Hold:
    """The market does not meet the order before this many looks at orders and this market time."""

    looks: float
    until: datetime

    def over(self, looks: int, now: datetime) -> bool:
        return looks >= self.looks and now >= self.until


@dataclass(frozen=True)
class Portion:
    """`first` fills at once, the rest after the hold; a hold of endless looks means never."""

    first: int
    looks: float
    seconds: float


NEVER = math.inf


@dataclass(frozen=True)
class Order:
    """`watched` is the (session row, minute) up to which the market has been compared with the order.

    With `fails_because` it turns inactive when it is next looked at.
    """

    order_id: int
    request: OrderRequest
    status: Status
    placed_at: datetime
    session: int
    watched: tuple[int, int]
    filled_quantity: int = 0
    average_price: Decimal | None = None
    ended_at: datetime | None = None
    ended_because: str = ""
    hold: Hold | None = None
    portion: Portion | None = None
    fails_because: str = ""

    @property
    def working(self) -> bool:
        return self.status in WORKING

    @property
    def remaining_quantity(self) -> int:
        return self.request.quantity - self.filled_quantity


@dataclass(frozen=True)
class Execution:
    execution_id: str
    order_id: int
    coid: str | None
    contract: Contract
    side: Side
    quantity: int
    price: Decimal
    commission: Decimal
    time: datetime
    session: int

    @property
    def signed_quantity(self) -> int:
        return self.quantity if self.side == "BUY" else -self.quantity

    @property
    def cash_flow(self) -> Decimal:
        """What the account's cash changes by, commission included."""
        return -self.signed_quantity * self.price - self.commission
