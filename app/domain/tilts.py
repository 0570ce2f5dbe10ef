"""What rotations and reinforcements add to the policy's targets, and take from them, while they are in force."""

from collections.abc import Mapping
from decimal import Decimal

from app.domain.market import Trend
from app.domain.plan import Memory
from app.domain.policy import Policy, TrendFilter


def tilted_shares(
    policy: Policy, memory: Memory, gains: Mapping[int, float | None], trend: Trend | None
) -> Mapping[int, Decimal]:
    """Shares by conid: a rotation's until its period ends, a reinforcement's while the name stays a winner."""
    found = dict(memory.rotated) if rotation_lasts(policy, memory) else {}
    for conid, shares in memory.added.items():
        if stays_winner(policy, gains.get(conid), trend):
            found[conid] = found.get(conid, Decimal(0)) + shares
    return found


def rotation_lasts(policy: Policy, memory: Memory) -> bool:
    """The period of the newest rotation is not over."""
    rules, last = policy.strategies.sector_rotation, memory.last_rotation
    return rules.enabled and last is not None and last < rules.evaluation_sessions


def stays_winner(policy: Policy, gain: float | None, trend: Trend | None) -> bool:
    """What was added to it is left to it."""
    rules = policy.strategies.reinforce_winners
    if not rules.enabled or gain is None or gain < rules.trigger_gain:
        return False
    return trend is not Trend.BEAR or rules.require_trend is TrendFilter.ANY
