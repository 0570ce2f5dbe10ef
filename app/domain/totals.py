"""Sums of floats that come out the same on every Python: `sum` keeps what rounding loses since 3.12, and not before."""

from collections.abc import Iterable
from functools import reduce
from operator import add


def total_of(numbers: Iterable[float]) -> float:
    """One after the other, each time rounded."""
    return reduce(add, numbers, 0.0)
