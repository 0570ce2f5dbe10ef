"""How far a replay has come, on standard error: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.commands.speech import tell

# Seconds between two lines, where there is no terminal.
_QUIET = 10.0


class Course:
    """What was done of how much, counted by `count(done, total)`."""

    def __init__(self) -> None:
        self.done, self.total = 0, 0

    def count(self, done: int, total: int) -> None:
        """So many sessions of so many."""
        self.done, self.total = done, total


class _Lines(Course):
    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._began = self._told = time.monotonic()

    def count(self, done: int, total: int) -> None:
        super().count(done, total)
        now = time.monotonic()
        if now - self._told >= _QUIET and done < total:
            self._told = now
            left = (now - self._began) / done * (total - done)
            tell(f"{done:,} of {total:,} {self._what}, about {left:.0f} s left")


class _Bar(Course):
    def __init__(self, progress: Progress, what: str) -> None:
        super().__init__()
        self._progress = progress
        self._task = progress.add_task(what, total=None)

    def count(self, done: int, total: int) -> None:
        super().count(done, total)
        # Drawing is dearer than a day.
        if done % max(1, min(20, total // 20)) == 0 or done == total:
            self._progress.update(self._task, completed=done, total=total)


@contextmanager
def course(what: str = "sessions") -> Iterator[Course]:
    """For one replay, or for a list of other things."""
    if not (sys.stderr is not None and sys.stderr.isatty()):
        yield _Lines(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, what)
