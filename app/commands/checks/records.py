"""One finding of the doctor. Its JSON form is a contract with callers; no secret and no whole account id is in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """`skipped` was not looked at; its finding says why."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """`finding` is one line; `remedy` is what a person can do, None where there is nothing to do."""

    name: str
    status: Status
    finding: str
    remedy: str | None = None

    @property
    def is_passed(self) -> bool:
        """Whether what hangs on it can be looked at."""
        return self.status is Status.OK


def ok(name: str, finding: str) -> Check:
    """Nothing to do."""
    return Check(name, Status.OK, finding)


def warning(name: str, finding: str, remedy: str | None) -> Check:
    """It works, and somebody should look."""
    return Check(name, Status.WARNING, finding, remedy)


def failure(name: str, finding: str, remedy: str | None) -> Check:
    """A run would fail, or do less than asked."""
    return Check(name, Status.FAILURE, finding, remedy)


def skipped(names: Iterable[str], why: str) -> tuple[Check, ...]:
    """Those could not be looked at."""
    return tuple(Check(name, Status.SKIPPED, why) for name in names)
