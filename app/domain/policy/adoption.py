"""How an account that is older than the policy is taken over."""

from enum import StrEnum

from pydantic import Field, StrictInt

from app.domain.policy.fields import Percent, Section


class AdoptionMode(StrEnum):
    """What becomes of a book that the policy would not have made.

    `adopt` works its breaches off and leaves names outside the universe alone; `transition` sells those within the
    weeks, too; `now` does both at once.
    """

    ADOPT = "adopt"
    TRANSITION = "transition"
    NOW = "now"


class AdoptionRules(Section):
    """`turnover`: the most of NAV that a day of the first `weeks` trades on its own account, exits not counted."""

    mode: AdoptionMode = AdoptionMode.ADOPT
    turnover: Percent = Field(default=5)
    weeks: StrictInt = Field(default=8, ge=1, le=52)
