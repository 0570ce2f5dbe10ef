"""Policies led in two processes: the same ways, whatever becomes of the second one."""

import os
import signal
from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from app.backtest.replay import Replayed, replay
from app.backtest.side_by_side import replay_side_by_side
from app.domain.errors import DataError
from app.domain.policy import Policy
from tests.unit.backtest.test_judge import asked, policy

pytestmark = pytest.mark.slow

HERE = os.getpid()
POLICIES = (policy(), policy(name="other"), policy(name="third"))


def led(
    lead: Callable[..., tuple[Replayed, ...]], policies: tuple[Policy, ...] = POLICIES, **more: object
) -> list[str]:
    """What came of each, as text."""
    of = asked()
    return [told(one) for one in lead(policies, of.history, of.book, of.assumptions, of.first, of.last, **more)]


def told(way: Replayed) -> str:
    """Every bit of every field."""
    values = {one.name: getattr(way, one.name) for one in fields(way)}
    return repr({name: v.tobytes() if isinstance(v, np.ndarray) else v for name, v in values.items()})


def test_two_processes_come_to_what_one_comes_to() -> None:
    assert led(replay_side_by_side, keep_metrics=True, least=0) == led(replay, keep_metrics=True)


def test_few_days_are_led_in_this_process() -> None:
    parents: list[int] = []
    led(replay_side_by_side, tell=lambda done, total: parents.append(os.getpid()))
    assert set(parents) == {os.getpid()}


def test_what_is_told_goes_forward_to_the_end() -> None:
    steps: list[tuple[int, int]] = []
    led(replay_side_by_side, tell=lambda done, total: steps.append((done, total)), least=0)
    assert steps == sorted(steps)
    assert steps[-1] == (78, 78)


class Fatal(Policy):
    """Kills whichever other process replays it."""

    def __getattribute__(self, name: str) -> object:
        """Of its limits."""
        if name == "risk_limits" and os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getattribute__(name)


class Faulty(Policy):
    """Cannot be replayed."""

    def __getattribute__(self, name: str) -> object:
        """Of its limits."""
        if name == "risk_limits":
            raise DataError("no limits today")
        return super().__getattribute__(name)


def test_a_second_process_that_is_killed_costs_nothing_but_time() -> None:
    both = (policy(), Fatal.model_construct(**dict(policy())))
    assert led(replay_side_by_side, both, least=0) == led(replay, both)


def test_an_error_there_is_raised_here() -> None:
    both = (policy(), Faulty.model_construct(**dict(policy())))
    with pytest.raises(DataError, match="no limits today"):
        led(replay_side_by_side, both, least=0)
