"""Every run says of all five actions how they stood, what they asked for, and what would have to change."""

import math
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given

from app.decision import Options, explain, offered, plans, rules
from app.decision.explain import ACTIONS, ActionExplanation, Standing
from app.domain.market import Market
from app.domain.plan import NO_MEMORY, Action, Memory
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import Refusal
from app.risk import Today, measure
from tests.support.sample import day, default_policy
from tests.support.worlds import conid, evaluate, even, market, navs, policy, portfolio, quoted, rule_on
from tests.unit.risk.drawn import World, gated, worlds

CALM = {"strategies__sector_rotation__enabled": False}


def explained(
    policy: Policy,
    account: Portfolio,
    on: Market | None = None,
    memory: Memory = NO_MEMORY,
    drawdown: float = 0.0,
) -> dict[Action, ActionExplanation]:
    """As the desk does it: through the gate, chosen by the rules."""
    prices, past = on or market(), navs(account.nav, drawdown)
    evaluation = evaluate(policy, account, prices, memory, past)
    candidates = plans(policy, account, prices, evaluation, memory)
    ruled = {p.action: rule_on(p.orders, policy, account, prices, memory=memory, history=past) for p in candidates}
    feasible = tuple(
        plan
        for plan in (replace(p, orders=ruled[p.action].allowed) for p in candidates)
        if plan.action is Action.HOLD or any(not order.mandatory for order in plan.orders)
    )
    refusals = {action: ruling.refusals for action, ruling in ruled.items()}
    choosable, choice = offered(policy, evaluation, feasible), rules(policy, evaluation, feasible)
    options = Options(candidates, feasible, refusals, choosable, choice)
    found = explain(policy, account, prices, evaluation, memory, options, choice)
    assert [one.action for one in found] == list(ACTIONS)
    return {one.action: one for one in found}


def test_the_chosen_action_says_what_triggered_it_and_the_others_what_they_miss() -> None:
    found = explained(policy(**CALM), even(costs={"AA": 113, "BB": 90}))
    cut, reinforce = found[Action.CUT_LOSERS], found[Action.REINFORCE]
    assert cut.standing is Standing.CHOSEN
    assert cut.because == "Chosen by rules: Losers to cut: AA -11.5% against -10.0%."
    assert cut.changes == ()
    assert reinforce.standing is Standing.NOT_TRIGGERED
    assert reinforce.conditions.triggers[0].subject == "BB"
    assert reinforce.changes[0].startswith("BB rises 8.0% to 108.00 USD or ")
    assert found[Action.HOLD].standing is Standing.OFFERED


def test_the_distance_to_the_nearest_threshold_is_told() -> None:
    nearest = explained(policy(**CALM), even(costs={"AA": 105}))[Action.CUT_LOSERS].conditions.triggers[0]
    assert (nearest.subject, nearest.met) == ("AA", False)
    assert nearest.distance == pytest.approx(-0.1 - (100 / 105 - 1))
    assert nearest.change == "AA falls 5.5% to 94.50 USD"


def test_a_strategy_that_is_switched_off_says_so() -> None:
    rotate = explained(policy(**CALM), even())[Action.ROTATE]
    assert rotate.standing is Standing.BARRED
    assert rotate.because.startswith("Not offered: switched off by the policy")
    assert rotate.changes[0] == "strategies.sector_rotation.enabled: true"


@pytest.mark.parametrize(
    ("memory", "because"),
    [
        (replace(NO_MEMORY, reinforced={conid("AA"): (60, 30)}), "added to 2 times, at most 2"),
        (replace(NO_MEMORY, reinforced={conid("AA"): (10,)}), "added to 10 sessions ago, at least 20 apart"),
        (replace(NO_MEMORY, sold={conid("AA"): 3}), "sold from 3 sessions ago, at least 21 apart"),
    ],
)
def test_a_winner_that_is_not_added_to_says_what_it_waits_for(memory: Memory, because: str) -> None:
    reinforce = explained(policy(**CALM, risk_limits__max_sector=0.6), even(costs={"AA": 80}), memory=memory)
    trigger = reinforce[Action.REINFORCE].conditions.triggers[0]
    assert not trigger.met
    assert trigger.text == f"AA unrealised 25.0% against 20.0%, but {because}"


def test_drift_that_rests_says_for_how_long() -> None:
    rules = policy(**CALM, allocation__asset_classes={"STK": 0.7, "CASH": 0.3}, allocation__drift_threshold=0.01)
    found = explained(rules, even(), memory=replace(NO_MEMORY, last_rebalance=3))[Action.REBALANCE]
    assert found.standing is Standing.NOT_TRIGGERED
    assert "18 more sessions pass" in found.changes[0]
    assert "the last rebalance or rotation was 3 sessions ago, 21 are asked for" in found.because


def test_what_the_gate_leaves_nothing_of_is_told_with_the_gates_own_numbers() -> None:
    found = explained(
        policy(**CALM, risk_limits__max_sector=0.6), even(costs={"AA": 80}), quoted(market(), "AA", prior_close=None)
    )[Action.REINFORCE]
    assert found.standing is Standing.REFUSED
    assert found.because.endswith("and the gate left nothing of it: price_jump: AA no prior close, limit 0.150.")


def test_a_triggered_action_without_an_order_is_impossible() -> None:
    found = explained(policy(**CALM), even(costs={"AA": 130}))[Action.CUT_LOSERS]
    assert found.standing is Standing.IMPOSSIBLE
    assert found.because.startswith(
        "Called for (AA unrealised -23.1% against -10.0%, for which a mandatory sale is due)"
    )


def test_hold_says_how_near_the_mandatory_sales_are() -> None:
    hold = explained(policy(**CALM), even(costs={"AA": 105}), drawdown=0.14)[Action.HOLD]
    assert hold.standing is Standing.CHOSEN
    subjects = {trigger.subject for trigger in hold.conditions.triggers}
    assert {"AA", "drawdown"} <= subjects
    assert not hold.conditions.triggered


def test_unknown_risk_bars_what_buys() -> None:
    found = explained(policy(**CALM), even(costs={"AA": 80}), market(vix=None))
    assert found[Action.REINFORCE].standing is Standing.BARRED
    assert "unknown, so that nothing is bought: vix" in found[Action.REINFORCE].because


def test_targets_beyond_a_days_turnover_are_approached_and_the_rest_is_explained() -> None:
    rules = policy(**CALM, allocation__asset_classes={"STK": 0.3, "CASH": 0.7}, execution__max_turnover=0.1)
    found = explained(rules, even())[Action.REBALANCE]
    short = next(one for one in found.shortfalls if one.name == "STK")
    assert pytest.approx((0.3, 0.3)) == (short.target, short.attainable)
    assert 0.69 < short.after < 0.72
    assert short.reasons[0].startswith("max_turnover: ")


def test_a_target_that_the_exposure_forbids_names_the_tightest_cap() -> None:
    rules = policy(**CALM, allocation__asset_classes={"STK": 0.85, "CASH": 0.15}, risk_limits__max_exposure=0.8)
    found = explained(rules, even())[Action.REBALANCE]
    assert found.shortfalls[0].reasons[0] == "max_exposure allows 80.0% to be invested, and one point is kept free"


def test_a_target_that_nobody_can_buy_stays_in_cash() -> None:
    targets = {"Energy": 0.4, "Financials": 0.2, "Utilities": 0.2}
    found = explained(policy(**CALM, allocation__sectors=targets), even())[Action.REBALANCE]
    short = next(one for one in found.shortfalls if one.name == "Utilities")
    assert short.reasons == ("no name of it may be bought today; its share stays in cash",)


@given(worlds())
def test_any_day_is_explained_as_it_was_decided(world: World) -> None:
    evaluation = world.measured()
    candidates = plans(world.policy, world.portfolio, world.market, evaluation, world.memory)
    choice = rules(world.policy, evaluation, candidates)
    cut: dict[Action, tuple[Refusal, ...]] = {p.action: gated(world, p.orders).refusals for p in candidates}
    choosable = offered(world.policy, evaluation, candidates)
    options = Options(candidates, candidates, cut, choosable, choice)
    found = explain(world.policy, world.portfolio, world.market, evaluation, world.memory, options, choice)
    standings = {one.action: one.standing for one in found}
    assert [action for action, standing in standings.items() if standing is Standing.CHOSEN] == [
        options.default_plan.action
    ]
    assert {a for a, s in standings.items() if s in {Standing.CHOSEN, Standing.OFFERED}} == {
        p.action for p in choosable
    }
    for one in found:
        assert one.because.endswith(".")
        every = (*one.conditions.triggers, *one.conditions.requirements)
        numbers = [number for c in every for number in (c.value, c.threshold) if number is not None]
        assert all(math.isfinite(number) for number in numbers)
        offers = one.standing in {Standing.CHOSEN, Standing.OFFERED}
        # What was offered had everything it asks for; HOLD is offered without.
        if offers and one.action is not Action.HOLD:
            assert one.conditions.triggered
            assert not one.conditions.missing


def test_a_real_day_is_explained() -> None:
    world = day(date(2020, 3, 16))
    evaluation = measure(Today(default_policy(), world.portfolio, world.market, world.navs))
    candidates = plans(default_policy(), world.portfolio, world.market, evaluation, NO_MEMORY)
    choosable = offered(default_policy(), evaluation, candidates)
    choice = rules(default_policy(), evaluation, candidates)
    options = Options(candidates, candidates, {}, choosable, choice)
    found = explain(default_policy(), world.portfolio, world.market, evaluation, NO_MEMORY, options, choice)
    assert [one.action for one in found if one.standing is Standing.CHOSEN] == [options.default_plan.action]
    assert all(one.changes or one.standing in {Standing.CHOSEN, Standing.OFFERED, Standing.IMPOSSIBLE} for one in found)


@pytest.mark.parametrize(("cost", "action"), [(200, Action.CUT_LOSERS), (50, Action.REINFORCE)])
def test_less_than_one_share_triggers_nothing_and_is_told_of_nowhere(cost: float, action: Action) -> None:
    account = portfolio({"AA": "0.9", "BB": 100, "CC": 100}, 80000, {"AA": cost})
    found = explained(policy(**CALM, strategies__rebalance__enabled=False), account)
    assert found[action].standing is Standing.NOT_TRIGGERED
    asked = (found[one] for one in (Action.CUT_LOSERS, Action.REINFORCE, Action.HOLD))
    assert all("AA" not in condition.text for one in asked for condition in one.conditions.triggers)
