"""What could have been chosen in time: windows by the calendar, no day chooses for itself, going over is paid."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from app.backtest.sweep.overfitting import probability_of_overfitting
from app.backtest.sweep.walk_forward import (
    Objective,
    Split,
    Tried,
    Window,
    figure_of,
    month_ends,
    walk_forward,
    windows,
)
from app.domain.errors import UsageError
from app.domain.market import Array
from tests.support.histories import sessions

DATES = sessions(756)
SPLIT = Split(1, 6)


def tried(*means: float, exposure: float = 0.5, cost: float = 0.001, seed: int = 3) -> list[Tried]:
    """Policies whose returns differ by their mean alone."""
    noise = np.random.default_rng(seed).normal(0, 0.01, len(DATES))
    months = np.full(len(month_ends(DATES)), exposure)
    return [Tried(noise + mean, months, cost) for mean in means]


def dated(found: Sequence[Window]) -> list[tuple[date, date, date]]:
    return [(DATES[one.start], DATES[one.middle], DATES[one.end - 1]) for one in found]


def test_windows_begin_with_months_and_follow_each_other_without_a_gap() -> None:
    found = windows(DATES, SPLIT)

    assert dated(found)[:2] == [
        (date(2020, 1, 2), date(2021, 1, 4), date(2021, 6, 30)),
        (date(2020, 7, 1), date(2021, 7, 1), date(2021, 12, 31)),
    ]
    assert all(one.end == other.middle for one, other in itertools.pairwise(found))
    assert found[-1].end == len(DATES)


def test_too_few_days_to_choose_by_are_refused() -> None:
    with pytest.raises(UsageError, match="no month after 3 years"):
        windows(DATES[:700], Split(3, 6))


@pytest.mark.parametrize("objective", list(Objective))
def test_the_best_of_the_years_before_is_held_for_the_months_after(objective: Objective) -> None:
    found = walk_forward(tried(0.0, 0.001, -0.001), DATES, SPLIT, objective)

    assert {one.chosen for one in found.choices} == {1}
    np.testing.assert_array_equal(found.returns, tried(0.001)[0].returns[found.first :])


def test_no_day_chooses_the_policy_that_it_is_counted_for() -> None:
    before = tried(0.0, 0.001)
    first = windows(DATES, SPLIT)[0]
    poisoned = [replace(one, returns=_replaced(one.returns, first.middle)) for one in before]

    kept, other = (walk_forward(ways, DATES, SPLIT, Objective.SHARPE).choices[0] for ways in (before, poisoned))

    assert (kept.chosen, kept.in_sample) == (other.chosen, other.in_sample)
    assert kept.chosen == 1
    assert kept.out_of_sample != other.out_of_sample


def test_going_over_to_another_policy_costs_both_books_and_staying_costs_nothing() -> None:
    one, other = tried(0.0, 0.0)
    second = windows(DATES, SPLIT)[1]
    one = replace(one, returns=_raised(one.returns, slice(0, second.start), 0.03))
    other = replace(other, returns=_raised(other.returns, slice(second.start, None), 0.01), cost=0.002)
    found = walk_forward([one, other], DATES, SPLIT, Objective.CAGR)

    assert [c.chosen for c in found.choices[:2]] == [0, 1]
    assert found.choices[0].switch == 0
    assert found.choices[1].switch == pytest.approx(0.5 * 0.001 + 0.5 * 0.002)
    first_day = found.returns[second.middle - found.first]
    assert 1 + first_day == pytest.approx((1 + other.returns[second.middle]) * (1 - 0.0015))


def test_where_no_figure_is_defined_the_first_policy_is_held() -> None:
    flat = Tried(np.zeros(len(DATES)), np.zeros(len(month_ends(DATES))))

    found = walk_forward([flat, flat], DATES, SPLIT, Objective.SHARPE)

    assert {one.chosen for one in found.choices} == {0}
    assert found.in_sample is None


def test_a_way_next_to_cash_is_chosen_by_no_ratio_whatever_it_would_be() -> None:
    calm, wild = tried(0.0, 0.0001)
    calm = replace(calm, returns=np.abs(calm.returns) / 1000)

    assert {one.chosen for one in walk_forward([calm, wild], DATES, SPLIT, Objective.SHARPE).choices} == {1}
    assert figure_of({"volatility": 0.004, "sharpe": 3.0, "cagr": 0.01}, Objective.CALMAR) is None
    assert figure_of({"volatility": 0.004, "sharpe": 3.0, "cagr": 0.01}, Objective.CAGR) == 0.01


def test_policies_without_any_difference_but_luck_are_overfitted_and_a_better_one_is_not() -> None:
    lucky = np.random.default_rng(5).normal(0, 0.01, (40, 800))
    better = lucky.copy()
    better[7] += 0.003

    chance = probability_of_overfitting(lucky)

    assert chance is not None
    assert chance > 0.3
    assert probability_of_overfitting(better) == 0
    assert probability_of_overfitting(np.tile(lucky[:1], (5, 1))) == 1, "no better than the middle"
    assert probability_of_overfitting(lucky[:1]) is None
    assert probability_of_overfitting(lucky[:, :100]) is None


def _replaced(returns: Array, first: int) -> Array:
    made = returns.copy()
    made[first:] = np.random.default_rng(9).normal(0, 0.02, len(made) - first)
    return made


def _raised(returns: Array, days: slice, by: float) -> Array:
    made = returns.copy()
    made[days] += by
    return made
