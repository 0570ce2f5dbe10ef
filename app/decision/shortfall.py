"""What a plan leaves short of the targets, and what keeps it there. Must never change a plan."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.decision.aims import belongs, labels, out_of_reach
from app.decision.situation import Situation
from app.domain.evaluation import Drift
from app.domain.order import Order
from app.domain.ruling import Refusal
from app.domain.sizing import HEADROOM
from app.domain.tolerance import TOLERANCE, by_size
from app.domain.totals import total_of

# A gap smaller than this comes of whole shares.
NEAR = 0.005
MOST = 20


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A target that is not met after the orders; weights as fractions of NAV, `reasons` in words."""

    kind: str
    name: str
    target: float
    attainable: float
    after: float
    reasons: tuple[str, ...]


def shortfalls(situation: Situation, orders: Sequence[Order], refusals: Sequence[Refusal]) -> tuple[Shortfall, ...]:
    """Targets that the orders leave off, the farthest first; reasons for ever first, then those of the day."""
    traded: defaultdict[tuple[str, str], float] = defaultdict(float)
    for order in orders:
        for kind, label in labels(situation, order.instrument).items():
            traded[kind, label] += order.side.sign * situation.base_value(order) / situation.nav
    ends = [(drift, drift.weight + traded[drift.kind, drift.name]) for drift in situation.evaluation.drifts]
    off = [(drift, after) for drift, after in ends if abs(after - drift.target) > NEAR]
    farthest = sorted(off, key=lambda pair: (-by_size(abs(pair[1] - pair[0].target)), pair[0].name))[:MOST]
    return tuple(
        Shortfall(
            drift.kind,
            drift.name,
            drift.target,
            drift.attainable,
            after,
            (*out_of_reach(situation, drift), *_today(situation, drift, after, orders, refusals)),
        )
        for drift, after in farthest
    )


def _today(
    situation: Situation, drift: Drift, after: float, orders: Sequence[Order], refusals: Sequence[Refusal]
) -> tuple[str, ...]:
    """Why the day ends off what can be attained."""
    gap, rules = after - drift.attainable, situation.policy
    if abs(gap) <= NEAR:
        return ()
    if refusals:
        inside = {i.symbol for i in situation.market.instruments.values() if belongs(situation, drift, i)}
        cut = tuple(str(refusal) for refusal in refusals if refusal.symbol in inside)
        if cut:
            return cut
    if (
        gap > 0
        and any(order.mandatory for order in orders)
        and not any(belongs(situation, drift, position.instrument) for position in situation.without_exit)
    ):
        return ("nothing is left of it to sell but what the mandatory sales leave",)
    used = total_of(situation.base_value(order) for order in orders) / situation.nav
    if used > rules.execution.max_turnover - HEADROOM:
        return (f"max_turnover: {used:.1%} of NAV is traded today, limit {rules.execution.max_turnover:.1%}",)
    if gap < 0 and not situation.evaluation.risk_may_rise:
        return ("nothing is bought while a limited metric is unknown",)
    if abs(drift.difference) <= rules.allocation.drift_threshold + TOLERANCE:
        return (f"the drift is within the threshold of {rules.allocation.drift_threshold:.1%}",)
    return ("limits, cash, order sizes and what was traded recently leave no more",)
