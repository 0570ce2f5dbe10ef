"""Cash that no trade explains: what the broker, a statement or a person says of it, and which of it moved the cash.

Income and costs are performance; money paid in or out is a flow, neither gain nor loss.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import combinations

CENT = Decimal("0.01")
# How far apart the day that a person names and the broker's may be.
SAME_MONEY = timedelta(days=5)
# Beyond so many rows only whole days are tried, not every choice among them.
_FEW = 12


class CashKind(StrEnum):
    """What a movement of cash was. `OTHER` is in no words that are known, and explains nothing by itself."""

    DIVIDEND = "dividend"
    INTEREST = "interest"
    FEE = "fee"
    WITHHOLDING_TAX = "withholding_tax"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    OTHER = "other"

    @property
    def is_flow(self) -> bool:
        """Money from outside, or to it; all else that is known is a return on the account."""
        return self in _FLOWS


_FLOWS = frozenset({CashKind.DEPOSIT, CashKind.WITHDRAWAL, CashKind.TRANSFER})


class CashSource(StrEnum):
    """Where a row is from, the most certain first."""

    TRANSACTIONS = "transactions"
    STATEMENT = "statement"
    PERFORMANCE = "performance"


@dataclass(frozen=True, slots=True)
class CashRow:
    """One movement of cash as it was told, negative where it was paid; `amount` in `currency`.

    `rate` is the row's own, base currency for one of `currency`; `margin` how far the amount may be off; `conid` of the
    contract that it came from.
    """

    id: str
    day: date
    kind: CashKind
    amount: Decimal
    currency: str
    description: str = ""
    conid: int | None = None
    rate: Decimal | None = None
    margin: Decimal = Decimal(0)
    source: CashSource = CashSource.TRANSACTIONS

    @property
    def explains(self) -> bool:
        """Whether it can move cash: of words that are known, and no transfer of shares."""
        return self.kind is not CashKind.OTHER and not (self.kind is CashKind.TRANSFER and self.conid is not None)


@dataclass(frozen=True, slots=True)
class ValuedRow:
    """A row and its amount in the account's base currency, in whole cents."""

    row: CashRow
    value: Decimal


Choice = tuple[ValuedRow, ...]


def explaining(rows: Sequence[ValuedRow], moved: Decimal, tolerance: Decimal) -> Choice:
    """Those rows that cash of `moved` shows: what they leave of it is least, and then they are fewest and oldest.

    A row whose money has not moved stays out: what the chosen come to is `moved` within `tolerance`, or a part of it.
    """
    ordered = sorted(rows, key=lambda one: (one.row.day, one.row.id))
    choices: Iterable[Choice]
    if _left(tuple(ordered), moved) <= CENT:
        choices = [tuple(ordered)]
    elif len(ordered) <= _FEW:
        choices = (some for count in range(len(ordered) + 1) for some in combinations(ordered, count))
    else:
        choices = [*(tuple(ordered[:count]) for count in range(len(ordered) + 1)), *((one,) for one in ordered)]
    possible = [some for some in choices if _is_shown(some, moved, tolerance)]
    return min(possible, key=lambda some: (_left(some, moved), len(some)), default=())


def _total(some: Choice) -> Decimal:
    return sum((one.value for one in some), Decimal(0))


def _left(some: Choice, moved: Decimal) -> Decimal:
    return abs(moved - _total(some))


def _is_shown(some: Choice, moved: Decimal, tolerance: Decimal) -> bool:
    total = _total(some)
    part = total * moved > 0 and abs(total) <= abs(moved)
    return part or abs(moved - total) <= tolerance


def valued(rows: Iterable[CashRow], rate: Callable[[str], Decimal | None]) -> tuple[ValuedRow, ...]:
    """At the account's rate, else at the row's own; one without either is left out."""
    found = []
    for row in rows:
        known = rate(row.currency) or row.rate
        if known is not None:
            value = (row.amount * known).quantize(CENT)
            found += [ValuedRow(row, value)] if value else []
    return tuple(found)
