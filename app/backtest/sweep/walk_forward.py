"""What could have been chosen in time: the best of the years before, held for the months after, again and again.

Every policy is replayed once over all days and windows are cut out of its daily returns: in its months a policy has the
account that it would have had by then. Must never let a day choose the policy that it is counted for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import pairwise

import numpy as np

from app.backtest.judge import NEAR_CASH
from app.backtest.statistics.figures import Way, figures
from app.domain.errors import UsageError
from app.domain.market import Array

# A span that begins later in its month has that month for nothing.
_MONTH_BEGINS = 7


class Objective(StrEnum):
    """What the best is best at, net of costs."""

    SHARPE = "sharpe"
    CALMAR = "calmar"
    CAGR = "cagr"


@dataclass(frozen=True, slots=True)
class Split:
    """`years` to choose by, `months` to be held to it."""

    years: int
    months: int


@dataclass(frozen=True, slots=True)
class Window:
    """Sessions by number: chosen from `start` to before `middle`, tried from there to before `end`."""

    start: int
    middle: int
    end: int


@dataclass(frozen=True)
class Tried:
    """One policy's way. Shape: `returns` [D]; `exposure` at the last session of each month that ended.

    `cost`: of each unit of value bought or sold, commission and slippage together.
    """

    returns: Array = field(repr=False)
    exposure: Array = field(repr=False)
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """`chosen`: of the policies, by number. `switch`: what going over to it cost."""

    window: Window
    chosen: int
    in_sample: float | None
    out_of_sample: float | None
    switch: float


@dataclass(frozen=True)
class WalkForward:
    """The months that were tried, one after the other. Shape: `returns` [D'], from session `first` on."""

    choices: tuple[Choice, ...]
    first: int
    returns: Array = field(repr=False)

    @property
    def in_sample(self) -> float | None:
        """What was promised on average, where it is defined."""
        known = [one.in_sample for one in self.choices if one.in_sample is not None]
        return float(np.mean(known)) if known else None


def windows(dates: Sequence[date], split: Split) -> tuple[Window, ...]:
    """From the first month on, each as far after the one before as is tried. Raises: UsageError."""
    first = dates[0].year * 12 + dates[0].month - 1 + (dates[0].day > _MONTH_BEGINS)
    row = _row_by_month(dates)
    found = []
    month = first + 12 * split.years
    while row(month) < len(dates):
        found.append(Window(row(month - 12 * split.years), row(month), row(month + split.months)))
        month += split.months
    if not found:
        raise UsageError(
            f"{dates[0]} to {dates[-1]} has no month after {split.years} years to choose by",
            "Take fewer years, or more days",
        )
    return tuple(found)


def walk_forward(tried: Sequence[Tried], dates: Sequence[date], split: Split, objective: Objective) -> WalkForward:
    """The first policy is held where none has a defined figure; of equals the earlier one is taken."""
    choices: list[Choice] = []
    parts: list[Array] = []
    place = {row: n for n, row in enumerate(month_ends(dates))}
    held: int | None = None
    for window in windows(dates, split):
        figures_in = [_figure(one.returns[window.start : window.middle], objective) for one in tried]
        chosen = best(figures_in)
        cost = 0.0
        if held is not None and held != chosen:
            month = place[window.middle - 1]
            cost = sum(float(tried[one].exposure[month]) * tried[one].cost for one in (held, chosen))
        returns = tried[chosen].returns[window.middle : window.end].copy()
        returns[0] -= cost * (1 + returns[0])
        choices.append(Choice(window, chosen, figures_in[chosen], _figure(returns, objective), cost))
        parts.append(returns)
        held = chosen
    return WalkForward(tuple(choices), choices[0].window.middle, np.concatenate(parts))


def month_ends(dates: Sequence[date]) -> list[int]:
    """Sessions by number after which another month begins."""
    return [n for n, (a, b) in enumerate(pairwise(dates)) if a.month != b.month]


def best(values: Sequence[float | None]) -> int:
    """Of the figures by number."""
    known = [-np.inf if value is None else value for value in values]
    return int(np.argmax(known))


def figure_of(statistics: Mapping[str, float | None], objective: Objective) -> float | None:
    """What a way is chosen by. A ratio of a way that is next to cash says nothing: it is not defined."""
    volatility = statistics["volatility"]
    if objective is not Objective.CAGR and (volatility is None or volatility < NEAR_CASH):
        return None
    return statistics[objective.value]


def _figure(returns: Array, objective: Objective) -> float | None:
    return figure_of(figures(Way(returns)), objective)


def _row_by_month(dates: Sequence[date]) -> Callable[[int], int]:
    """The first session from the beginning of a month on, months counted from the year 0."""
    months = np.array([on.year * 12 + on.month - 1 for on in dates])
    return lambda month: int(np.searchsorted(months, month))
