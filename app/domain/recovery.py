"""After a fall that reached the drawdown limit: how much may be bought, and from when a fall is counted anew."""

from dataclasses import dataclass
from datetime import date

from app.domain.policy.recovery import RecoveryRules

# Worse by this share of its limit, and a drawdown that was acted upon is acted upon again.
WORSE = 0.1


@dataclass(frozen=True, slots=True)
class Recovery:
    """On the way back from a fall that the drawdown action met first on the session `began`, and last on `acted`.

    `acted_at` is the drawdown then, `left` the exposure that it left and `gap` what that is below the most that the
    policy allows, fractions of NAV. `rebased`: the session from which falls are counted anew, None while that is waited
    for.
    """

    began: date
    acted: date
    acted_at: float
    left: float
    gap: float
    rebased: date | None = None

    def allowed(self, rules: RecoveryRules, since_rebased: int | None) -> float:
        """The exposure up to which may be bought, so many sessions after the mark was rebased."""
        if since_rebased is None:
            return self.left
        return self.left + self.gap * min(1.0, rules.step * (1 + since_rebased // rules.every_sessions))
