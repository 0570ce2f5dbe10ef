"""What every day's market gives by itself, worked out for a whole history at once, to the bits of a day's own windows.

For a replay, in which days share nearly all of their windows. Must never hand on what a day could not know: row t gets
what closes before t give.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from app.domain.market import Array, Market
from app.domain.universe import VOLATILITY_SESSIONS, keep_lasting, keep_volatilities, volatilities
from app.risk.arrays import WINDOW, Shared, changes_of, keep_shared

# What a series is told by to be lined up with others.
_ROWS = WINDOW + 2


class Ahead:
    """Of closes by session and name, NaN where there is none. Shape: `closes` [T, N]."""

    def __init__(self, dates: Sequence[date], conids: Sequence[int], closes: Array) -> None:
        self._dates, self._conids = tuple(dates), tuple(conids)
        # A gap makes no return; whoever has one in the window is not handed on.
        with np.errstate(invalid="ignore"):
            self._changes = changes_of(np.ascontiguousarray(closes))
        self._volatilities = _volatilities(closes)
        known = ~np.isnan(closes)
        self._whole = _all_of_last(known, _ROWS)
        self._recent = _all_of_last(known, VOLATILITY_SESSIONS + 1)
        self._columns: dict[bytes, Mapping[int, int]] = {}
        self._lasting: dict[object, object] = {}

    def hand_on(self, market: Market, row: int) -> None:
        """To the market of that row, whose series are all closes of the rows before."""
        keep_lasting(market, self._lasting)
        if row < _ROWS:
            return
        if self._recent[row].all():
            keep_volatilities(market, dict(zip(self._conids, self._volatilities[row].tolist(), strict=True)))
        columns = self._whole_columns(row)
        # Of fewer another group of names may be the one that most are in.
        if 2 * len(columns) > len(self._conids):
            first = row - WINDOW
            keep_shared(market, Shared(self._dates[first - 1 : row], self._changes[first - 1 : row - 1], columns))

    def _whole_columns(self, row: int) -> Mapping[int, int]:
        whole = self._whole[row]
        key = whole.tobytes()
        if key not in self._columns:
            self._columns[key] = {self._conids[n]: n for n in np.flatnonzero(whole).tolist()}
        return self._columns[key]


def _all_of_last(known: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Row t: whether the `count` rows before t are all known. Shape: [T, N] → [T, N]; False where there are fewer."""
    result = np.zeros(known.shape, dtype=bool)
    missing = np.cumsum(~known, axis=0)
    if len(known) > count:
        result[count] = missing[count - 1] == 0
        result[count + 1 :] = missing[count:-1] == missing[: -count - 1]
    return result


def _volatilities(closes: Array) -> Array:
    """Row t: of the closes before t. Shape: [T, N] → [T, N]; NaN where there are fewer."""
    result = np.full(closes.shape, np.nan)
    size = VOLATILITY_SESSIONS + 1
    for column in range(closes.shape[1] if len(closes) > size else 0):
        windows = np.lib.stride_tricks.sliding_window_view(np.ascontiguousarray(closes[:-1, column]), size)
        result[size:, column] = volatilities(np.ascontiguousarray(windows))
    return result
