"""When the way back from a fall goes on, in sessions from today, if nothing falls anew."""

import math
from dataclasses import dataclass
from datetime import date

from app.domain.plan import Memory
from app.domain.policy.recovery import RecoveryMode, RecoveryRules
from app.domain.recovery import Recovery
from app.domain.tolerance import TOLERANCE


@dataclass(frozen=True, slots=True)
class Ahead:
    """Sessions from today; None where a person has to resume first, and for the mark where it is rebased already.

    `mark_earliest`: where the trend is no bear by then; `mark_latest` in any case. `step`: until the cap rises to
    `next_cap`, at the earliest; `end`: until it is gone, at the latest.
    """

    mark_earliest: int | None = None
    mark_latest: int | None = None
    step: int | None = None
    next_cap: float | None = None
    end: int | None = None


def ahead(rules: RecoveryRules, memory: Memory, recovery: Recovery, today: date) -> Ahead:
    """`recovery` as it is after today's reading, `memory` as it was before it."""
    last = (math.ceil(1 / rules.step - TOLERANCE) - 1) * rules.every_sessions
    if recovery.rebased is not None:
        since = 0 if recovery.rebased == today else memory.since_rebased or 0
        step = rules.every_sessions - since % rules.every_sessions
        return Ahead(step=step, next_cap=recovery.allowed(rules, since + step), end=max(0, last - since))
    if rules.mode is RecoveryMode.PERSON:
        return Ahead()
    acted = 0 if recovery.acted == today else memory.since_acted
    began = 0 if recovery.began == today else memory.since_began
    latest = max(1, rules.most_sessions - began)
    earliest = min(latest, max(1, rules.after_sessions - acted))
    return Ahead(earliest, latest, earliest, recovery.allowed(rules, 0), latest + last)
