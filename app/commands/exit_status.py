"""What a command's end means to whoever started it. The numbers are a contract: docs/runbook.md has them as a table."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

from app.domain.errors import Halted, NotAllowed, OutOfTime, PolicyError, PortfolioError, UsageError


class ExitStatus(IntEnum):
    """A command that a signal stopped ends with 128 and its number."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    OUT_OF_TIME = 3
    AWAITING_APPROVAL = 4
    HALTED = 5
    REFUSED = 6


_OF_A_RUN: Final[Mapping[str, ExitStatus]] = {
    "done": ExitStatus.DONE,
    "dry_run": ExitStatus.DONE,
    # The exchange is closed: there is nothing to do.
    "skipped": ExitStatus.DONE,
    "reconciled": ExitStatus.DONE,
    "awaiting_approval": ExitStatus.AWAITING_APPROVAL,
    "halted": ExitStatus.HALTED,
    # A person or the clock refused it.
    "rejected": ExitStatus.REFUSED,
    "missed": ExitStatus.REFUSED,
}
_UNSENT: Final = frozenset({"NOT_SENT", "REFUSED", "REJECTED"})


def status_of(report: Mapping[str, Any]) -> ExitStatus:
    """Of the run that this is the report of. What is neither done nor refused, such as `not_ready`, failed."""
    status = _OF_A_RUN.get(report["status"], ExitStatus.FAILED)
    return _of_orders(report.get("orders") or ()) if report["status"] == "done" else status


def _of_orders(orders: Sequence[Mapping[str, Any]]) -> ExitStatus:
    if any(order["state"] == "UNKNOWN" for order in orders):
        return ExitStatus.FAILED
    if orders and all(order["state"] in _UNSENT for order in orders):
        return ExitStatus.REFUSED
    return ExitStatus.DONE


def status_of_error(error: PortfolioError) -> ExitStatus:
    """Of a command that this error ended."""
    match error:
        case UsageError() | PolicyError():
            return ExitStatus.WRONG_USAGE
        case OutOfTime():
            return ExitStatus.OUT_OF_TIME
        case Halted():
            return ExitStatus.HALTED
        case NotAllowed():
            return ExitStatus.REFUSED
        case _:
            return ExitStatus.FAILED
