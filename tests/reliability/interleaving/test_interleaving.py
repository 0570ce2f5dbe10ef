"""A sample of the seeds; `python -m tests.reliability.interleaving` runs as many as one likes."""

import pytest

from tests.reliability.interleaving.suite import measure, one

SAMPLE = range(100)


def test_two_workers_in_any_order_never_break_an_invariant() -> None:
    figures = measure(SAMPLE)
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


# The seeds are known to meet what the safeguard is there for.
@pytest.mark.parametrize(
    ("variant", "seeds", "seen"),
    [
        ("no fence", range(4, 6), "I4"),
        ("no fence, no guard", range(57, 98, 40), "I2"),
        ("slots beside one another", range(177, 179), "I7"),
    ],
)
def test_a_safeguard_that_is_taken_away_is_missed(variant: str, seeds: range, seen: str) -> None:
    assert measure(seeds, variant).by_invariant[seen] > 0
