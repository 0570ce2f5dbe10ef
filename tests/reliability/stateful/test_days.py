"""A fixed sample in every test run; the long one and `--hypothesis-profile=full` take more, the latter drawn anew."""

import pytest
from hypothesis import settings

from tests.reliability.stateful.machine import Days

TestDays = Days.TestCase
TestDays.settings = settings(stateful_step_count=10, max_examples=15)


class MoreDays(Days):
    """As many examples as the profile has."""


TestMoreDays = pytest.mark.long(MoreDays.TestCase)
TestMoreDays.settings = settings(stateful_step_count=10)
