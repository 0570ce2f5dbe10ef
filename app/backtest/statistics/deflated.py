"""The Sharpe ratio of the best of many trials: how likely it is more than luck.

Source: Bailey and López de Prado, The deflated Sharpe ratio, 2014. Ratios here are a session's, not a year's.
"""

import math
from statistics import NormalDist

import numpy as np

from app.domain.market import Array
from app.risk.metrics import NOTHING

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


def luckiest(trials: int, spread: float) -> float:
    """The largest ratio to expect of so many trials without any merit; `spread`: standard deviation of their ratios."""
    if trials < 2:
        return 0.0
    best = (1 - _EULER) * _NORMAL.inv_cdf(1 - 1 / trials) + _EULER * _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return spread * best


def deflated_sharpe(returns: Array, trials: int, spread: float | None = None, rate: float = 0.0) -> float | None:
    """Probability that the true ratio is above zero, for one taken out of so many trials. Shape: [D].

    `spread`: standard deviation of the trials' ratios; without it what chance alone gives one ratio. None for a series
    that does not vary.
    """
    days = len(returns)
    if days < 3:
        return None
    less = returns - returns.mean()
    sd = float(np.sqrt((less * less).sum() / (days - 1)))
    if sd <= NOTHING:
        return None
    ratio = float(returns.mean() - rate) / sd
    even = float((less * less).mean())
    skew = float((less**3).mean()) / even**1.5
    kurtosis = float((less**4).mean()) / even**2
    variance = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio * ratio
    if variance <= 0:
        return None
    error = math.sqrt(variance / (days - 1))
    return _NORMAL.cdf((ratio - luckiest(trials, error if spread is None else spread)) / error)
