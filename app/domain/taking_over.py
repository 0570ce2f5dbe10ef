"""Whether an account is being taken over: the weeks in which a book that is older than the policy is worked off."""

from app.domain.adoption import WEEK, mode_of
from app.domain.plan import Memory
from app.domain.policy import AdoptionMode, Policy

# Smallest orders that a sale and a purchase come to.
PAIR = 2.2


def is_on_its_way(policy: Policy, memory: Memory) -> bool:
    """What an account is taken over with goes its way to the targets, whatever the calendar says, until it is there.

    What limits, minimum holding and order sizes hold up for so long is left to the calendar in the end.
    """
    adoption = memory.adoption
    return adoption is not None and not memory.settled and memory.adopted < 2 * WEEK * policy.adoption.weeks


def is_taking_over(policy: Policy, memory: Memory) -> bool:
    """On its way, with a book that is worked off a little a day."""
    adoption = memory.adoption
    if adoption is None or not adoption.has_book or mode_of(policy, adoption) is AdoptionMode.NOW:
        return False
    return is_on_its_way(policy, memory)


def sessions_left(policy: Policy, memory: Memory, *, in_time: bool) -> int:
    """Over which what is left is spread: to the end of the weeks, `in_time` for what is to be gone by then.

    Else no fewer than two weeks, so that none ends in a rush.
    """
    weeks = WEEK * policy.adoption.weeks
    if memory.adopted >= weeks:
        return 1 if in_time else weeks
    return max(1 if in_time else 2 * WEEK, weeks - memory.adopted)
