"""Whether one way is better than another by more than luck, as a report's interval would let a reader say."""

import numpy as np

from app.backtest.statistics.bootstrap import HEADLINE, block_for, draws_of, interval
from app.backtest.statistics.figures import Way
from app.domain.market import Array

DRAWS = 200


def significant(ours: Array, theirs: Array, seed: int) -> bool:
    """The whole interval of the difference in growth is above nought. Shape: returns [D] each."""
    block = block_for(HEADLINE, len(ours))
    if block is None:
        return False
    a, b = (one["cagr"] for one in draws_of((Way(ours), Way(theirs)), block, DRAWS, seed, walked=0))
    low = interval(0.0, np.subtract(a, b)).low
    return low is not None and low > 0
