"""How likely it is that the best of many policies was best by chance."""

from itertools import combinations

import numpy as np

from app.domain.market import Array
from app.risk.metrics import NOTHING

_BLOCKS, _CHUNK = 16, 256
# Of a policy's days, what a block must have before its Sharpe ratio says anything.
_LEAST = 10


def probability_of_overfitting(returns: Array) -> float | None:
    """Share of all ways to halve the days in which the best of one half is no better than the middle in the other.

    Shape: returns [P, D]. None for fewer than two policies or too few days.
    Source: Bailey, Borwein, López de Prado and Zhu, The probability of backtest overfitting, 2017 (CSCV, by Sharpe).
    """
    policies, days = returns.shape
    size = days // _BLOCKS
    if policies < 2 or size < _LEAST:
        return None
    blocks = returns[:, : size * _BLOCKS].reshape(policies, _BLOCKS, size)
    sums, squares = blocks.sum(axis=2).T, (blocks * blocks).sum(axis=2).T
    halves = np.zeros((len(chosen := list(combinations(range(_BLOCKS), _BLOCKS // 2))), _BLOCKS))
    halves[np.arange(len(chosen))[:, None], np.array(chosen)] = 1
    worse = 0.0
    for first in range(0, len(halves), _CHUNK):
        half = halves[first : first + _CHUNK]
        inside, outside = (_sharpe(part @ sums, part @ squares, size * _BLOCKS // 2) for part in (half, 1 - half))
        best = outside[np.arange(len(half)), inside.argmax(axis=1)]
        # Between 0 and 1, ties counted half: the middle is 0.5.
        below, equal = (outside < best[:, None]).sum(axis=1), (outside == best[:, None]).sum(axis=1)
        worse += float((below + (equal + 1) / 2 <= (policies + 1) / 2).sum())
    return worse / len(halves)


def _sharpe(sums: Array, squares: Array, days: int) -> Array:
    """Zero where nothing moved. Shape: [H, P] → [H, P]."""
    mean = sums / days
    spread = np.sqrt(np.maximum(squares / days - mean * mean, 0))
    result: Array = np.divide(mean, spread, out=np.zeros_like(mean), where=spread > NOTHING)
    return result
