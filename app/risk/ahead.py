"""What every day's market gives by itself, worked out for a whole history at once, to the bits of a day's own windows.

For a replay, in which days share nearly all of their windows. Must never hand on what a day could not know: row t gets
what closes before t give.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from app.domain.market import Array, Market
from app.domain.universe import (
    VOLATILITY_SESSIONS,
    keep_lasting,
    keep_volatilities,
    realised_volatilities,
    volatilities,
)
from app.risk.arrays import WINDOW, Shared, changes_of, keep_shared

# What a series is told by to be lined up with others.
_ROWS = WINDOW + 2


class Ahead:
    """Of names with a close in every session, none of which changes later. Shape: `closes` by conid [T]."""

    def __init__(self, dates: Sequence[date], closes: Mapping[int, Array]) -> None:
        self._dates = tuple(dates)
        self._columns = {conid: column for column, conid in enumerate(closes)}
        table = np.array(list(closes.values())).reshape(len(closes), len(dates))
        self._changes = changes_of(np.ascontiguousarray(table.T))
        self._volatilities = _volatilities(table)
        self._lasting: dict[int, tuple[object, dict[object, object]]] = {}

    def hand_on(self, market: Market, row: int) -> None:
        """To the market of that row, whose series of those names are all closes of the rows before."""
        _, lasting = self._lasting.setdefault(id(market.instruments), (market.instruments, {}))
        keep_lasting(market, lasting)
        if row < _ROWS:
            return
        known = dict(zip(self._columns, self._volatilities[row].tolist(), strict=True))
        others = [conid for conid in market.history if conid not in self._columns]
        keep_volatilities(market, known | realised_volatilities({conid: market.history[conid] for conid in others}))
        # Of fewer another group of names may be the one that most are in.
        if len(self._columns) > len(others):
            first = row - WINDOW
            keep_shared(market, Shared(self._dates[first - 1 : row], self._changes[first - 1 : row - 1], self._columns))


def _volatilities(closes: Array) -> Array:
    """Row t: of the closes before t. Shape: [N, T] → [T, N]; NaN where there are fewer."""
    result, size = np.full(closes.T.shape, np.nan), VOLATILITY_SESSIONS + 1
    for column, own in enumerate(closes if closes.shape[1] > size else ()):
        windows = np.lib.stride_tricks.sliding_window_view(own[:-1], size)
        result[size:, column] = volatilities(np.ascontiguousarray(windows))
    return result
