"""The sample's days in another order: blocks of a year of joint returns, every name with the same drift.

Who is rich at the end is not known beforehand here: the twenty survivors' own drifts are taken out.
"""

import numpy as np

from app.backtest.history import History
from app.backtest.replay import WARM_UP
from app.backtest.sample import sample
from app.backtest.synthetic.draw import history_of
from app.domain.market import Array

BLOCK = 250
YEARS, _YEAR = 23, 252
DRIFT = 0.08
WORDS = (
    "is the sample's days in another order: joint returns in blocks of 250 sessions, every name and the index with a "
    "drift of 8 % a year"
)


def resample(seed: int, name: str) -> History:
    """23 years after a warm-up. Raises: UsageError where the sample is not installed."""
    past = sample()
    if past.index is None:
        raise ValueError("the sample has an index")
    returns = np.diff(np.log(np.column_stack((past.closes, past.index))), axis=0)
    returns += np.log1p(DRIFT) / _YEAR - returns.mean(axis=0)
    found = _in_blocks(returns, WARM_UP + YEARS * _YEAR, np.random.default_rng([seed, BLOCK]))
    starts = np.full(len(past.instruments), 100.0)
    return history_of(name, WORDS, past.instruments, starts, found[:, :-1], found[:, -1])


def _in_blocks(returns: Array, days: int, generator: np.random.Generator) -> Array:
    """Shape: [T, N] → [days, N]."""
    starts = generator.integers(0, len(returns) - BLOCK + 1, -(-days // BLOCK))
    rows = (starts[:, None] + np.arange(BLOCK)).ravel()[:days]
    found: Array = returns[rows]
    return found
