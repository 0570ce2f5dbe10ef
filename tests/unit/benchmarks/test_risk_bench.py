"""What the bench of the risk engine times is the engine's own work, and comes out whole."""

import numpy as np
import pytest

from app.risk import metrics
from tests.benchmarks.risk import DAYS, GROUPS, decide_fresh, decide_together, returns_of, statistics, twenty


def test_the_statistics_that_are_timed_are_numbers_of_every_portfolio() -> None:
    names = 30
    returns, weights = returns_of(names), np.full((3, names), 0.03)
    membership = np.eye(GROUPS)[:, np.arange(names) % GROUPS]
    for found in statistics(weights, returns, membership, returns[:, 0]):
        assert len(found) == 3
        assert np.isfinite(found).all()


@pytest.mark.real_prices
def test_the_decision_that_is_timed_is_one_of_twenty_positions() -> None:
    assert returns_of(20).shape == (metrics.SESSIONS_PER_YEAR, 20)
    inputs = twenty(DAYS[0])
    assert len(inputs.portfolio.positions) == 20
    assert decide_fresh(inputs).chosen.orders
    assert len(decide_fresh(inputs).options.candidates) > 1
    assert decide_together(inputs, 3) == (decide_fresh(inputs),) * 3
