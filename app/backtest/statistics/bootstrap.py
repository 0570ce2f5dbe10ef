"""Intervals by the stationary bootstrap: days are drawn in blocks of random length, the same days for every way.

Sums over the days drawn come from prefix sums at the blocks' ends, the largest fall from what is known of any stretch.
Only days under water are counted day by day, for fewer draws, in chunks that stay in a processor's cache.
Source: Politis and Romano, The stationary bootstrap, 1994.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.backtest.result import Estimate
from app.backtest.statistics.falls import Pieces, largest_fall, pieces_of
from app.backtest.statistics.figures import AT_PEAK, YEAR, Way, figures, usable
from app.domain.market import Array
from app.risk.metrics import MIN_RETURNS, NOTHING

HEADLINE = 63
BLOCKS = (21, 63, 126, 252)
DRAWS, DRAWS_BESIDE = 2000, 500
# Draws whose days are walked one by one.
WALKED = 500
LEVEL = 0.95
# Fewer blocks than this in the days there are, and draws differ too little from each other.
LEAST_BLOCKS = 8
# Values at a time: what stays in a processor's cache.
_CHUNK = 50_000
# Of the draws, what must be defined before an interval is told.
_DEFINED = 0.95

Draws = Mapping[str, Array]
Days = NDArray[np.intp]


def block_for(wanted: int, days: int) -> int | None:
    """The mean length of blocks that so many days bear; None where they bear no interval at all."""
    return None if days < MIN_RETURNS else max(1, min(wanted, days // LEAST_BLOCKS))


def draws_of(ways: Sequence[Way], block: int, draws: int, seed: int, walked: int = WALKED) -> tuple[Draws, ...]:
    """Every statistic of every way over the days of each draw, NaN where it is not defined.

    Shape: [draws] each; [walked] at most for what is counted day by day, and nothing of that without any.
    """
    drawn = _drawn(np.random.default_rng([seed, block]), draws, len(ways[0].returns), block)
    pieces = pieces_of(drawn.starts, drawn.starts + drawn.lengths, 2 * drawn.total + 1)
    found = tuple(_statistics(way, drawn.total, pieces) for way in ways)
    for first in range(0, min(walked, draws), chunk := max(1, _CHUNK // drawn.total)):
        days = drawn.days(slice(first, min(first + chunk, walked, draws)))
        for way, own in zip(ways, found, strict=True):
            for name, counted in _under_water(np.log1p(way.returns)[days]).items():
                own.setdefault(name, []).append(counted)
    return tuple({name: np.concatenate(parts) for name, parts in own.items()} for own in found)


def interval(value: float | None, draws: Array | None) -> Estimate:
    """The figure between the draws' quantiles; None for both where too few draws have it."""
    if value is None or draws is None:
        return Estimate(value)
    known = draws[np.isfinite(draws)]
    if len(known) < max(1, _DEFINED * len(draws)):
        return Estimate(value)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))


@dataclass(frozen=True)
class Sampled:
    """A way with what the draws made of it, by mean length of their blocks; the first is the headline's.

    Ways that were sampled together are paired: each draw has the same days of all.
    """

    way: Way
    figures: Mapping[str, float | None]
    draws: Mapping[int, Draws] = field(repr=False)

    def estimates(self, block: int | None = None) -> dict[str, Estimate]:
        """Every statistic with its interval."""
        known = self._known(block)
        return {name: interval(value, known.get(name)) for name, value in self.figures.items()}

    def differences(self, other: "Sampled", block: int | None = None) -> dict[str, Estimate]:
        """Each statistic that both have, less the other's."""
        shared = [name for name in self.figures if name in other.figures]
        return {name: self.compared(other, name, np.subtract, block) for name in shared}

    def compared(
        self, other: "Sampled", name: str, how: Callable[[Array, Array], Array], block: int | None = None
    ) -> Estimate:
        """`how` of this way's statistic and the other's."""
        own, its = self.figures[name], other.figures[name]
        if own is None or its is None:
            return Estimate(None)
        value = float(how(np.array([own]), np.array([its]))[0])
        a, b = self._known(block).get(name), other._known(block).get(name)
        return interval(value if np.isfinite(value) else None, None if a is None or b is None else how(a, b))

    def _known(self, block: int | None) -> Draws:
        return self.draws[block] if block is not None else next(iter(self.draws.values()), {})


def bootstrap(ways: Sequence[Way], seed: int, draws: int = DRAWS) -> tuple[Sampled, ...]:
    """All together; without draws where there are too few days for any interval."""
    days = len(ways[0].returns)
    wanted = block_for(HEADLINE, days)
    if wanted is None or any(not usable(way) for way in ways):
        return tuple(Sampled(way, figures(way), {}) for way in ways)
    found = {wanted: draws_of(ways, wanted, draws, seed)}
    for block in BLOCKS:
        if block not in found and block_for(block, days) == block:
            found[block] = draws_of(ways, block, min(draws, DRAWS_BESIDE), seed, walked=0)
    return tuple(Sampled(way, figures(way), {b: each[n] for b, each in found.items()}) for n, way in enumerate(ways))


@dataclass(frozen=True)
class _Drawn:
    """Blocks of each draw: from which day, from which place of the draw on, for how long. Shape: [draws, blocks]."""

    starts: Days
    places: Days
    lengths: Days
    total: int

    def days(self, part: slice) -> Days:
        """The day at each place of some draws. Shape: [draws, D]."""
        shift = np.repeat((self.starts - self.places)[part].ravel(), self.lengths[part].ravel())
        days = shift.reshape(-1, self.total) + np.arange(self.total)
        days[days >= self.total] -= self.total
        return days


def _drawn(rng: np.random.Generator, draws: int, days: int, block: int) -> _Drawn:
    expected = days / block
    wide = int(expected + 6 * np.sqrt(expected) + 8)
    lengths = rng.geometric(1 / block, (draws, wide)).astype(np.intp)
    starts = rng.integers(0, days, (draws, wide), dtype=np.intp)
    ends = np.minimum(np.cumsum(lengths, axis=1), days)
    # Hardly ever short of days; then the last block is longer.
    ends[:, -1] = days
    used = int((ends < days).sum(axis=1).max()) + 1
    starts, ends = starts[:, :used], ends[:, :used]
    places = np.concatenate((np.zeros((draws, 1), dtype=np.intp), ends[:, :-1]), axis=1)
    return _Drawn(starts, places, ends - places, days)


def _statistics(way: Way, days: int, pieces: Pieces) -> dict[str, list[Array]]:
    def total(column: Array) -> Array:
        """Its sum over the days of each draw, in blocks that may run over the last day into the first."""
        known = _prefix(column)
        result: Array = (known.take(pieces.ends) - known.take(pieces.starts)).sum(axis=1)
        return result

    excess = way.returns - way.rate
    mean = total(excess) / days
    square = total(excess * excess) / days
    spread = np.sqrt(np.maximum(square - mean * mean, 0.0) * days / max(1, days - 1))
    downside = np.sqrt(total(np.minimum(excess, 0.0) ** 2) / days)
    logs = total(np.log1p(way.returns))
    growth = np.expm1(logs * YEAR / days)
    fall = -np.expm1(-largest_fall(_prefix(np.log1p(way.returns)), pieces))
    found = {
        "total_return": np.expm1(logs),
        "cagr": growth,
        "volatility": spread * np.sqrt(YEAR),
        "sharpe": _ratio(mean, spread, NOTHING) * np.sqrt(YEAR),
        "sortino": _ratio(mean, downside, NOTHING) * np.sqrt(YEAR),
        "calmar": _ratio(growth, fall, AT_PEAK),
        "max_drawdown": fall,
    }
    for name, ratio in way.ratios.items():
        below = np.full(len(mean), float(days)) if ratio.below is None else total(ratio.below)
        found[name] = ratio.scale * _ratio(total(ratio.above), below, NOTHING)
    return {name: [values] for name, values in found.items()}


def _prefix(column: Array) -> Array:
    """Sums up to each day of two rounds. Shape: [D] → [2D + 1]."""
    return np.concatenate(([0.0], np.cumsum(np.tile(column, 2))))


def _under_water(logs: Array) -> dict[str, Array]:
    """Share of days below a peak, and most of them in a row. Shape: log returns [draws, D] → [draws] each."""
    value = np.cumsum(logs, axis=1, out=logs)
    gap = np.maximum.accumulate(value, axis=1)
    np.maximum(gap, 0.0, out=gap)
    gap -= value
    draws, days = gap.shape
    # The start is a peak, and the next draw's start ends the last stretch of this one.
    at_peak = np.ones((draws, days + 1), dtype=bool)
    np.less_equal(gap, AT_PEAK, out=at_peak[:, 1:])
    peaks = np.append(np.flatnonzero(at_peak), at_peak.size)
    first = np.searchsorted(peaks, np.arange(draws) * (days + 1))
    longest = np.maximum.reduceat(np.diff(peaks) - 1, first).astype(np.float64)
    return {"time_under_water": 1 - (at_peak.sum(axis=1) - 1) / days, "longest_under_water": longest}


def _ratio(above: Array, below: Array, least: float) -> Array:
    result: Array = np.divide(above, below, out=np.full_like(below, np.nan), where=below > least)
    return result
