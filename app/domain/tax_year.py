"""Gains added up: what a year's sales brought, what is held and not sold yet, and what planned orders would change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from app.domain.disposals import NOTHING, WINDOW, ZERO, Disposal, Money, Term
from app.domain.lots import Fill
from app.domain.policy.tax import LotMethod
from app.domain.tax import Name, NameRecord, name_record

NO_TERMS: Mapping[Term, Money] = dict.fromkeys(Term, ZERO)


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over shares. `gain` is before what is `deferred`; `terms` add up to what counts of it.

    `unknown` shares, of which a price or the cost is not known, are in `quantity` and in nothing else.
    """

    quantity: Fraction = NOTHING
    proceeds: Money = ZERO
    cost: Money = ZERO
    deferred: Money = ZERO
    terms: Mapping[Term, Money] = field(default_factory=lambda: NO_TERMS)
    unknown: Fraction = NOTHING

    @property
    def gain(self) -> Money:
        return self.proceeds - self.cost

    @property
    def counted(self) -> Money:
        """What of the gain counts now."""
        return self.gain + self.deferred

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.quantity + other.quantity,
            self.proceeds + other.proceeds,
            self.cost + other.cost,
            self.deferred + other.deferred,
            {term: self.terms[term] + other.terms[term] for term in Term},
            self.unknown + other.unknown,
        )


NO_TALLY = Tally()


def tally(disposals: Iterable[Disposal]) -> Tally:
    """Of these sales."""
    return sum((_tally(one) for one in disposals), NO_TALLY)


def realised(record: NameRecord, first: date, last: date) -> Tally:
    """Of the sales from `first` to `last`, both included."""
    return tally(one for one in record.disposals if first <= one.sold <= last)


def unrealised(record: NameRecord, price: Money | None, today: date) -> Tally:
    """As if all that is held were sold today at `price` a share."""
    return tally(Disposal(lot, today, None if price is None else price * lot.quantity) for lot in record.lots)


@dataclass(frozen=True, slots=True)
class Planned:
    """What one name's orders of a day would bring: `sales`, and `late`: losses of earlier sales that buying puts off.

    `bought_until`: until when a sale at a loss is put off because the name was bought; `loss_open_until`: until when
    buying it again would put off what the sales lose.
    """

    sales: Tally
    late: Money
    bought_until: date | None
    loss_open_until: date | None


def planned(name: Name, orders: Sequence[Fill], method: LotMethod) -> Planned | None:
    """The orders as if they were filled at their price; None for a name that is held short, or would be."""
    before, after = name_record(name, method), name_record(name.with_fills(orders), method)
    if before is None or after is None:
        return None
    day, count = orders[-1].session_date, len(before.disposals)
    late = _deferred(after.disposals[:count]) - _deferred(before.disposals)
    sold = after.disposals[count:]
    is_open = any(one.open_loss > 0 for one in sold)
    return Planned(tally(sold), late, before.bought_until(day), day + WINDOW if is_open else None)


def _deferred(disposals: Iterable[Disposal]) -> Money:
    return sum((one.deferred for one in disposals), ZERO)


def at_rate(price: Decimal, rate: Decimal | None) -> Money:
    """A price with what it is in base currency."""
    return Money(Fraction(price), None if rate is None else Fraction(price) * Fraction(rate))


def _tally(one: Disposal) -> Tally:
    counted = one.counted
    if counted is None or one.proceeds is None or one.cost is None:
        return Tally(quantity=one.quantity, unknown=one.quantity)
    terms = {**NO_TERMS, one.term: counted}
    return Tally(one.quantity, one.proceeds, one.cost, one.deferred, terms)
