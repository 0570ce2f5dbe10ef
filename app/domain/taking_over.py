"""Whether an account is being taken over: the weeks in which a book that is older than the policy is worked off."""

from app.domain.adoption import WEEK, mode_of
from app.domain.plan import Memory
from app.domain.policy import AdoptionMode, Policy

# Smallest orders that a sale and a purchase come to.
PAIR = 2.2


def in_first_weeks(policy: Policy, memory: Memory) -> bool:
    """What an account is taken over with goes its way to the targets, whatever the calendar says."""
    return memory.adoption is not None and memory.adopted < WEEK * policy.adoption.weeks


def is_taking_over(policy: Policy, memory: Memory) -> bool:
    """In those weeks, and there is a book that is worked off a little a day."""
    adoption = memory.adoption
    if adoption is None or not adoption.has_book or mode_of(policy, adoption) is AdoptionMode.NOW:
        return False
    return in_first_weeks(policy, memory)


def sessions_left(policy: Policy, memory: Memory) -> int:
    """Of those weeks, today included."""
    return max(1, WEEK * policy.adoption.weeks - memory.adopted)
