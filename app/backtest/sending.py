"""What the executor does with each order of a plan before it goes, one after the other: a limit on the price grid, the
gate once more at that price and after what went before, and a preview of what it costs.

What is bought is a little less than was planned, or nothing where the commission is too much of it.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from app.broker.paper.book import CommissionPlan
from app.broker.paper.valuation import Valuation
from app.domain.instrument import ContractRules, Increment
from app.domain.order import Order, Side, WhatIf
from app.domain.portfolio import Portfolio
from app.domain.pricing import limit_price
from app.domain.ruling import DayUse, KillLevel, Refusal
from app.risk import Today, after, gate, what_if_refusal

# United States exchanges: whole cents, and hundredths of them below a dollar.
_GRID = (Increment(Decimal(0), Decimal("0.0001")), Increment(Decimal(1), Decimal("0.01")))


def send(
    today: Today, planned: Iterable[Order], level: KillLevel, commission: CommissionPlan
) -> tuple[Order | None, ...]:
    """Each as it goes to the broker, None where it is refused; `planned` in their turn.

    Those before are taken to have filled at the price that they were decided on.
    """
    sent: list[Order | None] = []
    use = DayUse()
    for order in planned:
        ready = _ready(today, order, use, level, commission)
        sent.append(ready)
        if ready is None:
            continue
        portfolio = today.portfolio
        value = ready.notional * portfolio.rate(ready.instrument.currency)
        use = DayUse(use.orders + 1, use.turnover + value)
        today = replace(today, portfolio=after(portfolio, (replace(ready, limit_price=ready.reference_price),)))
    return tuple(sent)


def _ready(today: Today, order: Order, use: DayUse, level: KillLevel, commission: CommissionPlan) -> Order | None:
    """None where it is refused."""
    policy, conid = today.policy, order.instrument.conid
    quote = today.market.quotes.get(conid)
    if quote is None:
        return None
    limit = limit_price(policy, order.side, quote, ContractRules(conid, _GRID))
    if isinstance(limit, Refusal):
        return None
    ruling = gate(today, (replace(order, limit_price=limit, reference_price=quote.price),), use, level)
    if not ruling.allowed:
        return None
    allowed = ruling.allowed[0]
    if allowed.side is Side.BUY and what_if_refusal(policy, allowed, _preview(today.portfolio, allowed, commission)):
        return None
    return allowed


def _preview(portfolio: Portfolio, order: Order, commission: CommissionPlan) -> WhatIf:
    """What a purchase costs in its currency, and does to the account in base."""
    rate, value = portfolio.rate(order.instrument.currency), order.notional
    fee = commission.charge(order.quantity, value)
    stocks = sum((portfolio.value(one) for one in portfolio.positions), Decimal(0))
    margin = Valuation(Decimal(0), Decimal(0), stocks, (portfolio.account_type or "").lower() == "margin")
    return WhatIf(
        amount=value,
        commission=fee,
        equity_after=portfolio.nav - fee * rate,
        initial_margin_after=margin.initial_margin(stocks + value * rate),
        maintenance_margin_after=margin.maintenance_margin(stocks + value * rate),
    )
