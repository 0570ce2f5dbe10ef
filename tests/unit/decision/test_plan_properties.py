"""What a whole plan does to the portfolio, after the gate, for any account, market and memory."""

import math
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.decision import plans
from app.domain.evaluation import Evaluation, ExitRule
from app.domain.market import Market
from app.domain.order import Order, Side
from app.domain.plan import NO_MEMORY, Action, Plan
from app.risk import after, measure, post_trade
from tests.support.worlds import (
    LENGTH,
    NAMES,
    SECTORS,
    closes,
    conid,
    market,
    navs,
    policy,
    portfolio,
    with_history,
)
from tests.unit.risk.drawn import World, calm_worlds, cleared, gated, worlds

SLACK = 1e-9


@st.composite
def lively_worlds(draw: st.DrawFn) -> World:
    """Winners, losers before their stop, targets, sectors that changed places: every action has a case."""
    held = draw(st.lists(st.sampled_from(NAMES[:8]), unique=True, min_size=3, max_size=7))
    costs = {name: draw(st.sampled_from([70, 80, 100, 113])) for name in held}
    shares = {name: draw(st.sampled_from([60, 100, 140])) for name in held}
    account = portfolio(shares, draw(st.sampled_from([12000, 30000, 60000])), costs)
    rules = policy(
        allocation__sectors=draw(st.sampled_from([{}, {"Energy": 0.3, "Financials": 0.3, "Health Care": 0.2}])),
        risk_limits__max_sector=draw(st.sampled_from([0.4, 0.6])),
        risk_limits__max_annual_volatility=draw(st.sampled_from([0.04, 0.2])),
        risk_limits__max_correlated=draw(st.sampled_from([0.15, 0.3])),
        execution__max_orders_per_day=draw(st.sampled_from([3, 20])),
    )
    return World(rules, account, draw(turned_markets()), navs(account.nav), NO_MEMORY)


@st.composite
def turned_markets(draw: st.DrawFn) -> Market:
    """Energy and Financials did in the last 63 sessions the opposite of what they did in the 63 before."""
    moves = {sector: draw(st.sampled_from([-0.2, 0.0, 0.2])) for sector in ("Energy", "Financials")}
    paths = {}
    for name in NAMES:
        steps = np.zeros(LENGTH)
        steps[-63:] = np.log1p(moves.get(SECTORS[name], 0.0)) / 63
        steps[-126:-63] = -steps[-63:]
        path = closes(conid(name), draw(st.sampled_from([0.004, 0.02]))) * np.exp(np.cumsum(steps))
        paths[name] = 100 * path / path[-1]
    return with_history(market(), paths)


@st.composite
def hedged_worlds(draw: st.DrawFn) -> World:
    """Most names move together, the hedges against them; what loses or is too heavy may be either."""
    held = draw(st.lists(st.sampled_from(NAMES[:8]), unique=True, min_size=3, max_size=7))
    hedges = draw(st.sets(st.sampled_from(held), min_size=1, max_size=2))
    common = np.diff(np.log(closes(7, draw(st.sampled_from([0.008, 0.02])))), prepend=0.0)
    common[0] = 0.0
    paths = {}
    for name in NAMES:
        against = draw(st.sampled_from([-1.0, -0.6])) if name in hedges else 1.0
        own = np.diff(np.log(closes(conid(name), 0.003)), prepend=0.0)
        own[0] = 0.0
        path = np.exp(np.cumsum(against * common + own))
        paths[name] = 100 * path / path[-1]
    young = draw(st.sampled_from([None, *held]))
    market_then = with_history(market(), paths)
    if young is not None:
        # With its sale the history that all the others share grows longer.
        market_then = with_history(market_then, {young: paths[young][-draw(st.sampled_from([70, 150])) :]})
    costs = {name: draw(st.sampled_from([80, 100, 113])) for name in held}
    shares = {name: draw(st.sampled_from([60, 140, 220])) for name in held}
    account = portfolio(shares, draw(st.sampled_from([12000, 30000])), costs)
    rules = policy(
        allocation__sectors=draw(st.sampled_from([{}, {"Energy": 0.3, "Financials": 0.3, "Health Care": 0.2}])),
        risk_limits__max_annual_volatility=draw(st.sampled_from([0.05, 0.09, 0.14])),
        risk_limits__max_var_95_1d=draw(st.sampled_from([0.006, 0.012])),
        strategies__cut_losers__sell=draw(st.sampled_from([0.5, 1.0])),
    )
    return World(rules, account, market_then, navs(account.nav), NO_MEMORY)


WORLDS = st.one_of(worlds(), calm_worlds(), lively_worlds(), hedged_worlds())


def found_plans(world: World) -> tuple[Plan, ...]:
    return plans(world.policy, world.portfolio, world.market, world.measured(), world.memory)


def then(world: World, orders: tuple[Order, ...]) -> Evaluation:
    return measure(world.today(after(world.portfolio, orders)))


def assert_no_worse(before: Evaluation, reached: Mapping[str, float | None]) -> None:
    """Every limit that was kept is kept, and every one that was broken is broken no further."""
    for metric in before.metrics:
        value = reached.get(metric.name)
        if metric.limit is None or metric.value is None or value is None:
            continue
        assert math.isfinite(value)
        if metric.floor:
            assert value >= min(metric.limit, metric.value) - SLACK, metric.name
        else:
            assert value <= max(metric.limit, metric.value) + SLACK, metric.name


@given(WORLDS)
def test_no_plan_breaks_a_limit_that_was_kept_nor_worsens_one_that_was_broken(world: World) -> None:
    for plan in found_plans(world):
        allowed = cleared(world, plan)
        mandatory = tuple(order for order in allowed if order.mandatory)
        reached = post_trade(world.today(), allowed).metrics
        # Measured from what the mandatory sales leave, which are made in any case: the only exception.
        assert_no_worse(then(world, mandatory), reached)


@given(WORLDS)
def test_gating_a_gated_plan_changes_nothing(world: World) -> None:
    for plan in found_plans(world):
        once = gated(world, plan.orders)
        twice = gated(world, once.allowed)
        assert twice.allowed == once.allowed
        assert twice.refusals == ()


@given(WORLDS)
def test_hold_has_the_mandatory_exits_and_only_those(world: World) -> None:
    for plan in found_plans(world):
        mandatory = tuple(order for order in plan.orders if order.mandatory)
        if plan.action is Action.HOLD:
            assert plan.orders == mandatory
            hold = mandatory
        assert all(order.exit and order.side is Side.SELL for order in mandatory)
    assert all(tuple(o for o in plan.orders if o.mandatory) == hold for plan in found_plans(world))


@settings(settings.get_profile("brief"))
@given(WORLDS)
def test_every_order_says_by_which_rules_and_its_sentence_begins_with_them(world: World) -> None:
    exits = {rule.value for rule in ExitRule}
    for plan in found_plans(world):
        for order in plan.orders:
            assert order.reason.startswith("+".join(order.rules) + ": ")
            assert {*order.rules} <= exits if order.mandatory else order.rules == (plan.action.lower(),)


@given(WORLDS, st.randoms(use_true_random=False))
def test_the_order_in_which_names_are_listed_changes_no_plan(world: World, shuffled: Random) -> None:
    positions = list(world.portfolio.positions)
    numbers = list(world.market.instruments)
    shuffled.shuffle(positions)
    shuffled.shuffle(numbers)
    market = replace(
        world.market,
        instruments={number: world.market.instruments[number] for number in numbers},
        quotes={number: world.market.quotes[number] for number in numbers if number in world.market.quotes},
        history={number: world.market.history[number] for number in numbers if number in world.market.history},
    )
    other = replace(world, portfolio=replace(world.portfolio, positions=tuple(positions)), market=market)
    assert [(p.action, p.orders) for p in found_plans(other)] == [(p.action, p.orders) for p in found_plans(world)]


@pytest.mark.slow
def test_the_worlds_drawn_have_plans_of_every_action_that_pass_the_gate() -> None:
    seen: set[tuple[Action, bool]] = set()

    @settings(max_examples=150, derandomize=True, deadline=None)
    @given(lively_worlds())
    def look(world: World) -> None:
        for plan in found_plans(world):
            allowed = cleared(world, plan)
            seen.add((plan.action, any(not order.mandatory for order in allowed)))

    look()
    assert {(action, True) for action in Action if action is not Action.HOLD} <= seen


@given(WORLDS)
def test_a_plan_that_adds_nothing_to_the_mandatory_sales_is_not_there(world: World) -> None:
    for plan in found_plans(world):
        assert plan.action is Action.HOLD or any(not order.mandatory for order in plan.orders)
