"""An account taken over: what it held and was worth at first contact, from which its rules count.

A book is older than the policy that meets it. What happened to it before triggers nothing; the broker's own cost is for
tax and for show.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

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
    plain = _carried(start, fills)
    if plain.quantity != held:
        split = next((one for one in _split(start, fills) if abs(one.quantity - held) < ONE), None)
        if split is None and adopted is None:
            return None
        plain = split or plain
    return plain.price


def sold_at_loss(adopted: AdoptedHolding | None, fills: Sequence[Fill], held: Decimal) -> tuple[bool, ...]:
    """Of each fill whether it is a sale below what its shares count as having cost; no sale where that is not known.

    Fills that do not lead to what is `held`, as after a split or another hand's trade, tell nothing.
    """
    carried = _Carried(adopted.quantity, adopted.quantity * adopted.price) if adopted else _Carried(ZERO, ZERO)
    found = []
    for fill in fills:
        cost, price = carried.price, fill.price
        found.append(fill.side is Side.SELL and cost is not None and price is not None and price < cost)
        carried = carried.after(fill)
    return tuple(found) if carried.quantity == held else (False,) * len(found)


def _carried(start: _Carried, fills: Sequence[Fill]) -> _Carried:
    for fill in fills:
        start = start.after(fill)
    return start


def _split(start: _Carried, fills: Sequence[Fill]) -> Iterator[_Carried]:
    """As if the shares had been split once, in a usual ratio, before one of the fills or after the last."""
    for place in range(len(fills), -1, -1):
        before = _carried(start, fills[:place])
        for ratio in BOTH_WAYS:
            quantity = before.quantity * ratio.numerator / ratio.denominator
            yield _carried(replace(before, quantity=quantity), fills[place:])
