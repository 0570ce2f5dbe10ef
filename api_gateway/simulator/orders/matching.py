"""When and at what price an order meets the simulated quotes. Pure functions.

A marketable order fills whole at the opposite side of the quote, whatever its displayed size; a resting limit order
fills in the first minute whose quote reaches its limit, a stop order at the market once the price has reached its stop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from api_gateway.simulator.exchange.hours import Moment, SessionCalendar
from api_gateway.simulator.exchange.market import SessionPath, to_decimal
from api_gateway.simulator.orders.order import Order, Side

_PER_SHARE, _LEAST, _LARGEST_SHARE = Decimal("0.005"), Decimal(1), Decimal("0.01")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Fill:
    session: int
    minute: int
    price: Decimal


def commission(quantity: int, price: Decimal) -> Decimal:
    """USD 0.005 a share, at least 1 USD, but never more than 1 % of the trade's value (the fixed US stock plan)."""
    charge = min(max(quantity * _PER_SHARE, _LEAST), quantity * price * _LARGEST_SHARE)
    return charge.quantize(_CENT, ROUND_HALF_UP)


def first_fill(
    path: SessionPath, side: Side, limit: Decimal | None, first: int, last: int
) -> tuple[int, Decimal] | None:
    """The first minute in first..last whose quote satisfies the limit, with the price; None when none does."""
    if path.bid is None or path.ask is None or last < first:
        return None
    opposite = (path.ask if side == "BUY" else path.bid)[first : last + 1]
    if limit is None:
        reached = np.ones(opposite.shape, dtype=np.bool_)
    else:
        reached = opposite <= float(limit) if side == "BUY" else opposite >= float(limit)
    if not reached.any():
        return None
    minute = int(reached.argmax())
    return first + minute, to_decimal(float(opposite[minute]))


def first_trigger(path: SessionPath, side: Side, stop: Decimal, first: int, last: int) -> int | None:
    """The first minute in first..last whose price has reached the stop: upwards for a buy, downwards for a sale."""
    seen = path.price[first : last + 1]
    reached = seen >= float(stop) if side == "BUY" else seen <= float(stop)
    return first + int(reached.argmax()) if reached.any() else None


def match(order: Order, moment: Moment, calendar: SessionCalendar, path: Callable[[int], SessionPath]) -> Fill | None:
    """Compare an order with every minute from where it was last watched up to now.

    `path` gives a session's quotes by row. The closing minute itself belongs to nobody: trading ends when it begins.
    """
    request = order.request
    session, minute = order.watched
    last_session = moment.session if request.time_in_force == "GTC" else min(moment.session, order.session)
    for row in range(session, last_session + 1):
        first = minute if row == session else 0
        last = min(moment.minute if row == moment.session else calendar.length(row), calendar.length(row) - 1)
        last = min(last, first) if request.time_in_force == "IOC" else last
        start: int | None = first
        if request.stop_price is not None and not order.filled_quantity:
            start = first_trigger(path(row), request.side, request.stop_price, first, last)
        found = first_fill(path(row), request.side, request.limit_price, start, last) if start is not None else None
        if found is not None:
            return Fill(row, *found)
    return None
