"""What a sweep has found, judged: the policies in order, what the best is worth after so many trials, what could have
been chosen in time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from app.backtest.result import Estimate
from app.backtest.statistics.bootstrap import bootstrap
from app.backtest.statistics.deflated import deflated_sharpe
from app.backtest.statistics.figures import YEAR, Way
from app.backtest.sweep.candidates import Candidate, Candidates, Varied
from app.backtest.sweep.overfitting import probability_of_overfitting
from app.backtest.sweep.run import Collected
from app.backtest.sweep.walk_forward import Objective, Split, Tried, WalkForward, figure_of, walk_forward
from app.domain.errors import UsageError
from app.domain.market import Array


@dataclass(frozen=True)
class Row:
    """One policy that was replayed. Shape: `nav` [D + 1]."""

    candidate: Candidate
    statistics: Mapping[str, float | None]
    nav: Array = field(repr=False)
    exposure: Array = field(repr=False)
    cost: float | None
    orders: int
    decisions_digest: str
    marks: tuple[str, ...]

    @property
    def returns(self) -> Array:
        """Shape: [D]."""
        changes: Array = self.nav[1:] / self.nav[:-1] - 1
        return changes

    @property
    def near_cash(self) -> bool:
        """It hardly varies, and its ratios say nothing."""
        return figure_of(self.statistics, Objective.SHARPE) is None


@dataclass(frozen=True)
class Compared:
    """A way, and the same figures less the base's, paired by days."""

    statistics: Mapping[str, Estimate]
    less_base: Mapping[str, Estimate]


@dataclass(frozen=True)
class Swept:
    """`tried`: every policy that was replayed, the base first; `rows`: the same, best first, of equals the earlier."""

    candidates: Candidates
    fields: tuple[Varied, ...]
    objective: Objective
    dates: tuple[date, ...] = field(repr=False)
    tried: tuple[Row, ...]
    rows: tuple[Row, ...]
    collected: Collected
    best: Compared
    deflated_sharpe: float | None
    overfitting: float | None
    split: Split | None = None
    forward: WalkForward | None = None
    forward_compared: Compared | None = None

    @property
    def trials(self) -> int:
        """Policies that the best was taken out of."""
        return len(self.tried)

    @property
    def base(self) -> Row:
        """The policy as it is."""
        return self.tried[0]


def judge(
    found: Candidates,
    fields: Sequence[Varied],
    collected: Collected,
    dates: Sequence[date],
    objective: Objective,
    split: Split | None,
    seed: int,
) -> Swept:
    """Raises: UsageError where the base or every other policy was given up, or the days are too few to split."""
    tried = tuple(_rows(found.valid, collected))
    if not tried or tried[0].candidate is not found.base:
        raise UsageError(
            f"the policy as it is could not be replayed: {collected.failures[0].why}", "Run `portfolio backtest` on it"
        )
    rows = tuple(sorted(tried, key=lambda row: -_value(row, objective)))
    returns = np.stack([row.returns for row in tried])
    forward = None if split is None else walk_forward([_tried(row) for row in tried], dates, split, objective)
    base = tried[0].returns
    return Swept(
        candidates=found,
        fields=tuple(fields),
        objective=objective,
        dates=tuple(dates),
        tried=tried,
        rows=rows,
        collected=collected,
        best=_compared(rows[0].returns, base, seed),
        deflated_sharpe=_deflated(rows, rows[0].returns),
        overfitting=probability_of_overfitting(returns),
        split=split,
        forward=forward,
        forward_compared=None if forward is None else _compared(forward.returns, base[forward.first :], seed),
    )


def _rows(candidates: Sequence[Candidate], collected: Collected) -> Iterator[Row]:
    for candidate, result in zip(candidates, collected.results, strict=True):
        if result is not None:
            yield _row(candidate, result)


def _row(candidate: Candidate, result: Mapping[str, Any]) -> Row:
    return Row(
        candidate,
        result["statistics"],
        np.array(result["nav"]),
        np.array(result["exposure"]),
        result["cost"],
        result["orders"],
        result["decisions_digest"],
        tuple(result["marks"]),
    )


def _value(row: Row, objective: Objective) -> float:
    value = figure_of(row.statistics, objective)
    return -np.inf if value is None else value


def _tried(row: Row) -> Tried:
    return Tried(row.returns, row.exposure, row.cost or 0.0)


def _compared(returns: Array, base: Array, seed: int) -> Compared:
    own, its = bootstrap((Way(returns), Way(base)), seed)
    return Compared(own.estimates(), own.differences(its))


def _deflated(rows: Sequence[Row], best: Array) -> float | None:
    """By how much the ratios of those that were tried differ."""
    known = [ratio for row in rows if (ratio := row.statistics["sharpe"]) is not None]
    if len(known) < 2:
        return deflated_sharpe(best, 1)
    return deflated_sharpe(best, len(rows), float(np.std(known, ddof=1)) / np.sqrt(YEAR))
