"""The one search for how much of an order passes."""

from collections.abc import Callable


def largest_passing(lots: int, passes: Callable[[int], bool]) -> int:
    """The largest number of lots below `lots` that passes, where all `lots` do not; 0 where none does."""
    most, fails = 0, lots
    while fails - most > 1:
        middle = (most + fails) // 2
        if passes(middle):
            most = middle
        else:
            fails = middle
    return most
