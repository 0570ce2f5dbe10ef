"""Falls with their dates, and how a way did in its worst times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from app.backtest.statistics.figures import AT_PEAK
from app.domain.market import Array
from app.risk.metrics import MIN_RETURNS, SESSIONS_PER_YEAR

# Falls of the market that everybody asks about: name, first and last day.
CRISES = (
    ("2000-02", date(2000, 1, 1), date(2002, 12, 31)),
    ("2007-09", date(2007, 1, 1), date(2009, 12, 31)),
    ("2020", date(2020, 1, 1), date(2020, 12, 31)),
    ("2022", date(2022, 1, 1), date(2022, 12, 31)),
)
# Days around new year without a session, and what a history that ends early may lack.
_SLACK = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The largest fall; `recovery` is the first close at or above the peak after it, None where there is none yet."""

    depth: float
    peak: date
    trough: date
    recovery: date | None


@dataclass(frozen=True, slots=True)
class Period:
    """`total_return` and `max_drawdown` between the close before `first` and that of `last`, both sessions."""

    name: str
    first: date
    last: date
    total_return: float
    max_drawdown: float


def drawdown(nav: Array, dates: Sequence[date]) -> Drawdown | None:
    """None where the value never falls. Shape: `nav` [D + 1] at `dates` [D + 1]."""
    peak = np.maximum.accumulate(nav)
    depth = 1 - nav / peak
    trough = int(depth.argmax())
    if not depth[trough] > AT_PEAK:
        return None
    top = int(nav[: trough + 1].argmax())
    back = np.flatnonzero(nav[trough:] >= peak[trough] * (1 - AT_PEAK))
    return Drawdown(
        float(depth[trough]), dates[top], dates[trough], dates[trough + int(back[0])] if len(back) else None
    )


def worst_periods(nav: Array, dates: Sequence[date]) -> tuple[tuple[str, int, int], ...]:
    """(name, row before the first session, row of the last): known crises, the worst year, the worst 252 sessions.

    Shape: `nav` [D + 1] at `dates` [D + 1].
    """
    found = list(_crises(dates))
    years = [one for one in _years(dates) if one[2] - one[1] >= MIN_RETURNS]
    if years:
        name, first, last = min(years, key=lambda one: nav[one[2]] / nav[one[1]])
        found.append((f"worst year, {name}", first, last))
    if len(nav) > SESSIONS_PER_YEAR:
        first = int((nav[SESSIONS_PER_YEAR:] / nav[:-SESSIONS_PER_YEAR]).argmin())
        found.append((f"worst {SESSIONS_PER_YEAR} sessions", first, first + SESSIONS_PER_YEAR))
    return tuple(found)


def performance(nav: Array, dates: Sequence[date], periods: Sequence[tuple[str, int, int]]) -> tuple[Period, ...]:
    """How a way did in them."""
    found = []
    for name, first, last in periods:
        part = nav[first : last + 1]
        fall = float((1 - part / np.maximum.accumulate(part)).max())
        found.append(Period(name, dates[first + 1], dates[last], float(part[-1] / part[0] - 1), fall))
    return tuple(found)


def _crises(dates: Sequence[date]) -> Iterator[tuple[str, int, int]]:
    for name, begins, ends in CRISES:
        if dates[0] <= begins + _SLACK and dates[-1] >= ends - _SLACK:
            inside = [row for row in range(1, len(dates)) if begins <= dates[row] <= ends]
            yield name, inside[0] - 1, inside[-1]


def _years(dates: Sequence[date]) -> Iterator[tuple[str, int, int]]:
    for year in sorted({day.year for day in dates[1:]}):
        inside = [row for row in range(1, len(dates)) if dates[row].year == year]
        yield str(year), inside[0] - 1, inside[-1]
