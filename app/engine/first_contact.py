"""What each way of taking an account over would do with it today, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from app.domain.commission import commission
from app.domain.order import Order, Side
from app.domain.policy import AdoptionMode, Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse, KillLevel
from app.domain.universe import is_legacy
from app.engine.day import decide
from app.risk import Today


@dataclass(frozen=True, slots=True)
class ModeOutcome:
    """Of one mode: the orders that the rules would choose today; amounts in base currency.

    `realized_gain` at the broker's average cost, None where one is not known; `commission` is an estimate. `stays` are
    the symbols of which nothing is sold, and `inherited` breaches with how far each is over its limit.
    """

    mode: AdoptionMode
    orders: tuple[Order, ...]
    turnover: Decimal
    commission: Decimal
    realized_gain: Decimal | None
    stays: tuple[str, ...]
    inherited: Mapping[str, float]


def mode_outcomes(today: Today, use: DayUse, level: KillLevel) -> tuple[ModeOutcome, ...]:
    """Every mode, as if it had been chosen. Raises ValueError for an account that nobody takes over."""
    return tuple(_outcome(today, use, level, mode) for mode in AdoptionMode)


def legacy_names(policy: Policy, portfolio: Portfolio) -> tuple[str, ...]:
    """Held outside the universe: sold by exits alone, unless the mode says otherwise."""
    held = (position.instrument for position in portfolio.positions)
    return tuple(sorted(instrument.symbol for instrument in held if is_legacy(policy, instrument)))


def _outcome(today: Today, use: DayUse, level: KillLevel, mode: AdoptionMode) -> ModeOutcome:
    adoption = today.memory.adoption
    if adoption is None:
        raise ValueError("nobody takes this account over")
    memory = replace(today.memory, adoption=replace(adoption, mode=mode))
    decided = decide(replace(today, memory=memory), use, level)
    orders, portfolio = decided.chosen.orders, today.portfolio
    sold = {order.instrument.conid for order in orders if order.side is Side.SELL}
    return ModeOutcome(
        mode=mode,
        orders=orders,
        turnover=sum((_in_base(portfolio, order, order.notional) for order in orders), Decimal(0)),
        commission=sum((_in_base(portfolio, order, _fee(order)) for order in orders), Decimal(0)),
        realized_gain=_realized(portfolio, orders),
        stays=tuple(sorted(p.instrument.symbol for p in portfolio.positions if p.instrument.conid not in sold)),
        inherited=decided.evaluation.inherited,
    )


def _fee(order: Order) -> Decimal:
    return commission(order.quantity, order.quantity * order.reference_price)


def _realized(portfolio: Portfolio, orders: tuple[Order, ...]) -> Decimal | None:
    total = Decimal(0)
    for order in orders:
        position = portfolio.position(order.instrument.conid)
        if order.side is Side.BUY or position is None:
            continue
        if not position.average_cost > 0:
            return None
        total += _in_base(portfolio, order, order.quantity * (order.reference_price - position.average_cost))
    return total


def _in_base(portfolio: Portfolio, order: Order, amount: Decimal) -> Decimal:
    return amount * portfolio.rate(order.instrument.currency)
