"""What was known of one name's prices on a day: restated closes from when they were told, splits from when they came.

Only for names whose prices are not all there and as they were; the others need no more than their column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app.backtest.history import Adjustment, Ending, History, Restatement, Split
from app.domain.market import Array, PriceSeries


@dataclass(frozen=True, slots=True)
class Known:
    """A column as it is known from row `since` on, in the shares of then.

    Shape: `rows` [n] of the closes in `series`; `shares` [T], new ones for one of each row.
    """

    since: int
    series: PriceSeries
    rows: NDArray[np.intp]
    shares: Array

    def close(self, row: int) -> float | None:
        """Of that session; None where there is none."""
        at = int(self.rows.searchsorted(row))
        return float(self.series.closes[at]) if at < len(self.rows) and self.rows[at] == row else None


def is_plain(history: History, column: int) -> bool:
    """It has a close on every session, and none that changes."""
    conid = history.instruments[column].conid
    changed = any(one.conid == conid and isinstance(one, Split | Restatement | Ending) for one in history.happenings)
    return not changed and not np.isnan(history.closes[:, column]).any()


def versions(history: History, column: int, as_of: datetime) -> tuple[Known, ...]:
    """Oldest first, the first since row 0."""
    conid = history.instruments[column].conid
    splits = [one for one in history.happenings if isinstance(one, Split) and one.conid == conid]
    restated = [one for one in history.happenings if isinstance(one, Restatement) and one.conid == conid]
    changes: tuple[Split | Restatement, ...] = (*splits, *restated)
    since = {0, *(_known_from(history, one) for one in changes)}
    return tuple(
        _version(
            history, column, row, as_of,
            [one for one in splits if _known_from(history, one) <= row],
            [one for one in restated if _known_from(history, one) <= row],
        )
        for row in sorted(since)
        if row < len(history.dates)
    )  # fmt: skip


def _known_from(history: History, one: Split | Restatement) -> int:
    """The first row on which it has happened and was told."""
    return history.row(max(one.session_date, one.known_at))


def _version(
    history: History,
    column: int,
    since: int,
    as_of: datetime,
    splits: Sequence[Split],
    restated: Sequence[Restatement],
) -> Known:
    closes = history.closes[:, column].copy()
    for one in sorted(restated, key=lambda told: told.known_at):
        closes[history.row(one.session_date)] = float(one.close)
    shares = np.ones(len(closes))
    for split in splits if history.adjustment is Adjustment.NONE else ():
        shares[: history.row(split.session_date)] *= float(split.ratio)
    closes /= shares
    rows = np.flatnonzero(~np.isnan(closes))
    series = PriceSeries(
        history.instruments[column].conid,
        tuple(history.dates[row] for row in rows),
        np.ascontiguousarray(closes[rows]),
        history.source,
        as_of,
    )
    return Known(since, series, rows, shares)
