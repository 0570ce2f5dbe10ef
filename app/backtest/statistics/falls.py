"""The largest fall of a path put together of pieces of another, without walking it.

Of every stretch of points whose length is a power of two it is known how high and how low it goes and how far it falls;
any piece is the union of two such stretches. What falls from one into the other is the highest point that only the
first has against the lowest that only the second has.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.domain.market import Array

Places = NDArray[np.intp]


@dataclass(frozen=True)
class Falls:
    """Of points; row k is of the stretches of 2**k points that begin at each. Shape: [levels, points] each."""

    highest: Array = field(repr=False)
    lowest: Array = field(repr=False)
    fall: Array = field(repr=False)

    def high(self, first: Places, last: Places) -> Array:
        """Of the pieces between two points, both included."""
        level, second = _cover(first, last)
        return np.maximum(self.highest[level, first], self.highest[level, second])

    def low(self, first: Places, last: Places) -> Array:
        """The same the other way."""
        level, second = _cover(first, last)
        return np.minimum(self.lowest[level, first], self.lowest[level, second])

    def within(self, first: Places, last: Places) -> Array:
        """How far each piece falls from an earlier point to a later one."""
        level, second = _cover(first, last)
        found = np.maximum(self.fall[level, first], self.fall[level, second])
        # Points of the first stretch alone are as many as points of the second alone; none where one covers all.
        alone = second > first
        only_first = np.where(alone, second - 1, first)
        only_second = np.where(alone, first + (1 << level), last)
        between = self.high(first, only_first) - self.low(only_second, last)
        result: Array = np.where(alone, np.maximum(found, between), found)
        return result


def falls_of(points: Array) -> Falls:
    """Shape: [points]."""
    highest, lowest, fall = [points], [points], [np.zeros_like(points)]
    span = 1
    while 2 * span <= len(points):
        high, low, deep = highest[-1], lowest[-1], fall[-1]
        # Stretches that would run over the end repeat what is there; nobody asks for them.
        at = np.minimum(np.arange(len(points)) + span, len(points) - 1)
        fall.append(np.maximum(np.maximum(deep, deep[at]), high - low[at]))
        highest.append(np.maximum(high, high[at]))
        lowest.append(np.minimum(low, low[at]))
        span *= 2
    return Falls(np.stack(highest), np.stack(lowest), np.stack(fall))


def largest_fall(falls: Falls, points: Array, starts: Places, ends: Places) -> Array:
    """Of each path that is put together of the pieces from one point to the other, one a column; its start counts.

    Shape: starts and ends [paths, pieces] → [paths], in the unit of `points`.
    """
    moved = points[ends] - points[starts]
    entered = np.cumsum(moved, axis=1) - moved
    peaks = np.maximum.accumulate(entered + falls.high(starts, ends) - points[starts], axis=1)
    before = np.concatenate((np.zeros((len(starts), 1)), np.maximum(peaks[:, :-1], 0.0)), axis=1)
    across = before - (entered + falls.low(starts, ends) - points[starts])
    result: Array = np.maximum(across, falls.within(starts, ends)).max(axis=1)
    return result


def _cover(first: Places, last: Places) -> tuple[Places, Places]:
    """(level of the longest stretches that fit, where the one begins that ends with the piece)."""
    level = (np.frexp((last - first + 1).astype(np.float64))[1] - 1).astype(np.intp)
    return level, last + 1 - (1 << level)
