"""An account taken over: what it held and was worth at first contact, from which its rules count.

A book is older than the policy that meets it. What happened to it before triggers nothing; the broker's own cost is for
tax and for show.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import accumulate

from app.domain.lots import Fill
from app.domain.order import Side
from app.domain.policy import AdoptionMode, Policy
from app.domain.portfolio import Portfolio
from app.domain.splits import BOTH_WAYS

ZERO, ONE = Decimal(0), Decimal(1)
# Sessions in a week.
WEEK = 5


@dataclass(frozen=True, slots=True)
class AdoptedHolding:
    """So many shares at `price` in the instrument's currency."""

    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Adoption:
    """Of one account: the session of first contact, NAV then in base currency, and what was managed, by conid.

    `invested` is what all of `holdings` were worth, in base currency. `mode` is what a person chose for this account;
    None leaves it to the policy.
    """

    session_date: date
    nav: Decimal
    holdings: Mapping[int, AdoptedHolding]
    invested: Decimal
    mode: AdoptionMode | None = None

    @property
    def has_book(self) -> bool:
        """There is a book to be worked off: at least half of the account was invested."""
        return 2 * self.invested >= self.nav

    def counted_anew(self, conid: int, into: int, ratio: Decimal, cash: Decimal = ZERO) -> "Adoption":
        """Each share of a holding became `ratio` shares of `into`, and `cash`."""
        left = dict(self.holdings)
        one = left.pop(conid)
        quantity = one.quantity * ratio
        cost = one.quantity * max(ZERO, one.price - cash)
        if into in left:
            quantity, cost = quantity + left[into].quantity, cost + left[into].quantity * left[into].price
        return replace(self, holdings={**left, into: AdoptedHolding(quantity, cost / quantity)})


def adoption_of(portfolio: Portfolio, session_date: date, mode: AdoptionMode | None = None) -> Adoption:
    """Of what the account holds now."""
    managed = [position for position in portfolio.positions if position.quantity > 0]
    return Adoption(
        session_date=session_date,
        nav=portfolio.nav,
        holdings={p.instrument.conid: AdoptedHolding(p.quantity, p.price) for p in managed},
        invested=sum((portfolio.value(position) for position in managed), ZERO),
        mode=mode,
    )


def mode_of(policy: Policy, adoption: Adoption | None) -> AdoptionMode:
    """A person's choice for the account, else the policy's."""
    return policy.adoption.mode if adoption is None or adoption.mode is None else adoption.mode


@dataclass(frozen=True, slots=True)
class _Carried:
    """Shares with what they count as having cost in all."""

    quantity: Decimal
    cost: Decimal

    def after(self, fill: Fill) -> "_Carried":
        if fill.side is Side.BUY:
            price = fill.price if fill.price is not None else self.price
            return self if price is None else _Carried(self.quantity + fill.quantity, self.cost + fill.quantity * price)
        left = max(ZERO, self.quantity - fill.quantity)
        return _Carried(left, self.cost * left / self.quantity if self.quantity > 0 else ZERO)

    @property
    def price(self) -> Decimal | None:
        return self.cost / self.quantity if self.quantity > 0 else None


def gain_base(adopted: AdoptedHolding | None, fills: Sequence[Fill], held: Decimal) -> Decimal | None:
    """The price a share that gains count from: the adoption's, mixed with what was bought since, in shares of today.

    `fills` of the name since the adoption, oldest first; `held` now. None where neither tells: what is held was bought
    by another hand, after the adoption, and counts at the broker's own cost.
    """
    start = _Carried(adopted.quantity, adopted.quantity * adopted.price) if adopted else _Carried(ZERO, ZERO)
    plain = tuple(accumulate(fills, _Carried.after, initial=start))
    carried = plain[-1]
    if carried.quantity != held:
        split = next((way[-1] for way in _splits(plain, fills) if abs(way[-1].quantity - held) < ONE), None)
        if split is None and adopted is None:
            return None
        carried = split or carried
    return carried.price


def sold_at_loss(adopted: AdoptedHolding | None, fills: Sequence[Fill], held: Decimal) -> tuple[bool | None, ...]:
    """Whether each fill is a sale below what its shares count as having cost; `fills` and `held` as in `gain_base`.

    A split makes no loss: where several could lead to what is held, a sale at a loss is one at a loss by each of them.
    None where another hand bought or sold as well, and the sale is below the average of the purchases that are known.
    """
    start = _Carried(adopted.quantity, adopted.quantity * adopted.price) if adopted else _Carried(ZERO, ZERO)
    plain = tuple(accumulate(fills, _Carried.after, initial=start))
    if plain[-1].quantity == held and _covers(plain, fills):
        return tuple(map(_loses, plain, fills))
    splits = [way for way in _splits(plain, fills) if abs(way[-1].quantity - held) < ONE and _covers(way, fills)]
    if splits:
        return tuple(map(all, zip(*(map(_loses, way, fills) for way in splits), strict=True)))
    found = map(_loses, plain, fills)
    return tuple(found) if adopted else tuple(None if loses else False for loses in found)


def _loses(carried: _Carried, fill: Fill) -> bool:
    cost, price = carried.price, fill.price
    # Sales of a part leave a cost that is rounded.
    return fill.side is Side.SELL and cost is not None and price is not None and price < round(cost, 8)


def _covers(way: Sequence[_Carried], fills: Sequence[Fill]) -> bool:
    """No sale is of more than there was, but for a fraction."""
    return all(
        fill.side is Side.BUY or fill.quantity < carried.quantity + ONE
        for carried, fill in zip(way, fills, strict=False)
    )


def _splits(plain: Sequence[_Carried], fills: Sequence[Fill]) -> Iterator[tuple[_Carried, ...]]:
    """`plain`, what is carried before each fill and after the last, as if the shares had been split once.

    In a usual ratio, before one of the fills or after the last, the latest first.
    """
    for place in range(len(fills), -1, -1):
        before = plain[place]
        for ratio in BOTH_WAYS:
            split = replace(before, quantity=before.quantity * ratio.numerator / ratio.denominator)
            yield (*plain[:place], *accumulate(fills[place:], _Carried.after, initial=split))
