"""Names that move as one: connected components of pairwise correlation, in memory of names times a block.

Two are tied that were so over the whole window and over its last 63 days: neither one fall, which would tie all names
for a year, nor one quiet quarter tells it alone.

Must never form the whole matrix: of ten thousand names it takes 800 MB.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.market import Array
from app.risk import metrics
from app.risk.metrics import NOTHING

Single = NDArray[np.float32]
Mask = NDArray[np.bool_]
BLOCK = 256
# More than single precision can be off in a product of unit vectors; pairs this near to the threshold are done again.
FRINGE = 1e-4
PAIRS = 4096

Groups = tuple[tuple[int, ...], ...]


class _Window:
    """Returns as unit vectors, of which products are correlations. Shape: returns [T, N]."""

    def __init__(self, returns: Array, centred: tuple[Array, Array] | None = None) -> None:
        self.unit = _unit(*(centred or metrics.centred(returns)))
        self.rough: Single = self.unit.astype(np.float32)

    def ties(self, first: int, threshold: float) -> Mask:
        """Which columns from `first` on each column of the block is tied to. Shape: [block, N - first]."""
        about = self.rough[:, first : first + BLOCK].T @ self.rough[:, first:]
        ties: Mask = about > threshold + FRINGE
        perhaps = about > threshold - FRINGE
        if np.count_nonzero(perhaps) == np.count_nonzero(ties):
            return ties
        rows, others = np.nonzero(perhaps & ~ties)
        for start in range(0, len(rows), PAIRS):
            row, other = rows[start : start + PAIRS], others[start : start + PAIRS]
            exact = np.einsum("tp,tp->p", self.unit[:, first + row], self.unit[:, first + other])
            ties[row, other] = exact > threshold
        return ties


def clusters(
    returns: Array, held: Sequence[int], threshold: float, centred: tuple[Array, Array] | None = None
) -> Groups:
    """Groups of two or more held columns, tied by correlations above `threshold` directly or over other held ones.

    By their first column; one that never moves is tied to nothing. `centred`: `metrics.centred(returns)`, where it is.
    Shape: returns [T, N], `held` ascending columns.
    """
    if len(held) < 2:
        return ()
    if len(held) < returns.shape[1]:
        returns, centred = returns[:, list(held)], None
    whole, recent = _Window(returns, centred), _Window(returns[-metrics.RECENT_SESSIONS :])
    label = np.arange(returns.shape[1])
    for first in range(0, len(label), BLOCK):
        ties = whole.ties(first, threshold)
        ties &= recent.ties(first, threshold)
        label = _tied(label, first, ties)
    return _by_label(label, held)


def ties_of(returns: Array, threshold: float) -> Mask:
    """Which names are tied to which, as `clusters` has it; of few. Shape: returns [T, N] → [N, N]."""
    return _Window(returns).ties(0, threshold) & _Window(returns[-metrics.RECENT_SESSIONS :]).ties(0, threshold)


def clusters_among(ties: Mask, columns: Sequence[int], held: Sequence[int]) -> Groups:
    """As `clusters`, of names whose ties are known; `columns` of the held ones in `ties`."""
    if len(held) < 2:
        return ()
    own = ties[np.ix_(columns, columns)]
    return _by_label(_tied(np.arange(len(held)), 0, own), held)


def _tied(label: NDArray[np.intp], first: int, ties: Mask) -> NDArray[np.intp]:
    """With the ties of columns from `first` on. Shape: [N], [block, N - first] → [N]."""
    if np.count_nonzero(ties) == np.count_nonzero(ties.diagonal()):
        # Everybody is tied to itself alone.
        return label
    for row in np.flatnonzero(np.count_nonzero(ties, axis=1) > 1).tolist():
        label = _joined(label, first + np.flatnonzero(ties[row]))
    return label


def _by_label(label: NDArray[np.intp], held: Sequence[int]) -> Groups:
    groups: dict[int, list[int]] = {}
    for column, group in zip(held, label.tolist(), strict=True):
        groups.setdefault(group, []).append(column)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def heaviest_group(size: Array, groups: Groups) -> float:
    """The largest sum of `size` [N] over one group; 0 without groups."""
    return max((float(size[list(group)].sum()) for group in groups), default=0.0)


def _unit(centred: Array, squares: Array) -> Array:
    """Columns less their mean, scaled to length 1; zeros for a column that never moves."""
    length = np.sqrt(squares)
    result: Array = centred * np.divide(1.0, length, out=np.zeros_like(length), where=length > NOTHING)
    return result


def _joined(label: NDArray[np.intp], members: NDArray[np.intp]) -> NDArray[np.intp]:
    """The groups of the members under the lowest of their labels."""
    labels = label[members]
    lowest = labels.min()
    if (labels == lowest).all():
        return label
    merged = np.zeros(len(label), dtype=bool)
    merged[labels] = True
    return np.where(merged[label], lowest, label)
