"""Cash flows: how a person writes one, and which amounts and dates can be true of an account at all."""

import re
from datetime import date
from decimal import Decimal

from app.domain.errors import UsageError

EXAMPLE = "Write an amount like 5000 or -250.10, and a day like 2022-03-14"

MOST = Decimal(10) ** 12
CENT = Decimal("0.01")
FIRST, LAST = date(1980, 1, 1), date(2199, 12, 31)


def impossible(amount: Decimal, session_date: date) -> str | None:
    """Why no account can have seen such a flow, in words; None where one can."""
    if not amount.is_finite() or amount == 0:
        return f"{amount} is not an amount that can be paid in or out"
    if abs(amount) >= MOST:
        return f"an amount of {amount:.3g} is beyond every account; the limit is {MOST:,}"
    if amount != amount.quantize(CENT):
        return f"an amount of {str(amount)[:40]} has more than two decimals"
    if not FIRST <= session_date <= LAST:
        return f"{session_date} is not between {FIRST} and {LAST}"
    return None


def amount_of(written: object) -> Decimal:
    """Plain digits, and nothing else that could be read as a number somewhere. Raises UsageError."""
    text = str(written)
    if not re.fullmatch(r"[+-]?[0-9]{1,40}([.][0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", text):
        raise UsageError(f"{text[:40]!r} is not an amount", EXAMPLE)
    return Decimal(text)


def day_of(written: object) -> date:
    """Raises UsageError."""
    text = str(written)
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise UsageError(f"{text[:40]!r} is not a day of the calendar", EXAMPLE)
