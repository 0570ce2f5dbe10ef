"""What a whole plan does to the portfolio, after the gate, for any account, market and memory."""

import math
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.decision import plans
from app.domain.evaluation import Evaluation
from app.domain.order import Order, Side
from app.domain.plan import Action, Plan
from app.risk import after, measure, post_trade
from tests.unit.risk.drawn import World, calm_worlds, gated, worlds

SLACK = 1e-9


def found_plans(world: World) -> tuple[Plan, ...]:
    return plans(world.policy, world.portfolio, world.market, world.measured(), world.memory)


def then(world: World, orders: tuple[Order, ...]) -> Evaluation:
    return measure(world.policy, after(world.portfolio, orders), world.market, world.navs, world.memory)


def assert_no_worse(world: World, before: Evaluation, orders: tuple[Order, ...]) -> None:
    """Every limit that was kept is kept, and every one that was broken is broken no further."""
    reached = post_trade(world.policy, world.portfolio, world.market, world.navs, orders).metrics
    for metric in before.metrics:
        value = reached.get(metric.name)
        if metric.limit is None or metric.value is None or value is None:
            continue
        assert math.isfinite(value)
        if metric.floor:
            assert value >= min(metric.limit, metric.value) - SLACK, metric.name
        else:
            assert value <= max(metric.limit, metric.value) + SLACK, metric.name


@given(st.one_of(worlds(), calm_worlds()))
def test_no_plan_breaks_a_limit_that_was_kept_nor_worsens_one_that_was_broken(world: World) -> None:
    for plan in found_plans(world):
        allowed = gated(world, plan.orders).allowed
        mandatory = tuple(order for order in allowed if order.mandatory)
        # Measured from what the mandatory sales leave: those are made whatever they do to a statistic.
        assert_no_worse(world, then(world, mandatory), allowed)


@given(st.one_of(worlds(), calm_worlds()))
def test_gating_a_gated_plan_changes_nothing(world: World) -> None:
    for plan in found_plans(world):
        once = gated(world, plan.orders)
        twice = gated(world, once.allowed)
        assert twice.allowed == once.allowed
        assert twice.refusals == ()


@given(worlds())
def test_hold_has_the_mandatory_exits_and_only_those(world: World) -> None:
    for plan in found_plans(world):
        mandatory = tuple(order for order in plan.orders if order.mandatory)
        if plan.action is Action.HOLD:
            assert plan.orders == mandatory
            hold = mandatory
        assert all(order.exit and order.side is Side.SELL for order in mandatory)
    assert all(tuple(o for o in plan.orders if o.mandatory) == hold for plan in found_plans(world))


@given(worlds(), st.randoms(use_true_random=False))
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
