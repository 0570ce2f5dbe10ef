"""Shares are 1 in all, whatever is known of the names."""

from collections.abc import Mapping

import numpy as np
import pytest

from app.allocation import shares
from app.domain.market import Market
from app.domain.policy import Weighting
from tests.support.worlds import LENGTH, closes, conid, market, with_history

NAMES = ("AA", "BB", "CC")
AA, BB, CC = NUMBERS = tuple(map(conid, NAMES))
DAY = with_history(
    market(), {name: closes(1, volatility=part) for name, part in zip(NAMES, (0.005, 0.01, 0.02), strict=True)}
)


def shares_of(weighting: Weighting, day: Market, scores: Mapping[int, float]) -> dict[int, float]:
    found = shares(weighting, day, NUMBERS, scores, {})
    assert found is not None
    return found


def test_equal_gives_each_the_same() -> None:
    assert shares_of(Weighting.EQUAL, DAY, {}) == dict.fromkeys(NUMBERS, 1 / 3)


def test_half_the_volatility_gets_twice_the_share() -> None:
    found = shares_of(Weighting.INVERSE_VOLATILITY, DAY, {})
    assert found == {
        AA: pytest.approx(4 / 7, abs=0.01),
        BB: pytest.approx(2 / 7, abs=0.01),
        CC: pytest.approx(1 / 7, abs=0.01),
    }
    assert sum(found.values()) == pytest.approx(1)


def test_shares_by_score_are_in_proportion() -> None:
    assert shares_of(Weighting.SCORE, DAY, {AA: 1.0, BB: 0.5, CC: 0.5}) == {AA: 0.5, BB: 0.25, CC: 0.25}


def test_a_name_that_is_not_known_counts_as_the_last_of_the_others() -> None:
    assert shares_of(Weighting.SCORE, DAY, {AA: 1.0, BB: 0.5}) == {AA: 0.5, BB: 0.25, CC: 0.25}
    without = market(history={number: one for number, one in DAY.history.items() if number != AA})
    found = shares_of(Weighting.INVERSE_VOLATILITY, without, {})
    assert found[AA] == found[CC] < found[BB]


def test_a_price_that_never_moves_does_not_get_everything() -> None:
    still = with_history(DAY, {"AA": np.full(LENGTH, 100.0)})
    found = shares_of(Weighting.INVERSE_VOLATILITY, still, {})
    assert found[AA] == found[CC] < found[BB]


@pytest.mark.parametrize("weighting", [Weighting.INVERSE_VOLATILITY, Weighting.SCORE])
def test_where_nothing_is_known_each_gets_the_same(weighting: Weighting) -> None:
    assert shares_of(weighting, market(history={}), {}) == dict.fromkeys(NUMBERS, 1 / 3)


def test_nobody_shares_nothing() -> None:
    assert shares(Weighting.EQUAL, DAY, (), {}, {}) == {}
