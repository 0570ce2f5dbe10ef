"""The gate: which orders may be sent, in which size. It shrinks or refuses, it never enlarges.

Integrity binds every order; limits and budgets bind what increases risk and never an exit, which is a sell of a holding
by no more than is held. Gating what the gate has allowed changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from app.domain.errors import DataError
from app.domain.market import Market
from app.domain.navs import NavPoint
from app.domain.order import Order, Side
from app.domain.plan import Memory
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse, KillLevel, Refusal, Ruling
from app.risk.after import after
from app.risk.book import read
from app.risk.budget import Stage, bought, counted, judge
from app.risk.integrity import Setting, screen
from app.risk.measure import history, standing


def gate(
    policy: Policy,
    portfolio: Portfolio,
    market: Market,
    navs: Sequence[NavPoint],
    orders: Sequence[Order],
    day: DayUse,
    level: KillLevel,
    memory: Memory,
) -> Ruling:
    """Sells first, then buys in the order given, each on the portfolio that the ones before it leave.

    Where the account cannot be valued nothing is bought, and exits pass.
    """
    possible, refusals = screen(Setting(policy, portfolio, market, level), orders)
    sells = tuple(order for order in possible if order.side is Side.SELL)
    buys = tuple(order for order in possible if order.side is Side.BUY)
    if not buys:
        return Ruling(sells, refusals)
    try:
        stage = _stage(policy, portfolio, market, navs, sells, day, memory)
    except DataError as error:
        unknown = tuple(Refusal("unknown_risk", o.instrument.symbol, error.cause, "an account's value") for o in buys)
        return Ruling(sells, (*refusals, *unknown))
    allowed, cuts = _buys(stage, buys)
    return Ruling((*sells, *allowed), (*refusals, *cuts))


def _stage(
    policy: Policy,
    portfolio: Portfolio,
    market: Market,
    navs: Sequence[NavPoint],
    sells: Sequence[Order],
    day: DayUse,
    memory: Memory,
) -> Stage:
    """The account with the sells applied, which count and reserve their budget before any buy."""
    used = day
    for sell in sells:
        used = counted(used, portfolio, sell)
    book = read(policy, portfolio, market)
    return Stage(
        policy=policy,
        market=market,
        before=standing(policy, portfolio, market, navs, memory, book, history(market, book)),
        memory=memory,
        today=portfolio,
        then=after(_with_open_buys(portfolio, market), sells),
        proceeds=sum((o.notional * portfolio.rate(o.instrument.currency) for o in sells), Decimal(0)),
        bought=Decimal(0),
        used=used,
        book=book,
    )


def _with_open_buys(portfolio: Portfolio, market: Market) -> Portfolio:
    """Open buys as if they had filled; those of a name nobody knows stay open and tie up their cash."""
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


def _buys(stage: Stage, buys: Sequence[Order]) -> tuple[list[Order], list[Refusal]]:
    allowed: list[Order] = []
    refusals: list[Refusal] = []
    for order in buys:
        fits, refusal = judge(stage, order)
        if refusal is not None:
            refusals.append(refusal)
        if fits is not None:
            allowed.append(fits)
            stage = bought(stage, fits)
    return allowed, refusals
