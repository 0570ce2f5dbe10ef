"""The fixed sample of every test run; `--hypothesis-profile=full` takes 1,500 examples, drawn anew."""

from hypothesis import settings

from tests.reliability.stateful.machine import Days

TestDays = Days.TestCase
TestDays.settings = settings(stateful_step_count=10)
