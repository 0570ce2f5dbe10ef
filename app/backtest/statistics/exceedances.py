"""Whether losses went beyond the value at risk as often as they should. Source: Kupiec, 1995."""

import math


def kupiec(days: int, exceeded: int, expected: float = 0.05) -> float | None:
    """Probability of a share at least as far from the expected one, if that were the true one; None without days."""
    if days < 1:
        return None
    share = exceeded / days

    def likelihood(p: float) -> float:
        missed = 0.0 if days == exceeded else (days - exceeded) * math.log(1 - p)
        return missed + (0.0 if exceeded == 0 else exceeded * math.log(p))

    statistic = -2 * (likelihood(expected) - likelihood(share))
    return math.erfc(math.sqrt(max(0.0, statistic) / 2))
