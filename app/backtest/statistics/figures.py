"""The statistics of a way from day to day: each by its formula, None where it is not defined."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from app.domain.market import Array
from app.risk import metrics

YEAR = metrics.SESSIONS_PER_YEAR
# What is this far below its peak is at it: rounding of sums.
AT_PEAK = 1e-12


@dataclass(frozen=True)
class Ratio:
    """`scale` x sum of `above` / sum of `below`; without `below` it is over the number of days. Shape: [D]."""

    above: Array = field(repr=False)
    below: Array | None = field(default=None, repr=False)
    scale: float = 1.0


@dataclass(frozen=True)
class Way:
    """What is judged. `returns` [D] of each session, the first from the starting book; `rate`: risk-free, a session.

    `ratios`: further statistics by name, each of sums over the same days.
    """

    returns: Array = field(repr=False)
    rate: float = 0.0
    ratios: Mapping[str, Ratio] = field(default_factory=dict)


# Worked out of returns for every way.
OF_RETURNS = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "time_under_water",
    "longest_under_water",
)


def figures(way: Way) -> dict[str, float | None]:
    """Every statistic of the way as it was."""
    days = len(way.returns)
    series = way.returns[None, :]
    if not usable(way):
        return dict.fromkeys((*OF_RETURNS, *way.ratios))
    total = float(np.prod(1 + way.returns) - 1)
    growth = (1 + total) ** (YEAR / days) - 1
    several = days > 1
    fall = float(metrics.max_drawdown(series)[0])
    under = under_water(np.log1p(way.returns))
    found: dict[str, float] = {
        "total_return": total,
        "cagr": growth,
        "volatility": float(metrics.volatility(series)[0]) if several else math.nan,
        "sharpe": float(metrics.sharpe(series, way.rate)[0]) if several else math.nan,
        "sortino": float(metrics.sortino(series, way.rate)[0]),
        "calmar": growth / fall if fall > AT_PEAK else math.nan,
        "max_drawdown": fall,
        "time_under_water": float(under.mean()),
        "longest_under_water": float(longest(under)),
        **{name: ratio_of(ratio) for name, ratio in way.ratios.items()},
    }
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def usable(way: Way) -> bool:
    """There are days, and none without a value or with the loss of everything."""
    return bool(len(way.returns) > 0 and np.isfinite(way.returns).all() and (way.returns > -1).all())


def under_water(logs: Array) -> Array:
    """1.0 for each session that closes below an earlier close, the start included. Shape: log returns [D] → [D]."""
    value = np.cumsum(logs)
    peak = np.maximum(np.maximum.accumulate(value), 0.0)
    result: Array = (peak - value > AT_PEAK).astype(np.float64)
    return result


def longest(flags: Array) -> int:
    """Sessions of the longest unbroken stretch. Shape: [D]."""
    place = np.arange(len(flags))
    last = np.maximum.accumulate(np.where(flags > 0, -1, place))
    return int((place - last).max(initial=0))


def ratio_of(ratio: Ratio) -> float:
    """NaN where nothing is in the denominator."""
    below = len(ratio.above) if ratio.below is None else float(ratio.below.sum())
    return ratio.scale * float(ratio.above.sum()) / below if below > 0 else math.nan
