"""The rules' choice and what may be offered."""

from dataclasses import replace

import pytest

from app.decision import offered, rules
from app.domain.evaluation import Evaluation, Metric, Severity
from app.domain.order import Order
from app.domain.plan import Action, Plan, PostTrade
from tests.support.worlds import buy, evaluate, even, policy, sell

MANDATORY = sell("AA", 10, mandatory=True)
EXTRA = buy("II", 10)


def plan(action: Action, *orders: Order, on_breach: bool = False) -> Plan:
    return Plan(action, orders, f"{action} because of 1.0% against 2.0%", on_breach)


CUT, ROTATE = plan(Action.CUT_LOSERS, EXTRA), plan(Action.ROTATE, EXTRA)
REINFORCE, HOLD = plan(Action.REINFORCE, EXTRA), plan(Action.HOLD)
BREACH = plan(Action.REBALANCE, EXTRA, on_breach=True)
DRIFT = plan(Action.REBALANCE, EXTRA)


def calm() -> Evaluation:
    return evaluate(policy(), even())


@pytest.mark.parametrize("first", range(5))
def test_the_rules_take_the_first_action_that_is_there(first: int) -> None:
    order = [CUT, BREACH, ROTATE, REINFORCE, HOLD]
    left = order[first:]
    choice = rules(policy(), calm(), tuple(reversed(left)))
    assert (choice.plan_id, choice.chosen_by) == (order[first].id, "rules")


def test_a_rebalancing_on_drift_comes_after_rotation_and_reinforcement() -> None:
    for better in (ROTATE, REINFORCE):
        assert rules(policy(), calm(), (DRIFT, better, HOLD)).plan_id == better.id
    assert rules(policy(), calm(), (DRIFT, HOLD)).plan_id == DRIFT.id


def test_a_plan_of_which_only_mandatory_orders_are_left_is_passed_over() -> None:
    empty = plan(Action.CUT_LOSERS, MANDATORY)
    assert rules(policy(), calm(), (empty, REINFORCE, HOLD)).plan_id == REINFORCE.id
    assert rules(policy(), calm(), (empty, HOLD)).plan_id == HOLD.id


def test_without_hold_nothing_is_chosen() -> None:
    with pytest.raises(ValueError, match="HOLD is not among the plans"):
        rules(policy(), calm(), (CUT,))


def test_the_rationale_names_the_numbers_and_the_mandatory_exits() -> None:
    both = plan(Action.CUT_LOSERS, MANDATORY, EXTRA)
    assert rules(policy(), calm(), (both, HOLD)).rationale == (
        "CUT_LOSERS because of 1.0% against 2.0%. Mandatory exits go with it: AA."
    )
    idle = rules(policy(), calm(), (HOLD,)).rationale
    assert idle == ("No action is called for under moderate: nearest to its limit is max_sector at 40.0%, limit 40.0%.")


def critical(name: str, floor: bool = False) -> Evaluation:
    metric = Metric(name, 0.5, 0.2, Severity.CRITICAL, floor)
    return replace(calm(), metrics=(metric,))


def after(value: float | None) -> Plan:
    return replace(HOLD, post_trade=PostTrade(0.2, 0.8, 0.0, {"var_95_1d": value, "cash_reserve": value}))


@pytest.mark.parametrize(("value", "cured"), [(0.2, True), (0.1, True), (0.21, False), (None, False)])
def test_hold_is_not_offered_while_a_critical_breach_outlasts_the_exits(value: float | None, cured: bool) -> None:
    hold = after(value)
    found = offered(policy(), critical("var_95_1d"), (REINFORCE, hold))
    assert found == ((REINFORCE, hold) if cured else (REINFORCE,))


def test_a_floor_is_cured_from_below() -> None:
    for value, kept in ((0.2, True), (0.19, False)):
        hold = after(value)
        assert (hold in offered(policy(), critical("cash_reserve", floor=True), (DRIFT, hold))) is kept


def test_hold_stays_offered_where_the_rules_choose_it() -> None:
    hold = after(0.9)
    assert offered(policy(), critical("var_95_1d"), (hold,)) == (hold,)


@pytest.mark.parametrize("name", ["drawdown", "daily_loss"])
def test_what_no_plan_can_cure_takes_no_plan_away(name: str) -> None:
    assert HOLD in offered(policy(), critical(name), (REINFORCE, HOLD))
