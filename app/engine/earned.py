"""What each action and rule has earned or cost: its fills against not having traded, at today's prices.

A sale earned what the price fell since, a purchase what it rose, less the fee. Dividends are left out on both sides,
and so is what the money did elsewhere: this says which rule was right about a name, and nothing of skill.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from app.domain.order import Side
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


def _earned(one: FilledOrder, now: Worth | None) -> Earned:
    fill = one.fill
    if now is None or fill.price is None:
        return Earned(1, unpriced=1, feeless=int(fill.fee is None))
    rise = (now.price - fill.price) * fill.quantity
    fee = (fill.fee or ZERO) * now.rate
    gained = (rise if fill.side is Side.BUY else -rise) * now.rate
    return Earned(1, gained - fee, fee, feeless=int(fill.fee is None))
