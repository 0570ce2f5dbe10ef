"""A model is not tested on what it has read."""

from datetime import date

import pytest

from app.backtest.model_guard import mark_of_model
from app.domain.errors import UsageError


def test_a_replay_may_begin_half_a_year_after_what_the_model_knows() -> None:
    assert mark_of_model(date(2025, 8, 31), date(2026, 2, 28)) is None
    with pytest.raises(UsageError, match=r"until 2025-08-31 cannot be tested from 2026-02-27 on\. Begin on 2026-02-28"):
        mark_of_model(date(2025, 8, 31), date(2026, 2, 27))


def test_one_that_was_forced_is_marked_everywhere() -> None:
    mark = mark_of_model(date(2025, 6, 1), date(2020, 1, 2), force=True)
    assert mark is not None
    assert mark.startswith("CONTAMINATED")
