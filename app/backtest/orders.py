"""Orders of a replay: those that wait, what was done of those that were due, and what lapsed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.domain.order import BrokerOrder, Order, client_order_id
from app.domain.plan import Action

_SLOT = "replay"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order that was decided on row `decided`, with its plan's action."""

    order: Order
    action: Action
    decided: int

    @property
    def turn(self) -> tuple[int, bool, str, int]:
        """Sales first, for they pay for purchases; then what must be done."""
        order = self.order
        return order.side.sign, not order.mandatory, order.instrument.symbol, order.leg


@dataclass(frozen=True, slots=True)
class Done:
    """One order's execution, with the rows of decision and fill; `price` without slippage, `paid` with it."""

    order: Order
    action: Action
    decided: int
    row: int
    quantity: Decimal
    price: Decimal
    paid: Decimal
    commission: Decimal


class Lapse(StrEnum):
    """Why an order, or the rest of it, was not filled in the session it was due in."""

    NOT_SENT = "refused as it was to be sent, at its limit or by the preview of its cost"
    NO_PRICE = "no price in that session"
    NO_VOLUME = "more than its share of that session's volume"
    NO_CASH = "more than the cash buys"
    NOT_HELD = "more than is held"
    ENDED = "the name is not traded any more"


@dataclass(frozen=True, slots=True)
class Lapsed:
    """`quantity` of an order that lapsed when the session of `row` ended."""

    order: Order
    action: Action
    decided: int
    row: int
    quantity: Decimal
    reason: Lapse


def under_way(account: str, waiting: Sequence[Waiting], days: Sequence[date]) -> tuple[BrokerOrder, ...]:
    """As the broker would list them, open; a purchase ties up cash at the price that it was sized with.

    `days`: the session of each row.
    """
    return tuple(
        BrokerOrder(
            order_id=f"{one.decided}.{number}",
            conid=one.order.instrument.conid,
            side=one.order.side,
            quantity=one.order.quantity,
            filled_quantity=Decimal(0),
            status="Submitted",
            symbol=one.order.instrument.symbol,
            coid=client_order_id(
                account, days[one.decided], _SLOT, one.order.instrument.conid, one.order.side, one.order.leg
            ),
            limit_price=one.order.limit_price or one.order.reference_price,
            currency=one.order.instrument.currency,
        )
        for number, one in enumerate(waiting, 1)
    )
