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
class Pieces:
    """Pieces from one point to another, both included, as the stretches that cover them; good for any path.

    Shape: [paths, pieces] each; two stretches for the whole, for what only its first has, for what only its second has.
    """

    starts: Places = field(repr=False)
    ends: Places = field(repr=False)
    whole: tuple[Places, Places] = field(repr=False)
    only_first: tuple[Places, Places] = field(repr=False)
    only_second: tuple[Places, Places] = field(repr=False)


def pieces_of(starts: Places, ends: Places, points: int) -> Pieces:
    """Of a path of so many points. Shape: [paths, pieces] each."""
    level, second = _cover(starts, ends)
    # As many points are the first's alone as the second's; where one covers all, a single point stands for both.
    alone = second > starts
    first_end, second_start = np.where(alone, second - 1, starts), np.where(alone, starts + (1 << level), starts)
    return Pieces(
        starts,
        ends,
        _places(starts, ends, points),
        _places(starts, first_end, points),
        _places(second_start, np.where(alone, ends, starts), points),
    )


def largest_fall(points: Array, pieces: Pieces) -> Array:
    """Of each path that is put together of its pieces; its start counts. Shape: [points] → [paths]."""
    highest, lowest, fall = _stretches(points)
    base = points[pieces.starts]
    moved = points[pieces.ends] - base
    base -= np.cumsum(moved, axis=1) - moved
    peaks = np.maximum.accumulate(_either(np.maximum, highest, pieces.whole) - base, axis=1)
    before = np.zeros_like(peaks)
    np.maximum(peaks[:, :-1], 0.0, out=before[:, 1:])
    found = before - (_either(np.minimum, lowest, pieces.whole) - base)
    np.maximum(found, _either(np.maximum, fall, pieces.whole), out=found)
    between = _either(np.maximum, highest, pieces.only_first) - _either(np.minimum, lowest, pieces.only_second)
    result: Array = np.maximum(found, between, out=found).max(axis=1)
    return result


def _stretches(points: Array) -> tuple[Array, Array, Array]:
    """(highest, lowest, largest fall) of the 2**k points from each on, k by k. Shape: [levels x points]."""
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
    return np.concatenate(highest), np.concatenate(lowest), np.concatenate(fall)


def _either(better: np.ufunc, known: Array, stretches: tuple[Places, Places]) -> Array:
    result: Array = better(known.take(stretches[0]), known.take(stretches[1]))
    return result


def _places(first: Places, last: Places, points: int) -> tuple[Places, Places]:
    """Where the two stretches that cover them stand."""
    level, second = _cover(first, last)
    return level * points + first, level * points + second


def _cover(first: Places, last: Places) -> tuple[Places, Places]:
    """(level of the longest stretches that fit, where the one begins that ends with the piece)."""
    level = (np.frexp((last - first + 1).astype(np.float64))[1] - 1).astype(np.intp)
    return level, last + 1 - (1 << level)
