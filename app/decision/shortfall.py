"""What a plan leaves short of the targets, and what keeps it there. Must never change a plan."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.decision.situation import Situation
from app.domain.evaluation import Drift
from app.domain.instrument import Instrument
from app.domain.order import Order
from app.domain.ruling import Refusal
from app.domain.sizing import HEADROOM
from app.domain.tolerance import TOLERANCE
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
        for kind, label in _labels(situation, order.instrument).items():
            traded[kind, label] += order.side.sign * situation.base_value(order) / situation.nav
    ends = [(drift, drift.weight + traded[drift.kind, drift.name]) for drift in situation.evaluation.drifts]
    off = [(drift, after) for drift, after in ends if abs(after - drift.target) > NEAR]
    farthest = sorted(off, key=lambda pair: (-abs(pair[1] - pair[0].target), pair[0].name))[:MOST]
    return tuple(
        Shortfall(
            drift.kind,
            drift.name,
            drift.target,
            drift.attainable,
            after,
            (*_out_of_reach(situation, drift), *_today(situation, drift, after, orders, refusals)),
        )
        for drift, after in farthest
    )


def _labels(situation: Situation, instrument: Instrument) -> dict[str, str]:
    """Kind of drift → the group of that kind that the name is in."""
    return {
        "asset_class": instrument.asset_class.value,
        "sector": situation.sector(instrument),
        "name": instrument.symbol,
    }


def _belongs(situation: Situation, drift: Drift, instrument: Instrument) -> bool:
    return _labels(situation, instrument)[drift.kind] == drift.name


def _out_of_reach(situation: Situation, drift: Drift) -> tuple[str, ...]:
    """Why the attainable target is not the policy's own."""
    if abs(drift.attainable - drift.target) <= TOLERANCE:
        return ()
    if drift.attainable > drift.target:
        return ("names that must not be ordered today hold it there",)
    if not any(_belongs(situation, drift, instrument) for instrument in situation.evaluation.eligible):
        return ("no name of it may be bought today; its share stays in cash",)
    caps, alike = situation.evaluation.caps, [d for d in situation.evaluation.drifts if d.kind == drift.kind]
    tightest = min(caps, key=lambda cap: cap.limit)
    if total_of(d.target for d in alike) > tightest.limit - HEADROOM + TOLERANCE:
        return (f"{tightest.rule} allows {tightest.limit:.1%} to be invested, and one point is kept free",)
    return (f"the limits of its names and of the group leave room for {drift.attainable:.1%}",)


def _today(
    situation: Situation, drift: Drift, after: float, orders: Sequence[Order], refusals: Sequence[Refusal]
) -> tuple[str, ...]:
    """Why the day ends off what can be attained."""
    gap, rules = after - drift.attainable, situation.policy
    if abs(gap) <= NEAR:
        return ()
    if refusals:
        inside = {i.symbol for i in situation.market.instruments.values() if _belongs(situation, drift, i)}
        cut = tuple(str(refusal) for refusal in refusals if refusal.symbol in inside)
        if cut:
            return cut
    if (
        gap > 0
        and any(order.mandatory for order in orders)
        and not any(_belongs(situation, drift, position.instrument) for position in situation.without_exit)
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
