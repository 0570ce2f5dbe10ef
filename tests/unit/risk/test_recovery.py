"""After a fall: when the action acts, how much may be bought, and when falls are counted anew."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.domain.adoption import Adoption
from app.domain.evaluation import ExposureCap, Severity
from app.domain.market import Trend
from app.domain.navs import NavKind, NavPoint
from app.domain.plan import NO_MEMORY, Memory
from app.domain.policy import DrawdownAction, Policy, RecoveryMode
from app.domain.recovery import Recovery
from app.risk import Today, measure
from app.risk.recovery import acts, cap_rose, course
from tests.support.worlds import TODAY, buy, conid, evaluate, even, market, navs, policy, rule_on, sessions

RULES = policy(exits__drawdown_action=DrawdownAction.HOLD)
FELL = date(2026, 9, 1)
DEEP = Recovery(FELL, FELL, 0.16, left=0.4, gap=0.48)


def on_the_way(recovery: Recovery = DEEP, **more: object) -> Memory:
    return replace(NO_MEMORY, recovery=recovery, **more)  # type: ignore[arg-type]  # fields by name


def rounded(found: Recovery | None) -> Recovery | None:
    return found and replace(found, left=round(found.left, 9), gap=round(found.gap, 9))


def test_a_fall_acts_as_it_reaches_the_limit_and_again_with_each_tenth_of_it() -> None:
    assert not acts(RULES, NO_MEMORY, 0.149)
    assert acts(RULES, NO_MEMORY, 0.15)
    assert not acts(RULES, on_the_way(), 0.17)
    assert acts(RULES, on_the_way(), 0.175)
    assert acts(RULES, on_the_way(replace(DEEP, rebased=TODAY)), 0.15)
    assert not acts(RULES, NO_MEMORY, None)


def test_a_dip_back_over_the_limit_while_it_waits_acts_no_second_time() -> None:
    assert not acts(RULES, on_the_way(previous_severities={"drawdown": "MEDIUM"}), 0.155)


def test_an_account_of_before_that_acted_already_is_on_its_way_from_today_and_sells_nothing() -> None:
    memory = replace(NO_MEMORY, drawdown_acted_at=0.16, previous_severities={"drawdown": "HIGH"})
    assert not acts(RULES, memory, 0.17)
    found = course(RULES, memory, TODAY, Trend.BULL, 0.17, 0.5)
    assert rounded(found.recovery) == Recovery(TODAY, TODAY, 0.17, 0.5, 0.4)
    assert acts(RULES, memory, 0.176)


@pytest.mark.parametrize(
    ("began", "acted", "trend", "rebased"),
    [
        (20, 20, Trend.BULL, False),
        (21, 21, Trend.BULL, True),
        (21, 21, Trend.NEUTRAL, True),
        (40, 20, Trend.BULL, False),
        (62, 62, Trend.BEAR, False),
        (62, 62, None, False),
        (63, 63, Trend.BEAR, True),
        (63, 1, None, True),
    ],
)
def test_the_mark_is_rebased_after_the_wait_where_the_trend_is_no_bear_and_in_the_end_in_any_case(
    began: int, acted: int, trend: Trend | None, rebased: bool
) -> None:
    found = course(RULES, on_the_way(since_began=began, since_acted=acted), TODAY, trend, 0.16, 0.3)
    assert found.recovery is not None
    assert found.recovery.rebased == (TODAY if rebased else None)
    assert found.marked == (TODAY if rebased else None)
    assert found.cap == pytest.approx(0.4 + 0.12 if rebased else 0.4)


def test_the_cap_rises_by_a_part_of_the_first_gap_and_ends_with_it() -> None:
    back = replace(DEEP, rebased=date(2026, 10, 1))
    sessions_since = (0, 20, 21, 42, 62, 63)
    steps = [course(RULES, on_the_way(back, since_rebased=n), TODAY, Trend.BEAR, 0.0, 0.3) for n in sessions_since]
    assert [step.cap and round(step.cap, 9) for step in steps] == [0.52, 0.52, 0.64, 0.76, 0.76, None]
    assert [step.recovery is None for step in steps] == [False] * 5 + [True]


def test_a_fall_that_goes_on_keeps_its_first_day_and_the_lowest_exposure_and_a_new_one_is_its_own() -> None:
    worse = course(RULES, on_the_way(), TODAY, Trend.BEAR, 0.18, 0.55).recovery
    assert rounded(worse) == Recovery(FELL, TODAY, 0.18, 0.4, 0.5)
    again = course(RULES, on_the_way(replace(DEEP, rebased=FELL), since_rebased=30), TODAY, Trend.BEAR, 0.15, 0.8)
    assert rounded(again.recovery) == Recovery(TODAY, TODAY, 0.15, 0.64, 0.26)


def test_with_a_person_nothing_is_bought_until_he_resumes_and_time_alone_changes_nothing() -> None:
    rules = policy(exits__drawdown_action=DrawdownAction.HOLD, recovery__mode=RecoveryMode.PERSON)
    waits = on_the_way(since_began=200, since_acted=200, resumed=FELL - timedelta(days=1))
    assert course(rules, waits, TODAY, Trend.BULL, 0.16, 0.3).cap == 0
    back = course(rules, replace(waits, resumed=FELL), TODAY, Trend.BEAR, 0.16, 0.3)
    assert back.cap == pytest.approx(0.52)
    assert back.marked == TODAY


def left_by(action: DrawdownAction, **more: object) -> Recovery:
    rules = policy(exits__drawdown_action=action, **more)
    account = even(costs={"AA": 130, "BB": 120})
    found = evaluate(rules, account, history=navs(account.nav, 0.16)).recovery
    assert found is not None
    return found


def test_what_the_action_leaves_is_the_cap() -> None:
    assert left_by(DrawdownAction.HOLD).left == pytest.approx(0.8)
    assert left_by(DrawdownAction.REDUCE).left == pytest.approx(0.5)
    assert left_by(DrawdownAction.REDUCE, exits__drawdown_exposure=0.9).left == pytest.approx(0.8)
    assert left_by(DrawdownAction.CUT_LOSERS).left == pytest.approx(0.6)


def test_a_cap_of_the_way_back_bounds_purchases_and_sells_nothing() -> None:
    memory = on_the_way(replace(DEEP, left=0.82, gap=0.06))
    found = evaluate(RULES, even(), memory=memory, history=navs(100_000, 0.15))
    assert found.max_exposure == 0.82
    assert found.exposure_limit == 0.9
    low = on_the_way(replace(DEEP, left=0.5, gap=0.38))
    held = evaluate(RULES, even(), memory=low, history=navs(100_000, 0.15))
    assert not held.metric("exposure").breached
    assert held.exits_due == ()
    assert sum(held.targets.values()) == pytest.approx(0.8)
    ruling = rule_on([buy("II", 30)], rules=RULES, memory=memory, history=navs(100_000, 0.15))
    assert [one.quantity for one in ruling.allowed] == [20]
    assert rule_on([buy("II", 30)], rules=RULES, memory=low, history=navs(100_000, 0.15)).refusals[0].rule == "exposure"


def test_falls_are_counted_from_the_rebased_mark() -> None:
    marked = replace(NO_MEMORY, marked=sessions()[-1])
    assert evaluate(RULES, even(), history=navs(100_000, 0.2)).drawdown == pytest.approx(0.2)
    past = (replace(navs(100_000, 0.0)[0], session_date=sessions()[-9]), *navs(100_000, 0.2))
    found = evaluate(RULES, even(), memory=marked, history=past)
    assert found.drawdown == pytest.approx(0.0)
    shown = found.metric("lifetime_drawdown")
    assert shown.value == pytest.approx(0.2)
    assert (shown.limit, shown.severity) == (None, Severity.LOW)


def test_what_an_account_fell_before_it_was_taken_over_is_no_fall_of_its_lifetime() -> None:
    first, second = sessions()[-9], sessions()[-5]
    values = ((first, 1.0), (second, 0.5), (sessions()[-3], 0.6), (sessions()[-1], 0.45))
    past = tuple(NavPoint(day, NavKind.CLOSE, Decimal(100_000), index, 1.0) for day, index in values)
    adopted = Adoption(second, Decimal(100_000), {}, Decimal(0))
    memory = replace(NO_MEMORY, adoption=adopted, adopted=5, marked=sessions()[-1])
    found = evaluate(RULES, even(), memory=memory, history=past)
    assert found.drawdown == pytest.approx(0.0)
    assert found.metric("lifetime_drawdown").value == pytest.approx(0.25)


def test_the_fall_of_a_lifetime_is_unknown_while_the_accounts_value_is_in_doubt_or_nothing_is_on_record() -> None:
    account = even()
    doubted = measure(
        Today(RULES, account, market(), navs(account.nav, 0.2), doubt="money from outside is unexplained")
    )
    for found, why in (
        (doubted, "money from outside is unexplained"),
        (evaluate(RULES, account, history=()), "no history of the account's value"),
    ):
        shown = found.metric("lifetime_drawdown")
        assert (shown.value, shown.severity, shown.note) == (None, Severity.UNKNOWN, why)


def test_a_rise_of_the_cap_is_remembered_until_a_rebalance_has_been() -> None:
    caps = (ExposureCap("max_exposure", 0.9), ExposureCap("recovery", 0.6, buys_only=True))
    before = replace(NO_MEMORY, previous_caps={"max_exposure": 0.9, "recovery": 0.5})
    assert cap_rose(before, TODAY, caps) == TODAY
    same = replace(NO_MEMORY, previous_caps={"recovery": 0.6}, cap_rose=FELL, since_cap_rose=4)
    assert cap_rose(same, TODAY, caps) == FELL
    assert cap_rose(replace(same, last_rebalance=5), TODAY, caps) == FELL
    assert cap_rose(replace(same, last_rebalance=4), TODAY, caps) is None
    assert cap_rose(NO_MEMORY, TODAY, caps) is None


@pytest.mark.parametrize("rules", [RULES, policy(exits__drawdown_action=DrawdownAction.CUT_LOSERS)])
def test_a_fall_bars_no_purchase_within_the_cap(rules: Policy) -> None:
    ruling = rule_on([buy("II", 10)], rules=rules, memory=on_the_way(replace(DEEP, left=0.85)), history=navs(1e5, 0.16))
    assert [one.instrument.conid for one in ruling.allowed] == [conid("II")]
