"""A sample of the seeds, the greater part of it long; `python -m tests.reliability.interleaving` runs more."""

import pytest

from tests.reliability.interleaving.suite import eased, measure, one
from tests.support.thinning import thin

SAMPLES = thin([range(30), range(30, 130)], 2)
SAMPLES_OF_MISJUDGED = thin([range(8), range(8, 28)], 2)
SAMPLES_OF_EASED = thin([range(6), range(6, 60)], 2)


@pytest.mark.parametrize("seeds", SAMPLES, ids=str)
def test_two_workers_in_any_order_never_break_an_invariant(seeds: range) -> None:
    figures = measure(seeds)
    assert figures.violating == {}
    assert min(figures.kills, figures.takeovers, figures.arrivals) > 0
    assert len(figures.kinds) == 6


def test_a_seed_shows_the_same_every_time() -> None:
    first, second = one(3), one(3)
    assert (first.switches, first.kills, first.takeovers, first.arrivals) == (
        second.switches,
        second.kills,
        second.takeovers,
        second.arrivals,
    )


@pytest.mark.parametrize("seeds", SAMPLES_OF_MISJUDGED, ids=str)
def test_a_worker_that_is_wrongly_taken_for_dead_costs_a_run_its_turn_and_no_order_twice(seeds: range) -> None:
    figures = measure(seeds, "whoever runs is taken for dead")
    assert figures.violating == {}
    assert min(figures.takeovers, figures.arrivals) > 0


# The seeds are known to meet what the safeguard is there for.
@pytest.mark.parametrize(
    ("variant", "seeds", "seen"),
    [
        ("no fence", range(9, 25, 15), "I4"),
        ("no fence, no guard", range(46, 83, 36), "I2"),
        ("slots beside one another", range(12, 55, 42), "I7"),
    ],
)
def test_a_safeguard_that_is_taken_away_is_missed(variant: str, seeds: range, seen: str) -> None:
    assert measure(seeds, variant).by_invariant[seen] > 0


@pytest.mark.parametrize("seeds", SAMPLES_OF_EASED, ids=str)
def test_a_level_is_lowered_once_by_whoever_measures_first_and_never_over_what_a_person_set(seeds: range) -> None:
    found = [eased(seed) for seed in seeds]
    assert [result.violations for result in found if result.violations] == []
    assert {result.levels[:2] for result in found} == {
        ("level_raised", "level_lowered"),
        ("level_raised", "level_set"),
    }
    assert all(result.levels.count("level_lowered") <= 1 for result in found)


def test_a_level_that_is_lowered_without_a_look_at_it_is_missed() -> None:
    # Seeds that are known to have a person come in between.
    for seed in (59, 85):
        assert any("I10" in words for words in eased(seed, "no look at the level").violations)
        assert eased(seed).violations == []
