"""Targets that only the last bits of their sums tell apart are equal: the name decides, on every machine."""

from app.decision.targets import largest_first
from app.domain.tolerance import by_size


def test_of_targets_that_are_equal_but_for_their_last_bit_the_first_conid_is_served_first() -> None:
    more, less = 0.1 + 0.2, 0.3
    assert more > less
    for wanted in ({1: less, 2: more}, {2: more, 1: less}, {1: more, 2: less}):
        assert list(largest_first(wanted, 0.35, 0.0)) == [1, 2]
        assert largest_first(wanted, 0.2, 0.0).keys() == {1}


def test_what_is_larger_by_a_millionth_is_larger() -> None:
    assert by_size(0.3) < by_size(0.3000003)
    assert by_size(1e9) < by_size(1.000001e9)
    assert by_size(float("-inf")) == float("-inf")
