"""A tie-break between sales that serve a goal equally well: which names go first, never whether or how much goes."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.decision.situation import Situation
from app.domain.order_size import largest_order
from app.domain.policy import Preference
from app.domain.totals import total_of

# Thirty calendar days have at most so many sessions. A loss that a purchase puts off is none to prefer.
WINDOW_SESSIONS = 22


@dataclass(frozen=True, slots=True)
class Tie:
    """Conids that go `first`; `most` and `least` that one name's order of today can be, as fractions of NAV."""

    first: frozenset[int]
    most: Mapping[int, float]
    least: float


def tie_of(situation: Situation) -> Tie | None:
    """None where the policy prefers nothing."""
    if situation.policy.tax.prefer is Preference.NONE:
        return None
    bought, portfolio = situation.memory.bought, situation.portfolio
    held = [position.instrument for position in situation.without_exit]
    rules, nav = situation.policy.execution, situation.evaluation.nav
    return Tie(
        frozenset(
            one.conid
            for one in held
            if (portfolio.gains.get(one.conid) or 0.0) < 0 and bought.get(one.conid, WINDOW_SESSIONS) >= WINDOW_SESSIONS
        ),
        {one.conid: float(largest_order(rules, nav, situation.traded(one)) / nav) for one in held},
        float(situation.least / nav),
    )


def prefer(weights: Mapping[int, float], excess: float, tie: Tie) -> dict[int, float]:
    """What of `excess` each of equal names gives: those that go first as far as one order goes, the others pro rata.

    All pro rata where a rest would be too small to be sold: the sum is the same.
    """
    total = total_of(weights.values())
    part = min(1.0, excess / total) if total > 0 else 0.0
    shares = {conid: weight * part for conid, weight in weights.items()}
    rooms = {
        conid: min(weights[conid], max(share, tie.most.get(conid, 0.0))) - share
        for conid, share in shares.items()
        if conid in tie.first
    }
    room, others = total_of(rooms.values()), total_of(s for conid, s in shares.items() if conid not in rooms)
    moved = min(room, others)
    if moved <= 0:
        return shares
    found = {
        conid: share + rooms[conid] * moved / room if conid in rooms else share * (1 - moved / others)
        for conid, share in shares.items()
    }
    return shares if any(0 < value < tie.least for value in found.values()) else found
