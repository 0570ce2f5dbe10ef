"""What an account holds that no rule orders: counted where it has a value, listed with the reason, and left alone."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class UnmanagedHolding:
    """One line. `value` is its part of NAV and `exposure` what it moves with, in the account's base currency.

    None where nobody tells. `quantity` is signed, in the broker's units. `value_from` is the session whose value is
    carried, None for today's.
    """

    symbol: str
    asset_class: str
    reason: str
    conid: int | None = None
    currency: str | None = None
    quantity: Decimal | None = None
    value: Decimal | None = None
    exposure: Decimal | None = None
    value_from: date | None = None

    @property
    def is_held(self) -> bool:
        """A line of zero units is only told of."""
        return self.quantity != 0


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row of the broker's lists that could not be read: what it is one of, whose, and why."""

    kind: str
    reason: str
    conid: int | None = None
    symbol: str | None = None
