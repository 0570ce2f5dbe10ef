"""The same figures share by share, from the rules as they are written and not from the code that is tried.

Every share is a row of its own; nothing here is split, merged or looked up by purchase.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from app.domain.lots import Fill
from app.domain.order import Side

DAYS = 30


@dataclass
class Share:
    """One share, from its purchase to its sale."""

    buy: int
    bought: date
    cost: Fraction
    counted_from: date
    replacement: bool = False
    sold: date | None = None
    got: Fraction = Fraction(0)
    deferred: Fraction | None = None

    @property
    def gain(self) -> Fraction:
        return self.got - self.cost

    @property
    def free_loss(self) -> bool:
        return self.gain < 0 and self.deferred is None


@dataclass
class Answer:
    """By (day of the sale, long): what was gained; by day: what was deferred; and what the shares left have cost."""

    gains: dict[tuple[date, bool], Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    deferred: dict[date, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    left: Fraction = Fraction(0)


def answer(fills: Sequence[Fill], method: str) -> Answer:
    """Of a history without short sales, one share after the other."""
    held: list[Share] = []
    gone: list[Share] = []
    for place, fill in enumerate(fills):
        each = Fraction(fill.price or 0) + fill.side.sign * Fraction(fill.fee or 0) / Fraction(fill.quantity)
        if fill.side is Side.BUY:
            _buy(
                held,
                gone,
                [Share(place, fill.session_date, each, fill.session_date) for _ in range(int(fill.quantity))],
            )
        else:
            _sell(held, gone, fill, each, method)
            if not _same_day(fills, place):
                _look_back(held, gone, fill.session_date)
        _level(held, method)
    found = Answer(left=sum((s.cost for s in held), Fraction(0)))
    for share in gone:
        found.gains[_day(share), _is_long(share)] += share.gain
        found.deferred[_day(share)] += share.deferred or 0
    return found


def _buy(held: list[Share], gone: list[Share], shares: Sequence[Share]) -> None:
    for share in shares:
        lost = [s for s in gone if s.free_loss and (share.bought - _day(s)).days <= DAYS]
        if lost:
            _replace(lost[0], share)
        held.append(share)


def _sell(held: list[Share], gone: list[Share], fill: Fill, each: Fraction, method: str) -> None:
    for _ in range(int(fill.quantity)):
        share = held.pop(_which(held, method))
        share.sold, share.got = fill.session_date, each
        gone.append(share)


def _same_day(fills: Sequence[Fill], place: int) -> bool:
    """The next one is a sale of the same day."""
    following = fills[place + 1] if place + 1 < len(fills) else None
    return following is not None and (following.side, following.session_date) == (Side.SELL, fills[place].session_date)


def _look_back(held: Sequence[Share], gone: Sequence[Share], day: date) -> None:
    for lost in [s for s in gone if s.sold == day and s.free_loss]:
        near = [s for s in held if (day - s.bought).days <= DAYS and not s.replacement and s.buy != lost.buy]
        if near:
            _replace(lost, near[0])


def _replace(lost: Share, share: Share) -> None:
    lost.deferred = -lost.gain
    share.cost += lost.deferred
    share.counted_from -= _day(lost) - lost.counted_from
    share.replacement = True


def _which(held: Sequence[Share], method: str) -> int:
    if method == "lifo":
        return len(held) - 1
    if method == "highest_cost":
        most = max(s.cost for s in held)
        return next(place for place, s in enumerate(held) if s.cost == most)
    return 0


def _level(held: Sequence[Share], method: str) -> None:
    if method == "average" and held:
        mean = sum((s.cost for s in held), Fraction(0)) / len(held)
        for share in held:
            share.cost = mean


def _day(share: Share) -> date:
    assert share.sold is not None
    return share.sold


def _is_long(share: Share) -> bool:
    """More than a year: the day after the purchase counts as the first, and a year of days must have passed."""
    first = share.counted_from + timedelta(days=1)
    following = (first.year + 1, first.month, first.day)
    sold = _day(share)
    return (sold.year, sold.month, sold.day) >= following
