"""What is foretold of the way back from a fall is what comes, if the account does not fall anew."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.domain.market import Trend
from app.domain.plan import NO_MEMORY, Memory
from app.domain.policy import RecoveryMode
from app.domain.recovery import Recovery
from app.domain.way_back import ahead
from app.risk.recovery import Course, course
from tests.support.worlds import policy

FIRST = date(2026, 1, 1)


def day(number: int) -> date:
    """Every day is a session here."""
    return FIRST + timedelta(days=number)


def remembered(known: Recovery | None, number: int) -> Memory:
    if known is None:
        return NO_MEMORY
    rebased = known.rebased
    return replace(
        NO_MEMORY,
        recovery=known,
        since_began=(day(number) - known.began).days,
        since_acted=(day(number) - known.acted).days,
        since_rebased=None if rebased is None else (day(number) - rebased).days,
    )


@pytest.mark.parametrize("trend", [Trend.NEUTRAL, Trend.BEAR])
@pytest.mark.parametrize(
    ("after", "most", "step", "every"), [(21, 63, 0.25, 21), (5, 8, 0.3, 4), (1, 1, 1.0, 10), (7, 7, 0.4, 1)]
)
def test_every_step_comes_when_it_was_foretold(trend: Trend, after: int, most: int, step: float, every: int) -> None:
    rules = policy(
        recovery__after_sessions=after,
        recovery__most_sessions=most,
        recovery__step=step,
        recovery__every_sessions=every,
    )
    courses: list[Course] = []
    known: Recovery | None = None
    for number in range(1, 200):
        drawdown = 0.2 if number == 1 else 0.1
        courses.append(course(rules, remembered(known, number), day(number), trend, drawdown, 0.4))
        known = courses[-1].recovery
        if known is None:
            break
    caps = {number: one.cap for number, one in enumerate(courses, 1)}
    gone = len(courses)
    assert caps[gone] is None
    for number, one in enumerate(courses, 1):
        if one.recovery is None:
            continue
        before = courses[number - 2].recovery if number > 1 else None
        found = ahead(rules.recovery, remembered(before, number), one.recovery, day(number))
        assert found.end is not None
        assert found.step is not None
        assert number + found.end >= gone
        if one.recovery.rebased is not None:
            assert number + found.end == gone
            higher = min(n for n, cap in caps.items() if n > number and cap != one.cap)
            assert number + found.step == higher
            assert caps[higher] in (None, pytest.approx(found.next_cap))
        else:
            marked = min(n for n, each in enumerate(courses, 1) if each.recovery is None or each.recovery.rebased)
            wanted = found.mark_latest if trend is Trend.BEAR else found.mark_earliest
            assert number + (wanted or 0) == marked


def test_who_waits_for_a_person_is_told_no_date() -> None:
    rules = policy(recovery__mode=RecoveryMode.PERSON)
    found = ahead(rules.recovery, NO_MEMORY, Recovery(FIRST, FIRST, 0.2, 0.4, 0.4), FIRST)
    assert (found.step, found.end, found.mark_latest) == (None, None, None)
