"""Whether an account is being taken over: the weeks in which a book that is older than the policy is worked off."""

from app.domain.adoption import WEEK, mode_of
from app.domain.plan import Memory
from app.domain.policy import AdoptionMode, Policy

# Smallest orders that a sale and a purchase come to.
PAIR = 2.2

def is_taking_over(policy: Policy, memory: Memory) -> bool:
    """The weeks of the adoption are not over, and there was a book to take over."""
    adoption = memory.adoption
    if adoption is None or not adoption.has_book or mode_of(policy, adoption) is AdoptionMode.NOW:
        return False
    return memory.adopted < WEEK * policy.adoption.weeks


def sessions_left(policy: Policy, memory: Memory) -> int:
    """Of those weeks, today included."""
    return max(1, WEEK * policy.adoption.weeks - memory.adopted)
