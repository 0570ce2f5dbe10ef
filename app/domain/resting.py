"""Which names are not bought for a while after a sale."""

from app.domain.plan import Memory
from app.domain.policy import Policy


def resting(policy: Policy, memory: Memory) -> frozenset[int]:
    """Conids sold at a loss within the cool-down, or sold by anything within the minimum holding."""
    rules = policy.strategies
    lost = (conid for conid, ago in memory.sold_at_loss.items() if ago < rules.cool_down_sessions)
    sold = (conid for conid, ago in memory.sold.items() if ago < rules.min_holding_sessions)
    return frozenset((*lost, *sold))
