"""What comes of it: each day's difference in its parts, by cause."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Cause(StrEnum):
    """In the order in which they are taken out of what happened, until the model of the day is left."""

    DEPOSIT = "deposit"
    DIVIDEND = "dividend"
    FEE = "fee"
    MANUAL_TRADE = "manual trade"
    SPLIT = "split"
    FX = "exchange rate"
    COSTS = "costs"
    LATE_FILL = "late fill"
    SLIPPAGE = "slippage"
    CLOSE = "close"
    PARTIAL_FILL = "partial fill"
    REFUSED_ORDER = "refused order"
    MISSED_RUN = "missed run"
    CODE_VERSION = "code version"
    POLICY_EDIT = "policy edit"
    REVISED_CLOSE = "revised close"
    UNEXPLAINED = "unexplained"


MEANINGS = {
    Cause.DEPOSIT: "money paid in or out",
    Cause.DIVIDEND: "dividends and interest, less tax that was withheld",
    Cause.FEE: "charges that belong to no order",
    Cause.MANUAL_TRADE: "what a person bought or sold, here or in another program",
    Cause.SPLIT: "shares that were counted anew",
    Cause.FX: "rates of exchange since the decision, and money that was exchanged",
    Cause.COSTS: "commissions as charged against the modelled ones",
    Cause.LATE_FILL: "orders that filled after their run: price against the decision's",
    Cause.SLIPPAGE: "orders that filled in their run: price against the decision's",
    Cause.CLOSE: "the decision's price against the session's close",
    Cause.PARTIAL_FILL: "shares that were sent and never filled",
    Cause.REFUSED_ORDER: "shares that were planned and never taken: by the gate, the broker or a person",
    Cause.MISSED_RUN: "what a session's run would have ordered that nobody ran",
    Cause.CODE_VERSION: "what this version decides from the same",
    Cause.POLICY_EDIT: "what today's policy decides from the same",
    Cause.REVISED_CLOSE: "closes as the source gives them now",
    Cause.UNEXPLAINED: "what none of these is",
}


@dataclass(frozen=True, slots=True)
class Part:
    """`amount` of NAV, in base currency, that came of it; `words` say of what."""

    cause: Cause
    amount: Decimal
    words: str
    symbol: str | None = None


@dataclass(frozen=True, slots=True)
class DayDrift:
    """From a session's run to the next recorded one: NAV before, as the model says it and as it became."""

    session_date: date
    until: date
    nav: Decimal
    modelled: Decimal
    became: Decimal
    parts: tuple[Part, ...]

    @property
    def difference(self) -> Decimal:
        """The sum of the parts, to the cent."""
        return self.became - self.modelled

    def of(self, cause: Cause) -> Decimal:
        """What came of one cause."""
        return sum((part.amount for part in self.parts if part.cause is cause), Decimal(0))

    def sentences(self) -> Iterator[str]:
        """One a part, the largest first."""
        for part in sorted(self.parts, key=lambda one: -abs(one.amount)):
            yield f"{self.session_date}: {part.words}: {part.amount:+,.2f}"


@dataclass(frozen=True, slots=True)
class Total:
    """One cause over all days. `share`: the sum of its shares of each day's NAV. `days`: the largest first."""

    cause: Cause
    amount: Decimal
    share: float
    days: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """`not_explainable`: sessions of which nothing is kept, or too little, with the reason."""

    currency: str
    days: tuple[DayDrift, ...]
    not_explainable: tuple[tuple[date, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def difference(self) -> Decimal:
        """Of all days."""
        return sum((day.difference for day in self.days), Decimal(0))

    @property
    def totals(self) -> tuple[Total, ...]:
        """Those that came up, in the order of `Cause`."""
        found = {part.cause for day in self.days for part in day.parts}
        return tuple(_total(cause, self.days) for cause in Cause if cause in found)


def _total(cause: Cause, days: Sequence[DayDrift]) -> Total:
    amounts = [(day, day.of(cause)) for day in days if any(part.cause is cause for part in day.parts)]
    amounts.sort(key=lambda one: -abs(one[1]))
    return Total(
        cause=cause,
        amount=sum((amount for _, amount in amounts), Decimal(0)),
        share=sum(float(amount / day.nav) for day, amount in amounts if day.nav > 0),
        days=tuple(day.session_date for day, _ in amounts),
    )
