"""What is left of a plan inside every limit. It only shrinks a plan, and a plan of nothing but what must go is none."""

from app.domain.plan import Action, Plan
from app.domain.ruling import DayUse, KillLevel, Refusal
from app.risk.after import post_trade
from app.risk.gate import gate
from app.risk.restraint import restrain
from app.risk.today import Today


def feasible(today: Today, wanted: Plan, day: DayUse, level: KillLevel) -> tuple[Plan | None, tuple[Refusal, ...]]:
    """(the plan restrained, through the gate and with its post-trade numbers; what was cut from it and why).

    None for a plan other than HOLD of which only mandatory orders are left.
    """
    plan, cut = restrain(today, wanted)
    ruling = gate(today, plan.orders, day, level)
    refusals = (*cut, *ruling.refusals)
    if plan.action is not Action.HOLD and all(order.mandatory for order in ruling.allowed):
        return None, refusals
    then = post_trade(today, ruling.allowed)
    return Plan(plan.action, ruling.allowed, plan.reason, plan.on_breach, then), refusals
