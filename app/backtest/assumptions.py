"""What a replay assumes where history does not tell, each in words, for every output says them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from app.broker.paper.book import CommissionPlan

NO_COMMISSION = CommissionPlan(per_share=Decimal(0), least=Decimal(0), largest_share=Decimal(0))


class FillRule(StrEnum):
    """At which price of which session an order is filled."""

    NEXT_CLOSE = "next-close"
    NEXT_OPEN = "next-open"
    SAME_BAR = "same-bar"


class Resume(StrEnum):
    """When a person lowers a level that was raised."""

    AT_ONCE = "at-once"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Assumptions:
    """`lag`: sessions from decision to fill. `slippage_bps`: paid on every price, beside the commission.

    `cash_rate`: interest on cash a year, as a fraction. `participation`: what of a session's volume an order may be.
    `carried`: sessions for which a name without a price keeps its last one; after them its value is unknown.
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

    def words(self) -> Iterator[str]:
        """One sentence each."""
        where = {
            FillRule.NEXT_CLOSE: f"filled at the close {self.lag} session{'s' * (self.lag > 1)} later",
            FillRule.NEXT_OPEN: f"filled at the open {self.lag} session{'s' * (self.lag > 1)} later",
            FillRule.SAME_BAR: "filled at the very close it was decided on (SAME BAR: nobody could trade like this)",
        }
        yield f"an order is decided on a session's close and {where[self.fill]}, whatever its limit"
        yield f"every price is {self.slippage_bps} basis points worse than the close, and commissions come on top"
        yield "approvals and reviews are done at once"
        if self.resume is Resume.AT_ONCE:
            yield "a person resumes the day after a level was raised; it is raised anew while its cause lasts"
        else:
            yield "nobody ever resumes: a level that was raised stays"
        yield f"cash earns {self.cash_rate:.1%} a year"
