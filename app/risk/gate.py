"""The gate: which orders may be sent, in which size. It shrinks or refuses, it never enlarges.

Integrity binds every order; limits and budgets bind what increases risk and never an exit, which is a sell of a holding
by no more than is held. Gating what the gate has allowed changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from app.domain.errors import DataError
from app.domain.market import Market
from app.domain.order import Order, Side
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse, KillLevel, Refusal, Ruling
from app.risk.after import after
from app.risk.budget import GateState, judge, used_with, with_buy
from app.risk.integrity import possible
from app.risk.today import Today


def gate(today: Today, orders: Sequence[Order], day: DayUse, level: KillLevel) -> Ruling:
    """Sells first, then buys in the order given, each on the portfolio that the ones before it leave.

    Where the account cannot be valued nothing is bought, and exits pass.
    """
    left, refusals = possible(today, level, orders)
    sells = tuple(order for order in left if order.side is Side.SELL)
    buys = tuple(order for order in left if order.side is Side.BUY)
    if not buys:
        return Ruling(sells, refusals)
    try:
        state = _after_sells(today, sells, day)
    except DataError as error:
        unknown = tuple(Refusal("unknown_risk", o.instrument.symbol, error.cause, "an account's value") for o in buys)
        return Ruling(sells, (*refusals, *unknown))
    allowed, cuts = _buys(state, buys)
    return Ruling((*sells, *allowed), (*refusals, *cuts))


def _after_sells(today: Today, sells: Sequence[Order], day: DayUse) -> GateState:
    """The account with the sells applied, which count and reserve their budget before any buy."""
    portfolio, used = today.portfolio, day
    for sell in sells:
        used = used_with(used, portfolio, sell)
    return GateState(
        today=today,
        before=today.before,
        then=after(_with_open_buys(portfolio, today.market), sells),
        proceeds=sum((o.notional * portfolio.rate(o.instrument.currency) for o in sells), Decimal(0)),
        bought=Decimal(0),
        used=used,
    )


def _with_open_buys(portfolio: Portfolio, market: Market) -> Portfolio:
    """Open buys as if they had filled; those of a name nobody knows stay open and tie up their cash."""
    if not portfolio.orders:
        return portfolio
    known = {**market.instruments, **{p.instrument.conid: p.instrument for p in portfolio.positions}}
    filled, left = portfolio, []
    for order in portfolio.orders:
        fillable = order.is_open and order.side is Side.BUY and order.conid in known and not order.legs
        if not fillable or order.limit_price is None:
            left.append(order)
            continue
        quantity, price = order.quantity - order.filled_quantity, order.limit_price
        filled = after(filled, [Order(known[order.conid], order.side, quantity, price, "open", limit_price=price)])
    return replace(filled, orders=tuple(left))


def _buys(state: GateState, buys: Sequence[Order]) -> tuple[list[Order], list[Refusal]]:
    allowed: list[Order] = []
    refusals: list[Refusal] = []
    for order in buys:
        fits, refusal = judge(state, order)
        if refusal is not None:
            refusals.append(refusal)
        if fits is not None:
            allowed.append(fits)
            state = with_buy(state, fits)
    return allowed, refusals
