"""Portfolio statistics on arrays with a leading portfolio axis K; live there is one portfolio.

Weights [K, N] are fractions of NAV, returns [T, N] are simple daily returns, newest last. Losses are positive. A value
that cannot be computed is an error, never a number, and sums do not depend on K: a sweep gives the bits of a live run.
"""

from collections.abc import Sequence

import numpy as np

from app.domain.errors import DataError, InsufficientHistory
from app.domain.market import Array

TAIL = 0.05
NORMAL_QUANTILE = 1.6448536269514722
DECAY = 0.94
MIN_RETURNS = 60
SESSIONS_PER_YEAR = 252


def portfolio_returns(weights: Array, returns: Array) -> Array:
    """Today's weights over past returns.

    Shape: weights [K, N], returns [T, N] → [K, T].
    Raises: InsufficientHistory below 60 returns, DataError for input that is not finite.
    """
    if len(returns) < MIN_RETURNS:
        raise InsufficientHistory(f"{len(returns)} returns, at least {MIN_RETURNS} are needed")
    if not (np.isfinite(returns).all() and np.isfinite(weights).all()):
        raise DataError("returns or weights hold a value that is not finite")
    # Not `weights @ returns.T`: a matrix product gives other bits for other K.
    result: Array = np.einsum("kn,tn->kt", weights, returns)
    return result


def volatility(series: Array) -> Array:
    """Annualised standard deviation (n - 1). Shape: [K, T] → [K]."""
    result: Array = series.std(axis=1, ddof=1) * np.sqrt(SESSIONS_PER_YEAR)
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
    ages = np.arange(series.shape[1] - 1, -1, -1)
    influence = decay**ages
    variance = np.einsum("kt,t->k", series * series, influence / influence.sum())
    result: Array = quantile * np.sqrt(variance)
    return result


def value_at_risk(series: Array) -> Array:
    """The larger of the historical and the exponentially weighted estimate. Shape: [K, T] → [K]."""
    result: Array = np.maximum(historical_var(series), ewma_var(series))
    return result


def expected_shortfall(series: Array, tail: float = TAIL) -> Array:
    """Mean of the worst tail x T returns, the last one weighted by the fraction, as a positive loss.

    Shape: [K, T] → [K]. Source: Acerbi and Tasche, On the coherence of expected shortfall, 2002.
    """
    size = tail * series.shape[1]
    rank = int(size)
    ordered = np.sort(series, axis=1)[:, : rank + 1]
    result: Array = -(ordered[:, :rank].sum(axis=1) + (size - rank) * ordered[:, rank]) / size
    return result


def implied_correlation(weights: Array, returns: Array, series: Array) -> Array:
    """Average correlation that the portfolio's variance implies. Shape: [K, N], [T, N], [K, T] → [K].

    NaN where it is undefined (fewer than two names that vary): the caller makes that a missing value.
    """
    single = weights * returns.std(axis=0, ddof=1)
    variance = series.var(axis=1, ddof=1)
    own = (single * single).sum(axis=1)
    rest = single.sum(axis=1) ** 2 - own
    undefined = np.full_like(variance, np.nan)
    result: Array = np.divide(variance - own, rest, out=undefined, where=rest > 1e-18)
    return result


def correlation(returns: Array) -> Array:
    """Pairwise correlation; a series that never moves correlates with nothing. Shape: [T, N] → [N, N]."""
    centred = returns - returns.mean(axis=0)
    length = np.sqrt((centred * centred).sum(axis=0))
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    result: Array = unit.T @ unit
    return result


def clusters(pairs: Array, held: Sequence[int], threshold: float) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more held columns that move as one: connected components of correlation above `threshold`."""
    groups: list[tuple[int, ...]] = []
    waiting = list(held)
    while waiting:
        group, frontier = [], [waiting.pop(0)]
        while frontier:
            column = frontier.pop()
            group.append(column)
            near = [other for other in waiting if pairs[column, other] > threshold]
            waiting = [other for other in waiting if other not in near]
            frontier.extend(near)
        if len(group) > 1:
            groups.append(tuple(sorted(group)))
    return tuple(groups)


def cluster_weight(weights: Array, pairs: Array, threshold: float) -> Array:
    """Weight of the heaviest cluster of held names, 0 where no two held names are tied. Shape: [K, N], [N, N] → [K]."""
    sizes = np.abs(weights)
    heaviest = np.zeros(len(weights))
    for row, size in enumerate(sizes):
        held = np.flatnonzero(size > 0).tolist()
        heaviest[row] = max((size[list(group)].sum() for group in clusters(pairs, held, threshold)), default=0.0)
    return heaviest


def group_weights(weights: Array, membership: Array) -> Array:
    """Weight of each group of names. Shape: weights [K, N], membership one-hot [S, N] → [K, S]."""
    result: Array = np.einsum("kn,sn->ks", np.abs(weights), membership)
    return result
