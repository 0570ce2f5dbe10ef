"""Which shares were bought when, and what came of those that were sold: first in, first out, from fills on record.

Shown and never optimised. What the record does not hold, a purchase before it began or by another hand, has no date,
and without a known cost no gain.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from app.domain.order import Side

ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Fill:
    """What was bought or sold of one name: `price` a share, `fee` of it all, in its currency; None for unknown."""

    conid: int
    session_date: date
    side: Side
    quantity: Decimal
    price: Decimal | None
    fee: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares of one purchase that are still held. `cost` a share, before fees, in the instrument's currency."""

    session_date: date | None
    quantity: Decimal
    cost: Decimal | None

    def gain(self, price: Decimal) -> Decimal | None:
        """Price only, in the instrument's currency; None without a known cost."""
        return None if self.cost is None else self.quantity * (price - self.cost)

    def days(self, today: date) -> int | None:
        """Calendar days since the purchase."""
        return None if self.session_date is None else (today - self.session_date).days


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One purchase of which everything is sold. `profit` after fees; None where a cost or a fee is not known."""

    conid: int
    opened: date | None
    closed: date
    quantity: Decimal
    profit: Decimal | None


@dataclass(frozen=True, slots=True)
class _Open:
    """A purchase with what its sold shares brought so far, its own fee taken off."""

    lot: Lot
    bought: Decimal
    profit: Decimal | None


def by_name(fills: Iterable[Fill]) -> Mapping[int, Sequence[Fill]]:
    """Conid → its fills, in their order; none for a name without."""
    found: defaultdict[int, list[Fill]] = defaultdict(list)
    for fill in fills:
        found[fill.conid].append(fill)
    return found


def lots(fills: Sequence[Fill], held: Decimal) -> tuple[Lot, ...]:
    """What is held of one name, oldest first: its fills against the quantity that the broker reports."""
    remaining, _ = _matched(fills, held)
    return tuple(one.lot for one in remaining)


def round_trips(fills: Iterable[Fill], held: Mapping[int, Decimal]) -> tuple[RoundTrip, ...]:
    """Every purchase that was sold again, in the order in which they ended."""
    names = by_name(fills).items()
    found = [trip for conid, own in names for trip in _matched(own, held.get(conid, ZERO))[1]]
    return tuple(sorted(found, key=lambda trip: (trip.closed, trip.conid)))


def sold_from(held: Sequence[Lot], quantity: Decimal, earlier: Decimal = ZERO) -> tuple[Lot, ...]:
    """The parts of lots that a sale of so many shares takes, oldest first; `earlier` sales took theirs before."""
    taken: list[Lot] = []
    first = ZERO
    for lot in held:
        start, end = max(first, earlier), min(first + lot.quantity, earlier + quantity)
        if end > start:
            taken.append(replace(lot, quantity=end - start))
        first += lot.quantity
    return tuple(taken)


def of_this_holding(fills: Sequence[Fill], held: Mapping[int, Decimal]) -> tuple[bool, ...]:
    """Whether each fill belongs to what is held now: not followed by a moment with less than one share."""
    after = defaultdict(lambda: ZERO, held)
    gone = {conid for conid in {fill.conid for fill in fills} if after[conid] < ONE}
    found: list[bool] = []
    for fill in reversed(fills):
        if fill.side is Side.SELL and after[fill.conid] < ONE:
            gone.add(fill.conid)
        found.append(fill.conid not in gone)
        after[fill.conid] -= fill.side.sign * fill.quantity
    return tuple(reversed(found))


def _matched(fills: Sequence[Fill], held: Decimal) -> tuple[list[_Open], list[RoundTrip]]:
    """(what is left of each purchase, purchases sold to the last share)."""
    before = held - sum((fill.side.sign * fill.quantity for fill in fills), ZERO)
    remaining = [_Open(Lot(None, before, None), before, None)] if before > 0 else []
    ended: list[RoundTrip] = []
    for fill in fills:
        if fill.side is Side.BUY:
            lot = Lot(fill.session_date, fill.quantity, fill.price)
            remaining.append(_Open(lot, fill.quantity, None if fill.fee is None else -fill.fee))
        else:
            remaining, closed = _sold(remaining, fill)
            ended += closed
    # Less is held than the record says: somebody else sold the oldest, nobody knows when or for how much.
    surplus = sum((one.lot.quantity for one in remaining), ZERO) - max(ZERO, held)
    if surplus > 0:
        remaining, _ = _sold(remaining, replace(fills[-1], side=Side.SELL, quantity=surplus, price=None))
    return remaining, ended


def _sold(remaining: Sequence[_Open], fill: Fill) -> tuple[list[_Open], list[RoundTrip]]:
    """A sale takes the oldest shares; its fee is shared out over them."""
    left: list[_Open] = []
    ended: list[RoundTrip] = []
    wanted = fill.quantity
    for one in remaining:
        part = min(one.lot.quantity, wanted)
        if part <= 0:
            left.append(one)
            continue
        wanted -= part
        profit = _profit(one, fill, part)
        rest = one.lot.quantity - part
        if rest > 0:
            left.append(_Open(replace(one.lot, quantity=rest), one.bought, profit))
        else:
            ended.append(RoundTrip(fill.conid, one.lot.session_date, fill.session_date, one.bought, profit))
    return left, ended


def _profit(one: _Open, fill: Fill, part: Decimal) -> Decimal | None:
    if one.profit is None or fill.price is None or fill.fee is None or one.lot.cost is None:
        return None
    return one.profit + part * (fill.price - one.lot.cost) - fill.fee * part / fill.quantity
