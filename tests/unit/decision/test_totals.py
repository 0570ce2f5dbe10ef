"""Weights are added up alike on every Python."""

from app.domain.totals import total_of


def test_a_sum_is_rounded_at_each_step_whatever_the_python() -> None:
    assert total_of([0.1] * 10) == 0.9999999999999999
    assert total_of([]) == 0
