"""What the options of a backtest mean; each wrong one is a line that says what to write instead."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from app.backtest.history import History
from app.backtest.replay import WARM_UP, graded
from app.domain.errors import UsageError
from app.domain.policy import Policy
from app.settings import Settings, load_policy

DEFAULT_BOOK = "even:250000"


def day_of(option: str, text: str | None) -> date | None:
    """The value of an option that takes a date."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text} is not a date", "Write it as YYYY-MM-DD") from None


def span(history: History, first: date | None, last: date | None) -> tuple[date, date]:
    """From and to, the whole history after its warm-up where they are not given. Raises: UsageError."""
    if first is not None and last is not None and first > last:
        raise UsageError(f"--from {first} is after --to {last}", "Exchange them")
    if len(history.dates) <= WARM_UP:
        raise UsageError(
            f"{history.name} has {len(history.dates)} sessions, and {WARM_UP} must come before the first decision",
            "Take other data with --data",
        )
    begins, ends = first or history.dates[WARM_UP], last or history.dates[-1]
    rows = graded(history, begins, ends)
    return history.dates[rows.start], history.dates[rows.stop - 1]


def policies_of(files: Sequence[Path], settings: Settings) -> tuple[Policy, ...]:
    """Of the files, or the configured one; each once. Raises: PolicyError, UsageError."""
    found = tuple(load_policy(file) for file in files or (settings.policy_file,))
    if len({one.hash for one in found}) < len(found):
        raise UsageError("two of the policies say the same", "Name each once")
    return found


def number(option: str, text: str, least: str, most: str) -> Decimal:
    """Raises: UsageError outside of both."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and Decimal(least) <= value <= Decimal(most)):
        raise UsageError(f"{option} {text} is not a number from {least} to {most}")
    return value
