"""The account after a run's own orders, worked out from their fills: what the next reading will be held against."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from app.desk.report.account import PortfolioPart
from app.desk.report.order import OrderPart
from app.desk.report.part import Amount, Part, cents
from app.desk.stages.memory import fee_of
from app.domain.order import OrderState, Side

if TYPE_CHECKING:
    from app.desk.report.schema import Report

ZERO = Decimal(0)
# Whether anything was bought or sold is not known, or not for good.
OPEN = frozenset({OrderState.SENDING, OrderState.ACKED, OrderState.PARTIAL, OrderState.UNKNOWN})


class HeldAfterPart(Part):
    """What is held of one name; `value` in base currency at the price of the reading, null without its rate."""

    symbol: str
    quantity: Amount
    value: Amount | None
    weight: float | None


class AfterPart(Part):
    """Amounts in base currency; `purchases` and `proceeds` of all the run's fills, without commissions.

    `commissions` as the broker's previews told them, null where one told none. `slippage`: what fills were worse than
    the prices that the orders were sized with. `nav` counts what is held at the prices of the reading. `settled` is
    false while it is not known what became of an order: then the rest holds but for that.
    """

    currency: str
    nav: Amount
    cash: Amount
    invested: float
    proceeds: Amount
    purchases: Amount
    commissions: Amount | None
    slippage: Amount
    positions: tuple[HeldAfterPart, ...]
    settled: bool


def after_part(report: "Report") -> AfterPart | None:
    """None where the account was not read, or a fill's currency has no rate."""
    portfolio = report.portfolio
    if portfolio is None or portfolio.nav <= 0:
        return None
    filled = [order for order in report.orders if order.filled_quantity > 0 and order.average_price is not None]
    rates = {order.symbol: _rate(portfolio, order.symbol) for order in filled}
    if None in rates.values():
        return None
    seen = {trade.coid for trade in report.trades}
    moved, cash, paid = defaultdict[str, Decimal](Decimal), portfolio.cash, dict.fromkeys(Side, ZERO)
    fees, slippage = list[Decimal | None](), ZERO
    for order in filled:
        rate, side = rates[order.symbol] or ZERO, Side(order.side)
        value = order.filled_quantity * (order.average_price or ZERO) * rate
        fee = _fee(order, rate)
        paid[side] += value
        fees.append(fee)
        slippage += side.sign * (value - order.filled_quantity * order.reference_price * rate)
        # What an earlier attempt had filled was in the account when it was read.
        if order.coid not in seen:
            moved[order.symbol] += side.sign * order.filled_quantity
            cash -= side.sign * value + (fee or ZERO)
    held = tuple(_held(report, portfolio, moved))
    values = sum((one.value for one in held if one.value is not None), ZERO)
    before = sum((p.market_value * (_rate(portfolio, p.symbol) or ZERO) for p in portfolio.positions), ZERO)
    nav = portfolio.nav + (cash - portfolio.cash) + values - before
    return AfterPart(
        currency=portfolio.currency,
        nav=nav.quantize(Decimal("0.01")),
        cash=cash.quantize(Decimal("0.01")),
        invested=float(1 - cash / nav) if nav > 0 else 0.0,
        proceeds=paid[Side.SELL].quantize(Decimal("0.01")),
        purchases=paid[Side.BUY].quantize(Decimal("0.01")),
        commissions=None if None in fees else cents(sum((fee for fee in fees if fee is not None), ZERO)),
        slippage=slippage.quantize(Decimal("0.01")),
        positions=tuple(
            one.model_copy(update={"weight": float(one.value / nav)}) if one.value is not None and nav > 0 else one
            for one in held
        ),
        settled=all(order.state not in OPEN for order in report.orders),
    )


def _held(report: "Report", portfolio: PortfolioPart, moved: dict[str, Decimal]) -> Iterator[HeldAfterPart]:
    left = dict(moved)
    prices = {order.symbol: order.reference_price for order in report.orders}
    for position in portfolio.positions:
        quantity = position.quantity + left.pop(position.symbol, ZERO)
        yield from _line(portfolio, position.symbol, quantity, position.price)
    for symbol, quantity in left.items():
        yield from _line(portfolio, symbol, quantity, prices[symbol])


def _line(portfolio: PortfolioPart, symbol: str, quantity: Decimal, price: Decimal) -> Iterator[HeldAfterPart]:
    rate = _rate(portfolio, symbol)
    value = None if rate is None else (quantity * price * rate).quantize(Decimal("0.01"))
    if quantity != 0:
        yield HeldAfterPart(symbol=symbol, quantity=quantity, value=value, weight=None)


def _rate(portfolio: PortfolioPart, symbol: str) -> Decimal | None:
    """Base currency per unit of what a name is traded in; a name that was not held is known only in one currency."""
    currencies = {one.currency for one in portfolio.positions if one.symbol == symbol}
    if not currencies:
        currencies = {portfolio.currency} if not portfolio.fx_rates else set()
    if currencies == {portfolio.currency}:
        return Decimal(1)
    return portfolio.fx_rates.get(currencies.pop()) if len(currencies) == 1 else None


def _fee(order: OrderPart, rate: Decimal) -> Decimal | None:
    told = order.what_if
    if told is None:
        return None
    fee = fee_of(told.commission, told.amount, order.filled_quantity, order.average_price)
    return None if fee is None else fee * rate
