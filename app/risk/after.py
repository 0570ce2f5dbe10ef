"""The portfolio as it would be after orders, at their own prices and before costs."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from app.domain.errors import DataError
from app.domain.order import Order, Side
from app.domain.plan import PostTrade
from app.domain.portfolio import CashBalance, Portfolio, Position
from app.domain.sizing import ZERO, is_margin
from app.risk.today import Today


def after(portfolio: Portfolio, orders: Sequence[Order]) -> Portfolio:
    """Every order filled at its limit, else its reference price. A name that is held keeps its mark.

    Raises: DataError for a currency in which the account has no balance.
    """
    if not orders:
        return portfolio
    positions = {position.instrument.conid: position for position in portfolio.positions}
    balances = {balance.currency: balance for balance in portfolio.cash}
    available, margin = portfolio.available_funds, is_margin(portfolio)
    for order in orders:
        conid, currency = order.instrument.conid, order.instrument.currency
        if currency not in balances:
            raise DataError(f"the account has no balance in {currency}, so {order.instrument.symbol} cannot be settled")
        change = -order.side.sign * order.notional
        # A buy takes settled cash at once; a sale settles later, which only a cash account has to wait for.
        usable = change if margin or order.side is Side.BUY else ZERO
        balances[currency] = _paid(balances[currency], change, usable)
        available += usable * portfolio.rate(currency)
        filled = _filled(positions.get(conid), order)
        positions[conid] = filled
        if filled.quantity == 0:
            del positions[conid]
    return replace(
        portfolio,
        positions=tuple(positions.values()),
        cash=tuple(balances[balance.currency] for balance in portfolio.cash),
        available_funds=available,
    )


def post_trade(today: Today, orders: Sequence[Order]) -> PostTrade:
    """Weights and metrics after the orders, for people: a doubt about the account's value leaves none of them out."""
    portfolio = today.portfolio
    if not orders and not today.doubt:
        now = today.before
        return PostTrade(now.cash_weight, now.exposure, 0.0, _values(today))
    then = replace(today, portfolio=after(portfolio, orders), doubt=None)
    turnover = sum((order.notional * portfolio.rate(order.instrument.currency) for order in orders), Decimal(0))
    return PostTrade(
        cash_weight=float(then.portfolio.total_cash / then.portfolio.nav),
        exposure=then.arrays.exposure,
        turnover=float(turnover / portfolio.nav),
        metrics=_values(then),
    )


def _values(today: Today) -> dict[str, float | None]:
    return {metric.name: metric.value for metric in (*today.limited, *today.unlimited)}


def _paid(balance: CashBalance, change: Decimal, settled: Decimal) -> CashBalance:
    return CashBalance(balance.currency, balance.cash + change, balance.settled_cash + settled, balance.exchange_rate)


def _filled(held: Position | None, order: Order) -> Position:
    price = order.limit_price or order.reference_price
    if held is None:
        return Position(order.instrument, order.side.sign * order.quantity, order.reference_price, price)
    quantity = held.quantity + order.side.sign * order.quantity
    cost = held.average_cost
    if order.side is Side.BUY and held.quantity > 0:
        cost = (held.quantity * cost + order.quantity * price) / quantity
    return Position(held.instrument, quantity, held.price, cost, held.realized_pnl)
