"""One way from a day's account to the next recorded one: a replay is its value at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Deal:
    """Shares that change hands: `quantity` is negative for a sale; price and costs in the instrument's currency."""

    conid: int
    currency: str
    quantity: Decimal
    price: Decimal
    costs: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Course:
    """`cash`, `held`: at the start. `rates` and `prices` at the end; `worth`: of a share that was held from the start.

    `beside`: what is not managed, in base currency. `paid`: money that moved without a deal, by currency. All shares
    are counted as at the start.
    """

    cash: Mapping[str, Decimal]
    held: Mapping[int, Decimal]
    currencies: Mapping[int, str]
    rates: Mapping[str, Decimal]
    prices: Mapping[int, Decimal]
    worth: Mapping[int, Decimal] = field(default_factory=dict)
    beside: Decimal = Decimal(0)
    deals: Mapping[str, Deal] = field(default_factory=dict)
    paid: Mapping[str, tuple[str, Decimal]] = field(default_factory=dict)

    @property
    def nav(self) -> Decimal:
        """At the end, in whole cents of base currency."""
        money = dict(self.cash)
        for currency, amount in self.paid.values():
            money[currency] = money.get(currency, Decimal(0)) + amount
        for conid, quantity in self.held.items():
            currency = self.currencies[conid]
            worth = self.worth.get(conid, self.prices[conid])
            money[currency] = money.get(currency, Decimal(0)) + quantity * worth
        for deal in self.deals.values():
            gain = deal.quantity * (self.prices[deal.conid] - deal.price) - deal.costs
            money[deal.currency] = money.get(deal.currency, Decimal(0)) + gain
        value = sum((amount * self.rates[currency] for currency, amount in money.items()), self.beside)
        return value.quantize(CENT, ROUND_HALF_EVEN)

    def with_deal(self, name: str, deal: Deal | None) -> "Course":
        """With that deal under its name, or without the one that has it."""
        others = {known: one for known, one in self.deals.items() if known != name}
        return replace(self, deals=others if deal is None else {**others, name: deal})

    def without_paid(self, name: str) -> "Course":
        """As if that money had not moved."""
        return replace(self, paid={known: one for known, one in self.paid.items() if known != name})
