"""What sales brought, purchase by purchase, as the broker's lot method counts it. Numbers of this record, not advice.

A loss is deferred as far as the name was bought within thirty days before or after: it then counts as cost of what was
bought. Fractions throughout, so that nothing is lost before the cents; short positions are left to the broker.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from math import log

from app.domain.disposals import NOTHING, WINDOW, ZERO, Disposal, Money, TaxLot
from app.domain.lots import Fill
from app.domain.order import Side
from app.domain.policy.tax import LotMethod
from app.domain.splits import BOTH_WAYS

# The purchase of shares that came before the record began, or by another hand.
UNDATED = -1
ENOUGH = 20


@dataclass(frozen=True, slots=True)
class Opening:
    """What was held of a name when the record began, what the broker said that a share had cost, and its price then."""

    quantity: Decimal
    cost: Decimal | None
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """All that is known of one name: its fills, oldest first, and `held` now at `price` a share.

    Without `opening` nobody knows what was held when the record began. `rates`: base currency per unit of its own, by
    day; None where the two are the same.
    """

    fills: Sequence[Fill]
    held: Decimal
    opening: Opening | None = None
    rates: Mapping[date, Decimal] | None = None
    price: Decimal | None = None

    def with_fills(self, fills: Sequence[Fill]) -> "Name":
        """As if those came after the others."""
        bought = sum((fill.side.sign * fill.quantity for fill in fills), Decimal(0))
        return replace(self, fills=(*self.fills, *fills), held=self.held + bought)


@dataclass(frozen=True, slots=True)
class TaxBasis:
    """What sales are counted from beside the fills; `symbols` and `currencies` by conid, `rates` of fill days.

    `openings`: what the first run on record found, None where none saw the account. `filled`: orders with a fill.
    """

    openings: Mapping[int, Opening] | None = None
    symbols: Mapping[int, str] = field(default_factory=dict)
    currencies: Mapping[int, str] = field(default_factory=dict)
    rates: Mapping[date, Mapping[str, Decimal]] = field(default_factory=dict)
    filled: frozenset[str] = frozenset()


NO_TAX_BASIS = TaxBasis()


@dataclass(frozen=True, slots=True)
class NameRecord:
    """One name: `lots` that are held, oldest first, and every sale of shares.

    `bought`: the newest purchase on record. `other_hands`: shares that came, or went where negative, without a fill.
    `split`: how many shares one became. `feeless`: fills of which the fee is not known, and counted as none.
    """

    lots: tuple[TaxLot, ...]
    disposals: tuple[Disposal, ...]
    bought: date | None = None
    other_hands: Fraction = NOTHING
    split: Fraction = Fraction(1)
    feeless: int = 0

    def bought_until(self, today: date) -> date | None:
        """Until when a sale at a loss is deferred because the name was bought; None for no longer."""
        return None if self.bought is None or self.bought + WINDOW < today else self.bought + WINDOW

    def open_losses(self, today: date) -> tuple[Disposal, ...]:
        """Those that a purchase today would defer."""
        return tuple(one for one in self.disposals if one.open_loss > 0 and one.until >= today)


@dataclass(frozen=True, slots=True)
class _Trade:
    """A fill in shares of today; `each`: what a share cost or brought with its part of the fee."""

    day: date
    side: Side
    quantity: Fraction
    each: Money | None

    @property
    def signed(self) -> Fraction:
        return self.side.sign * self.quantity

    def split(self, ratio: Fraction) -> "_Trade":
        """As if one share had been so many by then."""
        return replace(
            self, quantity=self.quantity * ratio, each=None if self.each is None else self.each * (1 / ratio)
        )


def name_record(name: Name, method: LotMethod) -> NameRecord | None:
    """What became of every share of it; None for one that is held short."""
    if name.held < 0:
        return None
    trades, held = [_trade(fill, name.rates) for fill in name.fills], Fraction(name.held)
    opened, ratio = NOTHING if name.opening is None else Fraction(name.opening.quantity), Fraction(1)
    if name.opening is not None:
        ratio, trades = _in_shares_of_today(name, opened, trades, held)
        opened *= ratio
    before = held - _net(trades)
    work = _Work(method)
    # What came by another hand is as old as that: nobody knows when.
    work.open(before - opened if name.opening else before, None)
    if name.opening is not None and name.opening.cost is not None:
        cost = Fraction(name.opening.cost) / ratio
        work.open(min(opened, before), Money(cost, cost if name.rates is None else None))
    else:
        work.open(min(opened, before), None)
    for (day, side), group in groupby(trades, key=lambda trade: (trade.day, trade.side)):
        (work.buy if side is Side.BUY else work.sell)(day, group)
    work.drop(sum((lot.quantity for lot in work.lots), NOTHING) - held)
    return NameRecord(
        tuple(work.lots),
        tuple(work.disposals),
        max((trade.day for trade in trades if trade.side is Side.BUY), default=None),
        before - opened if name.opening else min(NOTHING, before),
        ratio,
        sum(fill.fee is None for fill in name.fills),
    )


class _Work:
    """The lots of one name while its trades are gone through."""

    def __init__(self, method: LotMethod) -> None:
        self._method = method
        self._purchases = 0
        # Places of sales at a loss that later purchases may replace.
        self._losses: list[int] = []
        self.lots: list[TaxLot] = []
        self.disposals: list[Disposal] = []

    def open(self, quantity: Fraction, cost: Money | None) -> None:
        """Shares from before the record."""
        self._add(TaxLot(UNDATED, None, None, quantity, cost))

    def buy(self, day: date, trades: Iterable[_Trade]) -> None:
        """Of one day: they may replace what was sold at a loss."""
        self._losses = [place for place in self._losses if self.disposals[place].until >= day]
        for trade in trades:
            lot = TaxLot(self._purchases, day, day, trade.quantity, trade.each)
            self._purchases += 1
            for place in self._losses:
                loss = self.disposals[place]
                part = min(loss.open_loss, lot.quantity)
                if part > 0:
                    self.disposals[place], replacing = loss.replaced_by(lot.taken(part))
                    self.lots.append(replacing)
                    lot = lot.taken(lot.quantity - part)
            self._add(lot)

    def sell(self, day: date, trades: Iterable[_Trade]) -> None:
        """Of one day: what is left after all of them may replace what they sold."""
        first = len(self.disposals)
        for trade in trades:
            self.disposals += [
                Disposal(lot, day, None if trade.each is None else trade.each * lot.quantity)
                for lot in self._take(trade.quantity)
            ]
        for place in range(first, len(self.disposals)):
            if self.disposals[place].open_loss > 0:
                self._look_back(place)
                self._losses.append(place)

    def drop(self, quantity: Fraction) -> None:
        """Somebody else sold them, nobody knows when or for how much."""
        if quantity > 0:
            self._take(quantity)

    def _look_back(self, place: int) -> None:
        sold = self.disposals[place].sold
        kept: list[TaxLot] = []
        for lot in self.lots:
            loss = self.disposals[place]
            recent = lot.acquired is not None and lot.acquired + WINDOW >= sold and not lot.replaces
            # The rest of a purchase replaces nothing of the same purchase.
            part = min(loss.open_loss, lot.quantity) if recent and lot.purchase != loss.lot.purchase else NOTHING
            if part > 0:
                self.disposals[place], replacing = loss.replaced_by(lot.taken(part))
                kept.append(replacing)
            if lot.quantity > part:
                kept.append(lot.taken(lot.quantity - part))
        self.lots = kept
        self._level()

    def _add(self, lot: TaxLot) -> None:
        if lot.quantity > 0:
            self.lots.append(lot)
        self._level()

    def _level(self) -> None:
        """One cost for all shares where the broker counts the average."""
        known = [lot for lot in self.lots if lot.cost is not None]
        if self._method is LotMethod.AVERAGE and known:
            total = sum((lot.cost * lot.quantity for lot in known if lot.cost is not None), ZERO)
            each = total * (1 / sum((lot.quantity for lot in known), NOTHING))
            self.lots = [lot if lot.cost is None else replace(lot, cost=each) for lot in self.lots]

    def _take(self, quantity: Fraction) -> list[TaxLot]:
        """The shares that the broker's method sells; those that nobody bought on record have no date and no cost."""
        taken: dict[int, Fraction] = {}
        left = quantity
        for place in self._order():
            taken[place] = min(left, self.lots[place].quantity)
            left -= taken[place]
        parts = [self.lots[place].taken(part) for place, part in taken.items() if part > 0]
        rests = [(lot, lot.quantity - taken.get(place, NOTHING)) for place, lot in enumerate(self.lots)]
        self.lots = [lot.taken(rest) for lot, rest in rests if rest > 0]
        return [*parts, TaxLot(UNDATED, None, None, left, None)] if left > 0 else parts

    def _order(self) -> Sequence[int]:
        places = range(len(self.lots))
        if self._method is LotMethod.LIFO:
            return places[::-1]
        if self._method is LotMethod.HIGHEST_COST:
            costs = [None if lot.cost is None else lot.cost.own for lot in self.lots]
            return sorted(places, key=lambda place: (costs[place] is None, -(costs[place] or NOTHING)))
        return places


def _trade(fill: Fill, rates: Mapping[date, Decimal] | None) -> _Trade:
    quantity = Fraction(fill.quantity)
    if fill.price is None:
        return _Trade(fill.session_date, fill.side, quantity, None)
    own = Fraction(fill.price) + fill.side.sign * Fraction(fill.fee or 0) / quantity
    rate = Decimal(1) if rates is None else rates.get(fill.session_date)
    return _Trade(fill.session_date, fill.side, quantity, Money(own, None if rate is None else own * Fraction(rate)))


def _in_shares_of_today(
    name: Name, opened: Fraction, trades: Sequence[_Trade], held: Fraction
) -> tuple[Fraction, list[_Trade]]:
    """(what one share of the record's beginning is now, trades): split once, where prices and quantities say so.

    Of enough shares less than one may be missing: it is paid out.
    """
    if opened + _net(trades) != held:
        for place in range(len(trades), -1, -1):
            then, after = opened + _net(trades[:place]), _net(trades[place:])
            paid_out = Fraction(1) if then >= ENOUGH else NOTHING
            for ratio in BOTH_WAYS:
                missing = then * ratio + after - held
                fits = then > 0 and (missing == 0 or 0 < missing < paid_out)
                if fits and _is_priced_so(name, trades, place, ratio):
                    return ratio, [*(trade.split(ratio) for trade in trades[:place]), *trades[place:]]
    return Fraction(1), list(trades)


def _is_priced_so(name: Name, trades: Sequence[_Trade], place: int, ratio: Fraction) -> bool:
    """The price before the place and the one after are nearer to each other with the split than without."""
    paid = [None if trade.each is None else float(trade.each.own) for trade in trades]
    before = [_float(name.opening.price if name.opening else None), *paid[:place]][-1]
    after = [*paid[place:], _float(name.price)][0]
    if before is None or after is None or before <= 0 or after <= 0:
        return False
    moved = after / before
    return abs(log(moved * ratio)) < abs(log(moved))


def _float(price: Decimal | None) -> float | None:
    return None if price is None else float(price)


def _net(trades: Iterable[_Trade]) -> Fraction:
    return sum((trade.signed for trade in trades), NOTHING)
