"""The way back from a fall: when the drawdown action acts, what may be bought after it, and when falls count anew.

A fall is a cap on what is bought, never a ban: who may buy nothing while stops go on is sold out by them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.domain.evaluation import ExposureCap, Severity
from app.domain.market import Trend
from app.domain.plan import Memory
from app.domain.policy import Policy, RecoveryMode
from app.domain.recovery import WORSE, Recovery
from app.domain.tolerance import TOLERANCE


@dataclass(frozen=True, slots=True)
class Course:
    """Where an account stands after a reading; `cap`: the exposure up to which may be bought, None for no such bound.

    `marked`: the session from which falls are counted from the next session on, None for the adoption.
    """

    recovery: Recovery | None
    cap: float | None
    marked: date | None


def drawdown_breached(policy: Policy, drawdown: float) -> bool:
    """At the limit the drawdown action is due already."""
    return not drawdown < policy.risk_limits.max_drawdown - TOLERANCE


def acts(policy: Policy, memory: Memory, drawdown: float | None) -> bool:
    """As a fall reaches the limit, and each time it is worse by a tenth of the limit than when last acted upon."""
    if drawdown is None or not drawdown_breached(policy, drawdown):
        return False
    waiting = memory.recovery is not None and memory.recovery.rebased is None
    if not waiting and not _acted_before_recoveries(memory):
        return True
    acted_at = memory.recovery.acted_at if memory.recovery is not None else memory.drawdown_acted_at
    return acted_at is not None and drawdown >= acted_at + WORSE * policy.risk_limits.max_drawdown - TOLERANCE


def _acted_before_recoveries(memory: Memory) -> bool:
    """By a version that remembered no more of it."""
    before = (memory.previous_severities or {}).get("drawdown")
    over = before in {Severity.HIGH, Severity.CRITICAL}
    return memory.recovery is None and memory.drawdown_acted_at is not None and over


def course(
    policy: Policy, memory: Memory, today: date, trend: Trend | None, drawdown: float | None, left: float
) -> Course:
    """Of a reading with that drawdown; `left`: the exposure that the drawdown action leaves if it acts now."""
    known = memory.recovery
    acting = acts(policy, memory, drawdown)
    if drawdown is not None and (acting or (known is None and drawdown_breached(policy, drawdown))):
        known = _fallen(policy, memory, today, drawdown, left)
        return Course(known, _cap(policy, memory, known, None), memory.marked)
    if known is None:
        return Course(None, None, memory.marked)
    if known.rebased is None and _may_come_back(policy, memory, known, trend):
        known = replace(known, rebased=today)
        return _ended(Course(known, _cap(policy, memory, known, 0), today))
    return _ended(Course(known, _cap(policy, memory, known, memory.since_rebased), memory.marked))


def _fallen(policy: Policy, memory: Memory, today: date, drawdown: float, left: float) -> Recovery:
    """One that falls on keeps its first day and the lowest exposure that it was left with."""
    limits, before = policy.risk_limits, memory.recovery
    most = min(limits.max_exposure, 1 - limits.min_cash_reserve)
    if before is not None:
        left = min(left, before.allowed(policy.recovery, memory.since_rebased))
    began = today if before is None or before.rebased is not None else before.began
    return Recovery(began, today, drawdown, left, max(0.0, most - left))


def _may_come_back(policy: Policy, memory: Memory, known: Recovery, trend: Trend | None) -> bool:
    rules = policy.recovery
    if rules.mode is RecoveryMode.PERSON:
        return _resumed(memory, known)
    if memory.since_began >= rules.most_sessions:
        return True
    return memory.since_acted >= rules.after_sessions and trend in {Trend.BULL, Trend.NEUTRAL}


def _resumed(memory: Memory, known: Recovery) -> bool:
    return memory.resumed is not None and memory.resumed >= known.acted


def _cap(policy: Policy, memory: Memory, known: Recovery, since_rebased: int | None) -> float:
    waits = known.rebased is None and policy.recovery.mode is RecoveryMode.PERSON and not _resumed(memory, known)
    return 0.0 if waits else known.allowed(policy.recovery, since_rebased)


def _ended(found: Course) -> Course:
    """The way back ends where nothing is left of the gap."""
    known = found.recovery
    if known is None or known.rebased is None or found.cap is None or found.cap < known.left + known.gap - TOLERANCE:
        return found
    return replace(found, recovery=None, cap=None)


def cap_rose(memory: Memory, today: date, caps: Sequence[ExposureCap]) -> date | None:
    """The session since which more may be invested than before, until a rebalance has been."""
    before = min((memory.previous_caps or {}).values(), default=None)
    if before is not None and min(cap.limit for cap in caps) > before + TOLERANCE:
        return today
    answered = memory.last_rebalance is not None and memory.last_rebalance <= memory.since_cap_rose
    return None if answered else memory.cap_rose
