"""What is left of a plan inside every limit. It only shrinks a plan, and a plan of nothing but what must go is none."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.legs import alone, paired
from app.domain.order import Order
from app.domain.order_size import smallest_order
from app.domain.plan import Action, Plan
from app.domain.ruling import DayUse, KillLevel, Refusal, Ruling
from app.risk.after import post_trade
from app.risk.gate import gate
from app.risk.restraint import restrain
from app.risk.today import Today

# Sales of these are made to pay for something.
_TWO_LEGGED = frozenset({Action.ROTATE, Action.REBALANCE})
# Sales that pay for less and less come to an end.
_ROUNDS = 4


def feasible(today: Today, wanted: Plan, day: DayUse, level: KillLevel) -> tuple[Plan | None, tuple[Refusal, ...]]:
    """(the plan restrained, through the gate and with its post-trade numbers; what was cut from it and why).

    None for a plan other than HOLD of which only mandatory orders are left. A sale that was to pay for what the gate
    cut is cut with it.
    """
    plan, cut = restrain(today, wanted)
    ruling = gate(today, plan.orders, day, level)
    refusals = (*cut, *ruling.refusals)
    if plan.action in _TWO_LEGGED:
        ruling = _paired(today, plan, ruling, day, level)
    if plan.action is not Action.HOLD and all(order.mandatory for order in ruling.allowed):
        return None, refusals
    then = post_trade(today, ruling.allowed)
    return replace(plan, orders=ruling.allowed, post_trade=then), refusals


def _paired(today: Today, plan: Plan, ruling: Ruling, day: DayUse, level: KillLevel) -> Ruling:
    """Until the gate leaves as much of the purchases as the sales are for."""
    portfolio, least = today.portfolio, smallest_order(today.policy.execution, today.portfolio.nav)

    def left(orders: Sequence[Order]) -> tuple[Order, ...]:
        return paired(orders, plan.own_sales, portfolio, least)

    for _ in range(_ROUNDS):
        orders = left(ruling.allowed)
        if orders == ruling.allowed:
            return ruling
        ruling = gate(today, orders, day, level)
    return gate(today, alone(ruling.allowed, plan.own_sales, portfolio, least), day, level)
