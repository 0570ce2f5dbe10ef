"""Portfolio statistics on arrays with a leading portfolio axis K; live there is one portfolio.

Weights [K, N] are fractions of NAV, returns [T, N] are simple daily returns, newest last. Losses are positive. A value
that cannot be computed is an error, never a number, and sums do not depend on K: a sweep gives the bits of a live run.
"""

from functools import cache

import numpy as np

from app.domain.errors import DataError, InsufficientHistory
from app.domain.market import Array

# Days that limited volatility is taken from.
RECENT_SESSIONS = 63
TAIL = 0.05
NORMAL_QUANTILE = 1.6448536269514722
DECAY = 0.94
MIN_RETURNS = 60
SESSIONS_PER_YEAR = 252
YEAR = np.sqrt(SESSIONS_PER_YEAR)
# No portfolio multiplies by a million in a day; beyond it squares and products leave the range of numbers.
LARGEST = 1e6
# A spread below this is the rounding of a series that does not vary.
NOTHING = 1e-12
COLUMNS = 512


def portfolio_returns(weights: Array, returns: Array) -> Array:
    """Today's weights over past returns.

    Shape: weights [K, N], returns [T, N] → [K, T].
    Raises: InsufficientHistory below 60 returns, DataError for input that is not finite.
    """
    if len(returns) < MIN_RETURNS:
        raise InsufficientHistory(f"{len(returns)} returns, at least {MIN_RETURNS} are needed")
    # Not `weights @ returns.T`: a matrix product gives other bits for other K. What is not finite in a factor, at a
    # weight of zero too, is not finite in the sum.
    result: Array = np.einsum("kn,tn->kt", weights, returns)
    if not (np.abs(result) <= LARGEST).all():
        raise DataError("returns or weights hold a value that is not finite, or one beyond any market")
    return result


def volatility(series: Array, known: Array | None = None) -> Array:
    """Annualised standard deviation (n - 1); `known`: the variance, where it is. Shape: [K, T] → [K]."""
    return _annual(np.sqrt(variance(series) if known is None else known))


def recent_volatility(series: Array) -> Array:
    """`volatility` of the last 63 days, so that a fall is not remembered for a year. Shape: [K, T] → [K]."""
    return volatility(series[:, -RECENT_SESSIONS:])


def variance(series: Array) -> Array:
    """Daily, n - 1. A third of the time that numpy's own takes for one series. Shape: [K, T] → [K]."""
    days = series.shape[1]
    less = series - np.add.reduce(series, axis=1, keepdims=True) / days
    result: Array = np.einsum("kt,kt->k", less, less) / (days - 1)
    return result


def historical_var(series: Array, tail: float = TAIL) -> Array:
    """One-day value at risk by order statistic: minus the (k+1)-th smallest return, k = floor(tail x T).

    Shape: [K, T] → [K]. Source: Jorion, Value at Risk, 3rd ed., ch. 5 (historical simulation, lower quantile).
    """
    rank = int(tail * series.shape[1])
    result: Array = -np.partition(series, rank, axis=1)[:, rank]
    return result


def ewma_var(series: Array, decay: float = DECAY, quantile: float = NORMAL_QUANTILE) -> Array:
    """One-day normal value at risk with exponentially weighted variance and zero mean. Shape: [K, T] → [K].

    Source: RiskMetrics Technical Document, 4th ed., 1996, ch. 5.
    """
    weighted = np.einsum("kt,t->k", series * series, _influence(series.shape[1], decay))
    result: Array = quantile * np.sqrt(weighted)
    return result


@cache
def _influence(length: int, decay: float) -> Array:
    """Share of each day in the variance, oldest first; they sum to one."""
    powers = np.power(decay, np.arange(length - 1, -1, -1, dtype=np.float64))
    shares: Array = powers / powers.sum()
    shares.flags.writeable = False
    return shares


def expected_shortfall(series: Array, tail: float = TAIL) -> Array:
    """Mean of the worst tail x T returns, the last one weighted by the fraction, as a positive loss.

    Shape: [K, T] → [K]. Source: Acerbi and Tasche, On the coherence of expected shortfall, 2002.
    """
    size = tail * series.shape[1]
    rank = int(size)
    ordered = np.sort(series, axis=1)[:, : rank + 1]
    result: Array = -(ordered[:, :rank].sum(axis=1) + (size - rank) * ordered[:, rank]) / size
    return result


def spreads(returns: Array) -> Array:
    """Daily standard deviation (n - 1) of each name. Shape: [T, N] → [N]."""
    found = np.empty(returns.shape[1])
    # By parts that stay in the processor's cache.
    for first in range(0, returns.shape[1], COLUMNS):
        _, found[first : first + COLUMNS] = centred(returns[:, first : first + COLUMNS])
    return spreads_of(found, len(returns))


def spreads_of(squares: Array, days: int) -> Array:
    """As `spreads`, of what `centred` found. Shape: [N] → [N]."""
    result: Array = np.sqrt(squares / (days - 1))
    return result


def centred(returns: Array) -> tuple[Array, Array]:
    """Each name's returns less their mean, and the sum of their squares. Shape: [T, N] → ([T, N], [N])."""
    less = returns - np.add.reduce(returns, axis=0) / len(returns)
    return less, np.einsum("tn,tn->n", less, less)


def implied_correlation(weights: Array, single: Array, series: Array, known: Array | None = None) -> Array:
    """Average correlation that the portfolio's variance implies. Shape: weights [K, N], `spreads` [N], [K, T] → [K].

    NaN where it is undefined (fewer than two names that vary): the caller makes that a missing value.
    """
    parts = weights * single
    whole = variance(series) if known is None else known
    own = (parts * parts).sum(axis=1)
    return _ratio(whole - own, parts.sum(axis=1) ** 2 - own, 1e-18)


def beta(series: Array, index: Array) -> Array:
    """Slope on the index's returns of the same days. Shape: [K, T], [T] → [K]; NaN for an index that never moves."""
    moves = index - index.sum() / len(index)
    own = np.full(len(series), (moves * moves).sum())
    return _ratio(np.einsum("kt,t->k", series, moves), own, NOTHING**2)


def sharpe(series: Array, daily_rate: float = 0.0, known: Array | None = None) -> Array:
    """Annualised mean excess return over its standard deviation (n - 1), arithmetic. Shape: [K, T] → [K].

    NaN for a series that does not vary. Source: Sharpe, The Sharpe ratio, 1994.
    """
    excess = series - daily_rate if daily_rate else series
    spread = np.sqrt(variance(excess) if known is None else known)
    return _annual(_ratio(_mean(excess), spread, NOTHING))


def sortino(series: Array, target: float = 0.0) -> Array:
    """Annualised mean return above a daily target over the downside deviation, a mean over all days.

    Shape: [K, T] → [K]; NaN where no day is below the target. Source: Sortino and Price, 1994.
    """
    excess = series - target if target else series
    below = np.minimum(excess, 0.0)
    downside = np.sqrt(_mean(below * below))
    return _annual(_ratio(_mean(excess), downside, NOTHING))


def max_drawdown(series: Array) -> Array:
    """Largest fall of the compounded value from its peak, the start included, as a fraction of the peak.

    Shape: [K, T] → [K]; NaN where the value leaves the range of numbers.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.cumprod(1 + series, axis=1)
        peak = np.maximum.accumulate(np.maximum(value, 1.0), axis=1)
        result: Array = (1 - value / peak).max(axis=1)
    result[~np.isfinite(result)] = np.nan
    return result


def win_rate(profits: Array) -> Array:
    """Share above zero: of days with their returns, of closed trades with their profits after costs.

    Shape: [K, T] → [K]; NaN for none at all. Zero is no win.
    """
    count = np.full(len(profits), float(profits.shape[1]))
    return _ratio((profits > 0).sum(axis=1).astype(np.float64), count, 0.0)


def _mean(series: Array) -> Array:
    """A third of the time that numpy's own takes for one series, to the same bits. Shape: [K, T] → [K]."""
    result: Array = np.add.reduce(series, axis=1) / series.shape[1]
    return result


def _annual(daily: Array) -> Array:
    result: Array = daily * YEAR
    return result


def _ratio(above: Array, below: Array, least: float) -> Array:
    """NaN where the denominator is not above `least`."""
    result: Array = np.divide(above, below, out=np.full_like(below, np.nan), where=below > least)
    return result


def group_weights(weights: Array, membership: Array) -> Array:
    """Weight of each group of names. Shape: weights [K, N], membership one-hot [S, N] → [K, S]."""
    result: Array = np.einsum("kn,sn->ks", np.abs(weights), membership)
    return result
