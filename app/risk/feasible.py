"""What is left of a plan inside every limit. It only shrinks a plan, and a plan of nothing but what must go is none."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.market import Market
from app.domain.navs import NavPoint
from app.domain.plan import Action, Memory, Plan
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse, KillLevel, Refusal
from app.risk.after import post_trade
from app.risk.gate import gate
from app.risk.restraint import restrain


def feasible(
    policy: Policy,
    portfolio: Portfolio,
    market: Market,
    navs: Sequence[NavPoint],
    wanted: Plan,
    day: DayUse,
    level: KillLevel,
    memory: Memory,
) -> tuple[Plan | None, tuple[Refusal, ...]]:
    """(the plan restrained, through the gate and with its post-trade numbers; what was cut from it and why).

    None for a plan other than HOLD of which only mandatory orders are left.
    """
    plan, cut = restrain(policy, portfolio, market, wanted)
    ruling = gate(policy, portfolio, market, navs, plan.orders, day, level, memory)
    refusals = (*cut, *ruling.refusals)
    if plan.action is not Action.HOLD and all(order.mandatory for order in ruling.allowed):
        return None, refusals
    then = post_trade(policy, portfolio, market, navs, ruling.allowed)
    return replace(plan, orders=ruling.allowed, post_trade=then), refusals
