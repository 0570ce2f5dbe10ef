"""The way back to the market after a fall that reached the drawdown limit."""

from enum import StrEnum

from pydantic import Field, StrictInt, model_validator

from app.domain.policy.fields import Percent, Section


class RecoveryMode(StrEnum):
    """`staged` comes back by itself, step by step; `person` buys nothing until a person resumes, then does so."""

    STAGED = "staged"
    PERSON = "person"


class RecoveryRules(Section):
    """From `after_sessions` on where the trend is no bear, from `most_sessions` on in any case.

    Each `step` is a share of the first gap between the exposure that the fall left and the most that is allowed.
    """

    mode: RecoveryMode = RecoveryMode.STAGED
    after_sessions: StrictInt = Field(default=21, ge=1)
    most_sessions: StrictInt = Field(default=63, ge=1)
    step: Percent = Field(default=25)
    every_sessions: StrictInt = Field(default=21, ge=1)

    @model_validator(mode="after")
    def _waits_in_order(self) -> "RecoveryRules":
        if self.most_sessions < self.after_sessions:
            raise ValueError("most_sessions must not be below after_sessions")
        if self.step <= 0:
            raise ValueError("step_pct must be above 0: the way back would have no end")
        return self
