"""Sales that are made to pay for purchases, kept as large as what they pay for: half of such a plan is only a sale."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from app.domain.order import Order, Side
from app.domain.portfolio import Portfolio
from app.domain.sizing import ZERO, whole


def paired(orders: Sequence[Order], own: Decimal, portfolio: Portfolio, least: Decimal) -> tuple[Order, ...]:
    """The orders with so much of the sales by choice as is bought, and `own` that leaves in any case.

    The largest sales stay, whole as far as it goes; of a part below `least` nothing. Values in base currency.
    """

    def worth(order: Order) -> Decimal:
        return order.notional * portfolio.rate(order.instrument.currency)

    sales = [order for order in orders if order.side is Side.SELL and not order.mandatory]
    left = own + sum((worth(order) for order in orders if order.side is Side.BUY), ZERO)
    # Sales in whole shares may be a share too much for what they pay for.
    share = max((worth(one) / one.quantity for one in sales), default=ZERO) if left > 0 else ZERO
    if sum(map(worth, sales), ZERO) <= left + share:
        return tuple(orders)
    kept: dict[Order, Order] = {}
    for order in sorted(sales, key=lambda one: (-worth(one), one.instrument.conid, one.leg)):
        quantity = min(order.quantity, whole(left / (worth(order) / order.quantity)))
        part = order if quantity == order.quantity else replace(order, quantity=quantity)
        if quantity > 0 and (part is order or worth(part) >= least):
            kept[order] = part
            left -= worth(part)
    dropped = {order: kept.get(order) for order in sales}
    return tuple(one for order in orders if (one := dropped.get(order, order)) is not None)


def alone(orders: Sequence[Order], own: Decimal, portfolio: Portfolio, least: Decimal) -> tuple[Order, ...]:
    """What is left where nothing can be bought: the mandatory sales and `own`."""
    return paired([order for order in orders if order.side is Side.SELL], own, portfolio, least)
