"""Four real days under the default policy: what is due, and that the reasons agree with the numbers."""

from datetime import date

import pytest

from app.decision import offered, plans, rules
from app.domain.evaluation import Evaluation, ExitRule, Severity
from app.domain.market import Trend
from app.domain.plan import NO_MEMORY, Action, Plan
from app.domain.ruling import DayUse, KillLevel
from app.risk import Today, feasible, gate, measure
from tests.support.sample import PERCENT, Day, day, default_policy

pytestmark = pytest.mark.real_prices

CRASH, PANIC = date(2008, 10, 10), date(2020, 3, 16)
CALM, MIXED = date(2017, 6, 1), date(2022, 12, 28)
DAYS = (CRASH, PANIC, CALM, MIXED)


def today_of(inputs: Day) -> Today:
    return Today(default_policy(), inputs.portfolio, inputs.market, inputs.navs)


def measured(on: date) -> tuple[Day, Evaluation]:
    inputs = day(on)
    return inputs, measure(today_of(inputs))


def gated(on: date) -> tuple[Evaluation, tuple[Plan, ...]]:
    """Plans as a chooser sees them; the gate must have nothing to object to any more."""
    inputs, evaluation = measured(on)
    today = today_of(inputs)
    found: list[Plan] = []
    for plan in plans(today.policy, today.portfolio, today.market, evaluation, NO_MEMORY):
        left, _ = feasible(today, plan, DayUse(), KillLevel.ACTIVE)
        assert left is not None
        ruling = gate(today, left.orders, DayUse(), KillLevel.ACTIVE)
        assert ruling.refusals == ()
        assert set(ruling.allowed) == set(left.orders)
        found.append(left)
    return evaluation, tuple(found)


def due(evaluation: Evaluation, rule: ExitRule) -> set[str]:
    return {found.symbol for found in evaluation.exits_due if found.rule is rule}


@pytest.mark.parametrize("on", [CRASH, PANIC])
def test_in_a_crash_drawdown_and_volatility_are_breached_and_exits_are_due(on: date) -> None:
    _, evaluation = measured(on)
    assert evaluation.metric("drawdown").severity is Severity.CRITICAL
    assert evaluation.metric("annual_volatility").breached
    assert evaluation.metric("var_95_1d").severity is Severity.CRITICAL
    assert evaluation.trend is Trend.BEAR
    assert evaluation.exits_due
    assert evaluation.max_exposure == 0.4


def test_2008_stops_pfizer_alone_for_the_others_lost_what_such_a_market_moves_and_calms_them() -> None:
    evaluation, found = gated(CRASH)
    assert due(evaluation, ExitRule.STOP_LOSS) == {"PFE"}
    # The fall itself holds: what is sold is sold for what the portfolio moves in a day.
    assert due(evaluation, ExitRule.DRAWDOWN) == set()
    assert due(evaluation, ExitRule.LIMIT_BREACH) == set(PERCENT) - {"PFE"}
    choice = rules(default_policy(), evaluation, found)
    assert choice.plan_id == next(p.id for p in found if p.action is Action.CUT_LOSERS)
    assert "UNH -64.8% against -45.9%" in choice.rationale


def test_2020_stops_exxon_and_calms_the_rest() -> None:
    evaluation, found = gated(PANIC)
    stops = {"XOM"}
    assert due(evaluation, ExitRule.STOP_LOSS) == stops
    assert due(evaluation, ExitRule.DRAWDOWN) == set()
    assert due(evaluation, ExitRule.LIMIT_BREACH) == set(PERCENT) - stops
    assert {e.metric for e in evaluation.exits_due if e.rule is ExitRule.LIMIT_BREACH} == {
        "annual_volatility",
        "var_95_1d",
    }
    hold = next(p for p in found if p.action is Action.HOLD)
    assert hold.post_trade is not None
    assert hold.post_trade.metrics["var_95_1d"] == pytest.approx(0.95 * 0.03, rel=0.02)
    assert hold.post_trade.exposure <= 0.5


def test_2017_sells_nothing_in_fear() -> None:
    evaluation, found = gated(CALM)
    assert evaluation.exits_due == ()
    assert evaluation.trend is Trend.BULL
    assert Action.CUT_LOSERS not in {plan.action for plan in found}
    assert {Action.REBALANCE, Action.HOLD} == {plan.action for plan in found}


def test_2022_cuts_four_names_and_leaves_exxon_its_profit() -> None:
    evaluation, found = gated(MIXED)
    assert due(evaluation, ExitRule.STOP_LOSS) == set()
    assert due(evaluation, ExitRule.TAKE_PROFIT) == set()
    assert not evaluation.metric("drawdown").breached
    choice = rules(default_policy(), evaluation, found)
    assert choice.rationale.startswith("Losers to cut: AAPL -29.3% against -23.8%, BAC -25.0% against -19.0%")


@pytest.mark.parametrize("on", DAYS)
def test_every_reason_agrees_with_the_numbers(on: date) -> None:
    inputs, evaluation = measured(on)
    policy = default_policy()
    for found in evaluation.exits_due:
        gain = inputs.position(found.symbol).unrealized_return
        assert gain is not None
        if found.rule is ExitRule.STOP_LOSS:
            assert found.value == pytest.approx(gain)
            assert gain <= found.threshold <= -policy.exits.stop_loss
        elif found.rule is ExitRule.TAKE_PROFIT:
            assert gain >= found.threshold == policy.exits.take_profit
        else:
            metric = evaluation.metric(found.metric or "")
            assert (found.value, found.threshold) == (metric.value, metric.limit)
            assert found.value > found.threshold


@pytest.mark.parametrize("on", DAYS)
def test_no_plan_leaves_a_limit_that_it_can_keep_worse_than_before(on: date) -> None:
    evaluation, found = gated(on)
    for plan in found:
        assert plan.post_trade is not None
        assert plan.post_trade.cash_weight + plan.post_trade.exposure == pytest.approx(1)
        for metric in evaluation.metrics:
            after = plan.post_trade.metrics.get(metric.name)
            if metric.limit is None or after is None or metric.name in {"drawdown", "daily_loss"}:
                continue
            before = metric.value or 0.0
            if metric.floor:
                assert after >= min(metric.limit, before) - 1e-9
            else:
                assert after <= max(metric.limit, before) + 1e-9


@pytest.mark.parametrize("on", DAYS)
def test_what_is_offered_holds_what_the_rules_choose(on: date) -> None:
    evaluation, found = gated(on)
    choosable = offered(default_policy(), evaluation, found)
    assert rules(default_policy(), evaluation, found).plan_id in {plan.id for plan in choosable}
    assert len(choosable) <= 6
