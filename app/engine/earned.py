"""What each action and rule has earned or cost: its fills against not having traded, at today's prices.

A sale earned what the price fell since, a purchase what it rose, less the fee. Dividends are left out on both sides,
and so is what the money did elsewhere: this says which rule was right about a name, and nothing of skill.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from app.domain.lots import Fill
from app.domain.market import PriceSeries
from app.domain.order import Side
from app.domain.splits import split_ratio
from app.engine.memory import FilledOrder

ZERO = Decimal(0)
# Mandatory orders are part of every plan: no action has the merit of them.
EXITS = "EXITS"


class Worth(NamedTuple):
    """A share of a name now, in its currency, and what one unit of that currency is in the account's."""

    price: Decimal
    rate: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Earned:
    """In base currency, after `fees`. `fills` counts orders of which something was filled.

    Of them `unpriced` are left out of `earned`, for nobody knows the price then or now; of `feeless` the fee is unknown
    and counted as none.
    """

    fills: int = 0
    earned: Decimal = ZERO
    fees: Decimal = ZERO
    unpriced: int = 0
    feeless: int = 0

    def __add__(self, other: "Earned") -> "Earned":
        return Earned(
            self.fills + other.fills,
            self.earned + other.earned,
            self.fees + other.fees,
            self.unpriced + other.unpriced,
            self.feeless + other.feeless,
        )


@dataclass(frozen=True, slots=True)
class Earnings:
    """By action, the mandatory ones under EXITS; by rule, where an order of two rules counts for both."""

    actions: Mapping[str, Earned] = field(default_factory=dict)
    rules: Mapping[str, Earned] = field(default_factory=dict)
    total: Earned = Earned()


def earnings(orders: Iterable[FilledOrder], now: Mapping[int, Worth]) -> Earnings:
    """`orders` in shares of today; `now` by conid, without names of no known price."""
    actions: dict[str, Earned] = {}
    rules: dict[str, Earned] = {}
    total = Earned()
    for one in orders:
        found = _earned(one, now.get(one.fill.conid))
        action = EXITS if one.mandatory else str(one.action)
        actions[action] = actions.get(action, Earned()) + found
        for rule in one.rules:
            rules[rule.value] = rules.get(rule.value, Earned()) + found
        total += found
    return Earnings(dict(sorted(actions.items())), dict(sorted(rules.items())), total)


def in_shares_of_today(fill: Fill, series: PriceSeries | None) -> Fill:
    """Closes are told in shares of today: one a usual ratio away from what was paid that day tells of a split.

    As it was where the closes do not reach back so far.
    """
    ratio = Fraction(1) if fill.price is None else _split(fill.session_date, fill.price, series)
    if fill.price is None or ratio == 1:
        return fill
    shares = fill.quantity * ratio.numerator / ratio.denominator
    return replace(fill, quantity=shares, price=fill.price * ratio.denominator / ratio.numerator)


def _split(day: date, paid: Decimal, series: PriceSeries | None) -> Fraction:
    if series is None or not series.dates or day > series.dates[-1]:
        return Fraction(1)
    row = bisect_left(series.dates, day)
    close = float(series.closes[row]) if series.dates[row] == day else 0.0
    return Fraction(1) if not close > 0 else split_ratio(float(paid) / close) or Fraction(1)


def _earned(one: FilledOrder, now: Worth | None) -> Earned:
    fill = one.fill
    if now is None or fill.price is None:
        return Earned(1, unpriced=1, feeless=int(fill.fee is None))
    rise = (now.price - fill.price) * fill.quantity
    fee = (fill.fee or ZERO) * now.rate
    gained = (rise if fill.side is Side.BUY else -rise) * now.rate
    return Earned(1, gained - fee, fee, feeless=int(fill.fee is None))
