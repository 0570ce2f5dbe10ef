"""Intervals: from the same formulas as the figures, paired, repeatable, and as wide as they promise."""

import numpy as np
import pytest

from app.backtest.statistics.bootstrap import HEADLINE, block_for, bootstrap, draws_of
from app.backtest.statistics.falls import largest_fall, pieces_of
from app.backtest.statistics.figures import Ratio, Way, figures


def noise(seed: int, days: int = 600, mean: float = 0.0) -> Way:
    """A way without any edge but `mean`, with two sums over its days."""
    rng = np.random.default_rng(seed)
    trips = (rng.random(days) < 0.1).astype(np.float64)
    ratios = {"exposure_mean": Ratio(rng.random(days)), "win_rate": Ratio(trips * (rng.random(days) < 0.5), trips)}
    return Way(rng.normal(mean, 0.01, days), 0.0001, ratios)


def test_a_draw_of_every_day_once_gives_the_figures_themselves() -> None:
    """One block as long as the days, begun anywhere: sums are the same; begun at the first, the path is, too."""
    way = noise(1, 100)
    drawn = draws_of([way], 10**9, 400, 0)[0]
    own = figures(way)
    for name in ("total_return", "cagr", "volatility", "sharpe", "sortino", "exposure_mean", "win_rate"):
        assert drawn[name] == pytest.approx(np.full(400, own[name])), name
    for name in ("max_drawdown", "calmar", "time_under_water", "longest_under_water"):
        assert np.isclose(drawn[name], own[name] or 0.0).any(), name


def test_every_draw_is_what_the_figures_say_of_its_days() -> None:
    """With blocks of one day and returns that name their day, the days of a draw can be told from its results."""
    way = noise(2, 80)
    rolled = [figures(Way(np.roll(way.returns, -n), way.rate)) for n in range(80)]
    drawn = draws_of([way], 10**9, 50, 4)[0]
    for fall, under in zip(drawn["max_drawdown"], drawn["longest_under_water"], strict=True):
        assert any(
            np.isclose(one["max_drawdown"] or 0.0, fall) and one["longest_under_water"] == under for one in rolled
        )


def test_the_same_seed_gives_the_same_intervals_and_another_gives_others() -> None:
    first, again, other = (bootstrap([noise(3)], seed, 200)[0].estimates() for seed in (7, 7, 8))
    assert first == again
    assert first["sharpe"] != other["sharpe"]


def test_differences_are_paired_so_that_equal_ways_do_not_differ_at_all() -> None:
    one, same, shifted = bootstrap([noise(4), noise(4), Way(noise(4).returns + 0.0002, 0.0001)], 0, 200)
    none = one.differences(same)["sharpe"]
    assert (none.value, none.low, none.high) == (0.0, 0.0, 0.0)
    better = shifted.differences(one)["cagr"]
    assert better.low is not None
    assert better.low > 0, "a constant advantage is certain where days are paired"


def test_what_only_one_of_two_ways_has_is_not_compared() -> None:
    one, other = bootstrap([noise(5), Way(noise(6).returns)], 0, 100)
    assert "win_rate" not in one.differences(other)


def test_a_statistic_that_most_draws_lack_has_no_interval() -> None:
    once = np.zeros(600)
    once[300] = 1.0
    found = bootstrap([Way(noise(7).returns, 0.0, {"win_rate": Ratio(once, once)})], 0, 200)[0].estimates()
    assert found["win_rate"].value == 1.0
    assert found["win_rate"].low is None


def test_too_few_days_have_no_interval_and_few_have_short_blocks() -> None:
    assert block_for(HEADLINE, 59) is None
    assert block_for(HEADLINE, 80) == 10
    assert block_for(HEADLINE, 5000) == HEADLINE
    (short,) = bootstrap([noise(8, 59)], 0)
    assert short.estimates()["sharpe"].low is None
    assert short.estimates()["sharpe"].value is not None


def test_several_lengths_of_blocks_are_told_where_the_days_bear_them() -> None:
    (found,) = bootstrap([noise(9, 2100)], 0, 50)
    assert list(found.draws) == [63, 21, 126, 252]
    assert found.estimates(21)["max_drawdown"] != found.estimates(252)["max_drawdown"]


def test_nineteen_of_twenty_intervals_hold_the_truth_where_there_is_no_edge() -> None:
    """A normal mean of nought in 200 worlds: 95 % nominal, and no less than 90 % by chance and few days."""
    worlds = [Way(np.random.default_rng(1000 + n).normal(0.0, 0.01, 500)) for n in range(200)]
    held = 0
    for n, world in enumerate(worlds):
        found = draws_of([world], 21, 150, n)[0]["sharpe"]
        low, high = np.quantile(found, [0.025, 0.975])
        held += low <= 0 <= high
    assert 0.90 <= held / 200 <= 0.99


@pytest.mark.parametrize("seed", range(20))
def test_the_largest_fall_of_pieces_is_that_of_the_path_walked(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = np.concatenate(([0.0], np.cumsum(rng.normal(0, 1, rng.integers(2, 90)))))
    starts = rng.integers(0, len(points), (30, 7))
    ends = np.minimum(starts + rng.integers(0, len(points), (30, 7)), len(points) - 1)
    found = largest_fall(points, pieces_of(starts, ends, len(points)))
    for path, (firsts, lasts) in enumerate(zip(starts, ends, strict=True)):
        steps = np.concatenate([np.diff(points[a : b + 1]) for a, b in zip(firsts, lasts, strict=True)])
        value = np.concatenate(([0.0], np.cumsum(steps)))
        assert found[path] == pytest.approx((np.maximum.accumulate(value) - value).max(), abs=1e-9)
