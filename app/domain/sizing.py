"""Quantities that can be ordered, and the money that may be spent. Buys round down, sells stay within the holding."""

from decimal import ROUND_FLOOR, Decimal

from app.domain.order import Side
from app.domain.portfolio import Portfolio

ZERO = Decimal(0)
# Plans aim one point of NAV inside a limit: at the limit itself half of all days would breach it.
HEADROOM = 0.01
# Targets stay so far inside position and sector limits, and above the reserve, that a day's drift undoes no purchase.
INSIDE_LIMITS = 0.92
ABOVE_RESERVE = 0.02


def aimed_at(limit: float) -> float:
    """The most that is aimed at under a position or sector limit."""
    return max(0.0, min(limit - HEADROOM, INSIDE_LIMITS * limit))


def whole(quantity: Decimal, lot: Decimal = Decimal(1)) -> Decimal:
    """Whole lots in `quantity`, counted in shares and rounded towards zero for what is held long."""
    return (quantity / lot).to_integral_value(ROUND_FLOOR) * lot


def sellable(portfolio: Portfolio, conid: int) -> Decimal:
    """Whole shares held long that no open order sells already."""
    return max(ZERO, whole(portfolio.held(conid) - open_quantity(portfolio, conid, Side.SELL)))


def open_quantity(portfolio: Portfolio, conid: int, side: Side) -> Decimal:
    """What open orders, ours and others', would still buy or sell of it, combinations by their legs."""
    return sum((order.left_of(conid, side) for order in portfolio.orders if order.is_open), ZERO)


def unbounded_buys(portfolio: Portfolio) -> bool:
    """Nobody knows what an open buy will cost: nothing bounds it, or its currency has no rate."""
    return any(o.is_open and o.side is Side.BUY and portfolio.bound(o) is None for o in portfolio.orders)


def is_margin(portfolio: Portfolio) -> bool:
    """The broker says margin account; anything else, unknown included, spends like a cash account."""
    return portfolio.account_type is not None and "MARGIN" in portfolio.account_type.upper()


def cash_for(portfolio: Portfolio, currency: str) -> Decimal:
    """What pays for a buy in that currency, in that currency: outside a margin account only what is settled there."""
    cash = (
        b.cash if is_margin(portfolio) else min(b.cash, b.settled_cash)
        for b in portfolio.cash
        if b.currency == currency
    )
    return sum(cash, ZERO)


def spendable(portfolio: Portfolio, proceeds: Decimal = ZERO) -> Decimal:
    """What buys may cost today in base currency, before any reserve; `proceeds` of today's sales help only on margin.

    Bounded by trade-date cash and the broker's available funds, in a cash account by settled cash too.
    """
    if is_margin(portfolio):
        bounds = [portfolio.total_cash + proceeds, portfolio.available_funds + proceeds]
    else:
        settled = sum((b.settled_cash * b.exchange_rate for b in portfolio.cash), ZERO)
        bounds = [portfolio.total_cash, portfolio.available_funds, settled]
    return max(ZERO, min(bounds) - portfolio.open_buys)
