"""What pictures need beside the figures: curves over days, months in a table, sectors over time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from app.backtest.replay import Replayed
from app.backtest.result import Judged
from app.domain.market import Array


def grown(nav: Array) -> Array:
    """What one unit of money became. Shape: [D + 1]."""
    result: Array = nav / nav[0]
    return result


def level_of(replayed: Replayed) -> Array:
    """The same by returns: money that came into sight is no gain. Shape: [D + 1]."""
    return np.append(1.0, np.cumprod(1 + replayed.returns))


def below_peak(nav: Array) -> Array:
    """As negative fractions. Shape: [D + 1]."""
    result: Array = nav / np.maximum.accumulate(nav) - 1
    return result


def monthly(dates: Sequence[date], level: Array) -> Mapping[tuple[int, int], float]:
    """(year, month) → return. Shape: `dates` and `level` [D + 1], the first of them the start."""
    found: dict[tuple[int, int], float] = {}
    before = float(level[0])
    for n in range(1, len(dates)):
        month = (dates[n].year, dates[n].month)
        if n + 1 == len(dates) or (dates[n + 1].year, dates[n + 1].month) != month:
            found[month] = float(level[n]) / before - 1
            before = float(level[n])
    return found


def sectors(replayed: Replayed) -> Mapping[str, Array]:
    """Sector → its share of NAV at each close, the heaviest on average first. Shape: [D + 1]."""
    history, rows = replayed.history, slice(replayed.first - 1, replayed.first + len(replayed.dates))
    values = replayed.quantities * np.nan_to_num(filled_forward(history.closes)[rows])
    found: dict[str, Array] = {}
    for column, one in enumerate(history.instruments):
        share = values[:, column] / replayed.nav
        found[one.sector] = found[one.sector] + share if one.sector in found else share
    held = {name: share for name, share in found.items() if share.any()}
    return dict(sorted(held.items(), key=lambda item: -float(item[1].mean())))


def filled_forward(closes: Array) -> Array:
    """Where there is none, the last one before. Shape: [T, N]."""
    known = np.where(np.isnan(closes), 0, np.arange(len(closes))[:, None])
    filled: Array = np.take_along_axis(closes, np.maximum.accumulate(known, axis=0), axis=0)
    return filled


def most_traded(replayed: Replayed, most: int) -> tuple[int, ...]:
    """Columns of the names with most orders, by symbol where they have as many."""
    counts = Counter(one.order.instrument.conid for one in replayed.done)
    names = {one.conid: one.symbol for one in replayed.history.instruments}
    ranked = sorted((conid for conid in counts if conid in names), key=lambda conid: (-counts[conid], names[conid]))
    return tuple(replayed.history.columns[conid] for conid in ranked[:most])


def days_of(judged: Judged) -> tuple[date, ...]:
    """The close before the first day, and every day. Length: D + 1."""
    replayed = judged.replayed
    return (replayed.history.dates[replayed.first - 1], *replayed.dates)
