"""What a replay assumes where history does not tell, each in words, for every output says them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from app.broker.paper.book import CommissionPlan
from app.domain.errors import UsageError

NO_COMMISSION = CommissionPlan(per_share=Decimal(0), least=Decimal(0), largest_share=Decimal(0))
BASIS_POINT = Decimal("0.0001")
# More than any order's share of its value: the largest share is what is charged.
_ALWAYS_LARGEST = Decimal(10**15)


class FillRule(StrEnum):
    """At which price of which session an order is filled."""

    NEXT_CLOSE = "next-close"
    NEXT_OPEN = "next-open"
    SAME_BAR = "same-bar"


class Resume(StrEnum):
    """When a person resumes."""

    AT_ONCE = "at-once"
    NEVER = "never"


def commission_named(name: str) -> CommissionPlan:
    """`ibkr`, `none`, or basis points of an order's value like `5`. Raises: UsageError."""
    if name == "ibkr":
        return CommissionPlan()
    if name == "none":
        return NO_COMMISSION
    try:
        points = Decimal(name)
    except InvalidOperation:
        points = Decimal(-1)
    if not (points.is_finite() and 0 <= points < 10_000):
        raise UsageError(f"there are no costs {name}", "Say ibkr, none, or basis points of each order's value like 5")
    return CommissionPlan(per_share=Decimal(0), least=_ALWAYS_LARGEST, largest_share=points * BASIS_POINT)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """`lag`: sessions from decision to fill. `slippage_bps`: paid on every price, beside the commission.

    `cash_rate`: interest on cash a year, as a fraction. `participation`: what of a session's volume may be filled in a
    name, where the volume is known. `carried`: sessions for which a name without a price keeps its last one; after them
    its value is unknown. Raises: UsageError for what nobody could trade by.
    """

    fill: FillRule = FillRule.NEXT_CLOSE
    lag: int = 1
    commission: CommissionPlan = field(default_factory=CommissionPlan)
    slippage_bps: Decimal = Decimal(2)
    cash_rate: float = 0.0
    dividends: bool = True
    participation: Decimal = Decimal("0.1")
    carried: int = 5
    resume: Resume = Resume.AT_ONCE

    def __post_init__(self) -> None:
        if self.lag < 1:
            raise UsageError(f"a lag of {self.lag} sessions is none", "Ask for same-bar fills where that is meant")
        if self.fill is FillRule.SAME_BAR and self.lag != 1:
            raise UsageError(f"same-bar fills have no lag, and one of {self.lag} was asked for")
        bounds = (
            ("slippage", self.slippage_bps, 0 <= self.slippage_bps < 10_000, "basis points from 0 to 9,999"),
            ("interest on cash", self.cash_rate, -1 < self.cash_rate < 1, "a fraction a year between -1 and 1"),
            ("share of the volume", self.participation, 0 < self.participation <= 1, "a fraction above 0, at most 1"),
            ("sessions a price is carried", self.carried, self.carried >= 0, "0 or more"),
        )
        for name, value, fits, allowed in bounds:
            if not fits:
                raise UsageError(f"{name}: {value} is out of range", f"Give {allowed}")

    @property
    def marks(self) -> tuple[str, ...]:
        """What stands on every output, because nobody could have traded like this."""
        return ("SAME BAR: orders fill at the very close they are decided on",) * (self.fill is FillRule.SAME_BAR)

    def words(self) -> Iterator[str]:
        """One sentence each."""
        where = {
            FillRule.NEXT_CLOSE: f"filled at the close {self.lag} session{'s' * (self.lag > 1)} later",
            FillRule.NEXT_OPEN: f"filled at the open {self.lag} session{'s' * (self.lag > 1)} later",
            FillRule.SAME_BAR: "filled at the very close it was decided on (SAME BAR: nobody could trade like this)",
        }
        price = "open" if self.fill is FillRule.NEXT_OPEN else "close"
        yield f"an order is decided on a session's close and {where[self.fill]}, whatever its limit"
        yield "what cannot be filled in that session lapses when it ends, and is not tried again unless decided again"
        yield f"every price is {self.slippage_bps} basis points worse than the {price}"
        yield self._commission()
        yield f"a session fills at most {self.participation:.0%} of its volume in a name, where the volume is known"
        yield f"a name without a price keeps its last one for {self.carried} sessions; then its value is unknown"
        yield "approvals and reviews are done at once"
        if self.resume is Resume.AT_ONCE:
            yield "a person resumes after each day, and what he saw raises it anew where worse by a tenth"
        else:
            yield "nobody ever resumes: a level comes down by its own rule alone"
        yield f"cash earns {self.cash_rate:.1%} a year, a 252nd of it each session, and debt costs as much"
        if self.dividends:
            yield "dividends that are not in the prices are paid in cash on their first session, untaxed"
        else:
            yield "dividends that are not in the prices are left out"

    def _commission(self) -> str:
        plan = self.commission
        if plan == NO_COMMISSION:
            return "there is no commission"
        if plan.least == _ALWAYS_LARGEST:
            return f"the commission is {(plan.largest_share / BASIS_POINT).normalize():f} basis points of each order"
        return (
            f"the commission is {plan.per_share} a share, at least {plan.least} an order "
            f"and at most {plan.largest_share:.0%} of it"
        )
