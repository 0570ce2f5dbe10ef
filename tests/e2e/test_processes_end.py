"""Whatever ends a command, the processes that it started end with it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from app.commands.processes import free_ports
from tests.e2e.command import PATIENCE_SECONDS, PROGRAM, children, environment, foreground, is_alive
from tests.e2e.test_up import DAY, up_arguments

# Nothing of ours is alive so long after its parent.
END_SECONDS = 10


def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether it came true within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(processes: Sequence[int]) -> list[int]:
    """Those of them that still run."""
    return [each for each in processes if is_alive(each)]


def test_everything_ends_with_an_up_that_is_killed_while_its_children_are_frozen(tmp_path: Path) -> None:
    with foreground(tmp_path, *up_arguments(tmp_path, free_ports())) as (process, _):
        started = children(process.pid)
        assert len(started) == 3
        for each in started:
            os.kill(each, signal.SIGSTOP)
        process.kill()
        process.wait(PATIENCE_SECONDS)
        assert until(lambda: alive(started) == [], END_SECONDS), alive(started)
