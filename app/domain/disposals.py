"""Shares of one purchase, held or sold: what they cost, how long they were held, and what of a loss is deferred."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

WINDOW = timedelta(days=30)
NOTHING = Fraction(0)


class Term(StrEnum):
    """How long what was sold had been held; unknown where it was bought before the record began or by another hand."""

    SHORT = "short"
    LONG = "long"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the instrument's currency, and in base at the rates of its days; None where nobody knows those."""

    own: Fraction = NOTHING
    base: Fraction | None = NOTHING

    def __add__(self, other: "Money") -> "Money":
        base = None if self.base is None or other.base is None else self.base + other.base
        return Money(self.own + other.own, base)

    def __sub__(self, other: "Money") -> "Money":
        return self + other * Fraction(-1)

    def __mul__(self, factor: Fraction) -> "Money":
        return Money(self.own * factor, None if self.base is None else self.base * factor)

    @property
    def is_loss(self) -> bool:
        """In base currency, where that is known."""
        return (self.own if self.base is None else self.base) < 0


ZERO = Money()


@dataclass(frozen=True, slots=True)
class TaxLot:
    """Shares of one purchase that are still held. `cost` a share with fees and what was deferred to it.

    The term counts from `since`: earlier than `acquired` where the shares replace others that were sold at a loss.
    """

    purchase: int
    acquired: date | None
    since: date | None
    quantity: Fraction
    cost: Money | None
    replaces: bool = False

    def term(self, day: date) -> Term:
        """Long from the day after the anniversary."""
        if self.since is None:
            return Term.UNKNOWN
        return Term.LONG if day >= _years_on(self.since + timedelta(days=1)) else Term.SHORT

    def taken(self, quantity: Fraction) -> "TaxLot":
        """So many shares of it."""
        return replace(self, quantity=quantity)


@dataclass(frozen=True, slots=True)
class Disposal:
    """Shares of one purchase in one sale. None where a price or a cost is not known.

    Of a loss `deferred` counts as cost of `replaced` other shares.
    """

    lot: TaxLot
    sold: date
    proceeds: Money | None
    deferred: Money = ZERO
    replaced: Fraction = NOTHING

    @property
    def quantity(self) -> Fraction:
        return self.lot.quantity

    @property
    def cost(self) -> Money | None:
        return None if self.lot.cost is None else self.lot.cost * self.quantity

    @property
    def gain(self) -> Money | None:
        """Before what is deferred."""
        return None if self.proceeds is None or self.cost is None else self.proceeds - self.cost

    @property
    def counted(self) -> Money | None:
        """What of the gain counts now."""
        return None if self.gain is None else self.gain + self.deferred

    @property
    def term(self) -> Term:
        return self.lot.term(self.sold)

    @property
    def until(self) -> date:
        """Until when a purchase defers what it lost."""
        return self.sold + WINDOW

    @property
    def open_loss(self) -> Fraction:
        """Shares sold at a loss that nothing has replaced."""
        return self.quantity - self.replaced if self.gain is not None and self.gain.is_loss else NOTHING

    def replaced_by(self, lot: TaxLot) -> tuple["Disposal", TaxLot]:
        """As many shares as `lot` has take the loss over, and the days for which the sold ones were held."""
        loss = self.gain or ZERO
        each = Money(_only_loss(loss.own), None if loss.base is None else _only_loss(loss.base)) * (1 / self.quantity)
        # The days of shares that nobody knows the date of are not known either.
        since = None if lot.since is None or self.lot.since is None else lot.since - (self.sold - self.lot.since)
        cost = None if lot.cost is None else lot.cost + each
        sold = replace(self, deferred=self.deferred + each * lot.quantity, replaced=self.replaced + lot.quantity)
        return sold, replace(lot, cost=cost, since=since, replaces=True)


def _only_loss(amount: Fraction) -> Fraction:
    return max(NOTHING, -amount)


def _years_on(day: date) -> date:
    """The same day a year later; 1 March for 29 February."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 3, 1)
