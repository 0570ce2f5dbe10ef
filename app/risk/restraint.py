"""Discretionary sales that would take a hedge away, cut back: what they leave is no riskier than without them.

A name that moves against the others lowers what the whole can lose, and its sale raises it. Must never touch a
mandatory sale: nothing holds an exit back that is due.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from app.domain.errors import InsufficientHistory
from app.domain.order import Order, Side
from app.domain.order_size import smallest_order
from app.domain.plan import Action, Plan
from app.domain.ruling import Refusal
from app.domain.sizing import ZERO, whole
from app.domain.tolerance import TOLERANCE
from app.risk.after import after
from app.risk.bisection import largest_passing
from app.risk.limits import statistic_limits
from app.risk.today import Today

Bounds = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Remainder:
    """What a plan's mandatory sales leave of the account, and what its other sales would make of that."""

    today: Today
    mandatory: Sequence[Order]

    def statistics(self, sales: Sequence[Order]) -> Mapping[str, float]:
        """After those sales; empty where they are not known, for then nothing can be said of a sale."""
        then = after(self.today.portfolio, [*self.mandatory, *sales])
        found = replace(self.today, portfolio=then).limited_statistics
        return {} if isinstance(found, InsufficientHistory) else found

    def beyond(self, sales: Sequence[Order], bounds: Bounds) -> str | None:
        """The first statistic that those sales take over its bound."""
        found = self.statistics(sales)
        return next((name for name in found if not found[name] <= bounds[name] + TOLERANCE), None)

    def value(self, order: Order) -> Decimal:
        """Base currency."""
        return order.notional * self.today.portfolio.rate(order.instrument.currency)


def restrain(today: Today, plan: Plan) -> tuple[Plan, tuple[Refusal, ...]]:
    """(the plan with its discretionary sales cut, what was cut).

    They take no statistic over its limit, and none that was over it farther: measured from what the mandatory sales
    leave. A rotation that sells less buys less.
    """
    wanted = [order for order in plan.orders if order.side is Side.SELL and not order.mandatory]
    if not wanted:
        return plan, ()
    remainder = Remainder(today, [order for order in plan.orders if order.mandatory])
    limits = statistic_limits(today.policy)
    if remainder.beyond(wanted, limits) is None:
        return plan, ()
    now = remainder.statistics(())
    bounds = {name: max(limit, now.get(name, limit)) for name, limit in limits.items()}
    if remainder.beyond(wanted, bounds) is None:
        return plan, ()
    kept, refusals = _cut(remainder, bounds, wanted)
    return _with_sales(remainder, plan, wanted, kept), refusals


def _cut(remainder: Remainder, bounds: Bounds, wanted: Sequence[Order]) -> tuple[list[Order], tuple[Refusal, ...]]:
    """(what may be sold, what may not): those that calm the whole first, of each as much as the bounds allow."""

    def rank(order: Order) -> tuple[float, str, int]:
        return remainder.statistics((order,)).get("annual_volatility", 0.0), order.instrument.symbol, order.leg

    kept: list[Order] = []
    refusals: list[Refusal] = []
    least = smallest_order(remainder.today.policy.execution, remainder.today.portfolio.nav)
    for order in sorted(wanted, key=rank):
        rule = remainder.beyond([*kept, order], bounds)
        if rule is None:
            kept.append(order)
            continue
        reached = remainder.statistics([*kept, order])[rule]
        part = replace(order, quantity=_largest(remainder, bounds, kept, order))
        worth_it = part.quantity > 0 and remainder.value(part) >= least
        kept += [part] if worth_it else []
        largest = part.quantity if worth_it else ZERO
        text = f"{reached:.4f} once {order.quantity} are sold"
        refusals.append(Refusal(rule, order.instrument.symbol, text, f"{bounds[rule]:.4f}", largest))
    return kept, tuple(refusals)


def _largest(remainder: Remainder, bounds: Bounds, kept: Sequence[Order], order: Order) -> Decimal:
    """The largest part in whole lots that stays within the bounds; 0 where none does."""
    lot = remainder.today.market.lot(order.instrument.conid) or Decimal(1)

    def stays(lots: int) -> bool:
        return remainder.beyond([*kept, replace(order, quantity=lots * lot)], bounds) is None

    return largest_passing(int(order.quantity / lot), stays) * lot


def _with_sales(remainder: Remainder, plan: Plan, wanted: Sequence[Order], kept: Sequence[Order]) -> Plan:
    """The plan with those sales; a rotation's buys in proportion, for they are what its sales pay for."""
    share = Decimal(1)
    if plan.action is Action.ROTATE:
        share = sum(map(remainder.value, kept), ZERO) / sum(map(remainder.value, wanted), ZERO)
    sold = {(order.instrument.conid, order.leg): order for order in kept}
    orders: list[Order] = []
    for order in plan.orders:
        if order.mandatory:
            orders.append(order)
        elif order.side is Side.SELL:
            orders += [sold[key]] if (key := (order.instrument.conid, order.leg)) in sold else []
        elif (count := whole(order.quantity * share)) > 0:
            orders.append(replace(order, quantity=count))
    return replace(plan, orders=tuple(orders))
