"""Whether a replay may be chosen by a model at all: what happened before it learned is no test of it.

Here only rules choose, and no command offers a model. Whoever builds one on this asks here first.
Source: Profit Mirage, arXiv 2510.07920: past a model's knowledge its backtested Sharpe ratio halves.
"""

import calendar
from datetime import date

from app.domain.errors import UsageError

# Facts of the months before a cut-off reach a model through what was written after it.
MARGIN_MONTHS = 6


def mark_of_model(cutoff: date, first: date, force: bool = False) -> str | None:
    """What must stand on every output where the replay begins too early and was forced; None where it may begin.

    `cutoff`: the last day that the model knows of, `first`: the first day that is decided. Raises: UsageError.
    """
    earliest = _later(cutoff, MARGIN_MONTHS)
    if first >= earliest:
        return None
    if not force:
        raise UsageError(
            f"a model that knows of everything until {cutoff} cannot be tested from {first} on",
            f"Begin on {earliest} or later",
        )
    return f"CONTAMINATED: the model knew of everything until {cutoff}, and days from {first} on were chosen by it"


def _later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
