"""The plans of the day: one per action that has a trigger, and HOLD. Every one contains the mandatory sales.

Must never offer an order that a limit forbids. The gate, which knows the statistics after a trade, has the last word.
"""

from dataclasses import replace

from app.decision.mandatory import mandatory_orders, words
from app.decision.rebalance import rebalance
from app.decision.rotation import rotate
from app.decision.situation import Situation
from app.decision.strategies import cut_losers, reinforce
from app.domain.evaluation import Evaluation
from app.domain.market import Market
from app.domain.plan import Action, Memory, Plan
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio

MOST_PLANS = 6
NOTHING_TO_DO = Plan(Action.HOLD, (), "Nothing is due")


def situation_of(
    policy: Policy, portfolio: Portfolio, market: Market, evaluation: Evaluation, memory: Memory
) -> Situation:
    """The day's inputs with the mandatory sales."""
    return with_mandatory(Situation(policy, portfolio, market, evaluation, memory))


def with_mandatory(situation: Situation) -> Situation:
    """With the sales that every plan contains."""
    due = mandatory_orders(situation)
    return replace(situation, mandatory=due) if due else situation


def plans(
    policy: Policy, portfolio: Portfolio, market: Market, evaluation: Evaluation, memory: Memory
) -> tuple[Plan, ...]:
    """At most six, in the order of the actions' precedence, HOLD last and always there."""
    return plans_of(situation_of(policy, portfolio, market, evaluation, memory))


def plans_of(situation: Situation) -> tuple[Plan, ...]:
    """The same of a situation with its mandatory sales."""
    found = [strategy(situation) for strategy in (cut_losers, rotate, reinforce, rebalance)]
    offered = [_within_count(situation, plan) for plan in found if plan is not None]
    adding = [plan for plan in offered if len(plan.orders) > len(situation.mandatory)]
    return (*adding, _hold(situation))[-MOST_PLANS:]


def _within_count(situation: Situation, plan: Plan) -> Plan:
    """Mandatory orders all stay; of the others as many as the day allows, sells first."""
    left = max(0, situation.policy.execution.max_orders_per_day - len(situation.mandatory))
    most = len(situation.mandatory) + left
    return plan if len(plan.orders) <= most else replace(plan, orders=plan.orders[:most])


def _hold(situation: Situation) -> Plan:
    due = situation.evaluation.exits_due
    if not due:
        return NOTHING_TO_DO
    named = ", ".join(f"{exit.symbol} {exit.rule} ({words(exit)})" for exit in due)
    return Plan(Action.HOLD, situation.mandatory, f"Mandatory exits only: {named}")
