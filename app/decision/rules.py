"""The choice that the rules make, alone or in a model's place, and the plans that may be chosen from at all."""

from collections.abc import Mapping, Sequence

from app.domain.evaluation import Evaluation, Metric, Severity
from app.domain.plan import Action, Choice, Plan
from app.domain.policy import Policy
from app.domain.tolerance import TOLERANCE

# A drawdown or a day's loss is past: no plan cures it, so that none is preferred for it.
_PAST = frozenset({"drawdown", "daily_loss"})
_ORDER = (
    (Action.CUT_LOSERS, None),
    (Action.REBALANCE, True),
    (Action.ROTATE, None),
    (Action.REINFORCE, None),
    (Action.REBALANCE, False),
)


def rules(policy: Policy, evaluation: Evaluation, plans: Sequence[Plan]) -> Choice:
    """CUT_LOSERS, REBALANCE on a breach, ROTATE, REINFORCE, REBALANCE on drift, HOLD: the first that is there.

    A plan that adds nothing to the mandatory exits is HOLD under another name and is passed over. Raises ValueError
    where HOLD is missing.
    """
    chosen = _first(plans)
    return Choice(chosen.id, _rationale(policy, evaluation, chosen), chosen_by="rules")


def offered(policy: Policy, evaluation: Evaluation, plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """Without HOLD while a CRITICAL breach outlasts the mandatory exits, unless the rules would choose HOLD."""
    hold = _hold(plans)
    critical = [m for m in evaluation.metrics if m.acting is Severity.CRITICAL and m.name not in _PAST]
    outlasts = [m for m in critical if not _cured(m, hold)]
    if not outlasts or _first(plans) is hold:
        return tuple(plans)
    return tuple(plan for plan in plans if plan is not hold)


def _hold(plans: Sequence[Plan]) -> Plan:
    for plan in plans:
        if plan.action is Action.HOLD:
            return plan
    raise ValueError("HOLD is not among the plans")


def _first(plans: Sequence[Plan]) -> Plan:
    hold = _hold(plans)
    adding = [plan for plan in plans if any(not order.mandatory for order in plan.orders)]
    for action, on_breach in _ORDER:
        for plan in adding:
            if plan.action is action and on_breach in {None, plan.on_breach}:
                return plan
    return hold


def _cured(metric: Metric, hold: Plan) -> bool:
    """The limit is met after the mandatory exits; what is not known is not cured."""
    after: Mapping[str, float | None] = hold.post_trade.metrics if hold.post_trade is not None else {}
    value = after.get(metric.name)
    if value is None or metric.limit is None:
        return False
    return value >= metric.limit - TOLERANCE if metric.floor else value <= metric.limit + TOLERANCE


def _rationale(policy: Policy, evaluation: Evaluation, plan: Plan) -> str:
    if plan.action is Action.HOLD and not plan.orders:
        return f"No action is called for under {policy.name}: {_state(evaluation)}."
    mandatory = sorted({order.instrument.symbol for order in plan.orders if order.mandatory})
    if plan.action is Action.HOLD or not mandatory:
        return f"{plan.reason}."
    return f"{plan.reason}. Mandatory exits go with it: {', '.join(mandatory)}."


def _state(evaluation: Evaluation) -> str:
    """The limited metric that is nearest to its limit, and what is beyond one from before the adoption."""
    inherited = [m for m in evaluation.metrics if m.is_inherited]
    known = [(m, m.value, m.limit) for m in evaluation.metrics if m.value is not None and m.limit]
    known = [one for one in known if one[0] not in inherited]
    before = ", ".join(f"{m.name} {m.value:.1%}" for m in inherited)
    worked_off = f"; from before and worked off: {before}" if before else ""
    if not known:
        return f"no limited metric is known{worked_off}"
    metric, value, limit = max(
        known, key=lambda one: one[2] / max(one[1], TOLERANCE) if one[0].floor else one[1] / one[2]
    )
    bound = "floor" if metric.floor else "limit"
    return f"nearest to its limit is {metric.name} at {value:.1%}, {bound} {limit:.1%}{worked_off}"
