"""What holds for any account, market and memory: drawn at random, planned, gated and gated again."""

import math
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.decision import offered, plans, rules
from app.domain.evaluation import Evaluation
from app.domain.market import Market, VixReading
from app.domain.navs import NavPoint
from app.domain.order import Order, Side
from app.domain.plan import NO_MEMORY, Action, Memory
from app.domain.policy import DrawdownAction, Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse, KillLevel, Ruling
from app.risk import after, gate, measure, post_trade
from tests.support.worlds import (
    LENGTH,
    NAMES,
    TODAY,
    asked,
    closes,
    conid,
    market,
    navs,
    order,
    policy,
    portfolio,
    quoted,
    series,
    with_history,
)

EXAMPLES = settings(max_examples=60, deadline=None)


@dataclass(frozen=True)
class World:
    """One drawn case."""

    policy: Policy
    portfolio: Portfolio
    market: Market
    navs: tuple[NavPoint, ...]
    memory: Memory

    def measured(self) -> Evaluation:
        return measure(self.policy, self.portfolio, self.market, self.navs, self.memory)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    held = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=10))
    quantities = {name: draw(st.sampled_from([0.4, 1, 7, 60, 100, 140, 250, 400])) for name in held}
    costs = {name: draw(st.sampled_from([40, 66, 80, 95, 100, 108, 112, 120, 160])) for name in held}
    account = portfolio(quantities, draw(st.sampled_from([500, 5000, 20000, 90000])), costs)
    account = replace(account, account_type=draw(st.sampled_from(["MARGIN", "CASH", None])))
    return World(draw(policies()), account, draw(markets()), draw(histories(account)), draw(memories()))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return policy(
        allocation__sectors=draw(st.sampled_from([{}, {"Energy": 0.3, "Financials": 0.3, "Health Care": 0.2}])),
        allocation__drift_threshold=draw(st.sampled_from([0.02, 0.05])),
        exits__drawdown_action=draw(st.sampled_from(list(DrawdownAction))),
        risk_limits__max_annual_volatility=draw(st.sampled_from([0.05, 0.2])),
        risk_limits__max_correlated=draw(st.sampled_from([0.15, 0.3])),
        execution__max_order_value=Decimal(draw(st.sampled_from([2000, 25000]))),
        execution__max_orders_per_day=draw(st.sampled_from([3, 20])),
        universe__restricted=draw(st.sampled_from([(), ("AA", "CC")])),
    )


@st.composite
def markets(draw: st.DrawFn) -> Market:
    path = closes(draw(st.integers(0, 99)), draw(st.sampled_from([0.005, 0.03])))
    found = with_history(market(), dict.fromkeys(draw(st.sets(st.sampled_from(NAMES))), path))
    index = np.full(LENGTH, 4000.0)
    index[-1] *= draw(st.sampled_from([0.9, 1.0, 1.1]))
    reading = draw(st.sampled_from([None, 12.0, 30.0, 60.0]))
    vix = None if reading is None else VixReading(reading, TODAY, "test")
    found = replace(found, index=series(1, index), vix=vix)
    if draw(st.booleans()):
        found = quoted(found, draw(st.sampled_from(NAMES)), prior_close=Decimal(50))
    if draw(st.booleans()):
        found = replace(found, untradable={conid(draw(st.sampled_from(NAMES))): "disputed price"})
    return found


@st.composite
def histories(draw: st.DrawFn, account: Portfolio) -> tuple[NavPoint, ...]:
    fall = draw(st.sampled_from([None, 0.0, 0.1, 0.3]))
    return () if fall is None else navs(account.nav * draw(st.sampled_from([Decimal(1), Decimal("1.1")])), fall)


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    before = draw(st.sampled_from([None, "LOW", "HIGH", "CRITICAL"]))
    metrics = ("drawdown", "max_position", "max_sector", "annual_volatility", "correlated_cluster", "cash_reserve")
    return replace(
        NO_MEMORY,
        previous_severities=None if before is None else dict.fromkeys(metrics, before),
        drawdown_acted_at=draw(st.sampled_from([None, 0.2])),
        sold_at_loss={conid("BB"): 5} if draw(st.booleans()) else {},
        profit_levels_taken={conid("EE"): 1} if draw(st.booleans()) else {},
    )


@EXAMPLES
@given(worlds())
def test_every_plan_holds_the_mandatory_sales_and_hold_holds_nothing_else(world: World) -> None:
    evaluation = world.measured()
    found = plans(world.policy, world.portfolio, world.market, evaluation, world.memory)
    hold = found[-1]
    assert hold.action is Action.HOLD
    assert len(found) <= 6
    assert all(one.mandatory and one.exit and one.side is Side.SELL for one in hold.orders)
    assert {one.instrument.conid for one in hold.orders} <= {due.conid for due in evaluation.exits_due}
    for plan in found:
        assert set(hold.orders) <= set(plan.orders)


@EXAMPLES
@given(worlds())
def test_a_plan_never_buys_and_sells_one_symbol_nor_more_than_is_held(world: World) -> None:
    for plan in plans(world.policy, world.portfolio, world.market, world.measured(), world.memory):
        for symbol, (side, quantity) in asked(plan).items():
            assert quantity > 0
            assert quantity == int(quantity)
            if side is Side.SELL:
                assert quantity <= world.portfolio.held(conid(symbol))
        keys = [(one.instrument.conid, one.side, one.leg) for one in plan.orders]
        assert len(keys) == len(set(keys))


@EXAMPLES
@given(worlds())
def test_no_plan_touches_a_barred_name_or_buys_in_a_cool_down(world: World) -> None:
    barred = {conid(s) for s in world.policy.universe.restricted} | set(world.market.untradable)
    for plan in plans(world.policy, world.portfolio, world.market, world.measured(), world.memory):
        assert not barred & {one.instrument.conid for one in plan.orders}
        assert not set(world.memory.sold_at_loss) & {o.instrument.conid for o in plan.orders if o.side is Side.BUY}


@EXAMPLES
@given(worlds())
def test_mandatory_sales_always_pass_and_weights_and_cash_make_one(world: World) -> None:
    for plan in plans(world.policy, world.portfolio, world.market, world.measured(), world.memory):
        allowed = gated(world, plan.orders).allowed
        assert {one for one in plan.orders if one.mandatory} <= set(allowed)
        then = post_trade(world.policy, world.portfolio, world.market, world.navs, allowed)
        assert math.isclose(then.cash_weight + then.exposure, 1, abs_tol=1e-9)
        numbers = [then.turnover, *(value for value in then.metrics.values() if value is not None)]
        assert all(math.isfinite(number) for number in numbers)
        assert after(world.portfolio, allowed).total_cash >= 0


@EXAMPLES
@given(worlds())
def test_no_number_of_an_evaluation_is_not_a_number(world: World) -> None:
    evaluation = world.measured()
    numbers = [metric.value for metric in evaluation.metrics if metric.value is not None]
    numbers += [*evaluation.weights.values(), *evaluation.sector_weights.values(), evaluation.exposure]
    numbers += [value for due in evaluation.exits_due for value in (due.fraction, due.value, due.threshold)]
    numbers += [value for drift in evaluation.drifts for value in (drift.weight, drift.target, drift.attainable)]
    assert all(math.isfinite(number) for number in numbers)
    assert all(0 < due.fraction <= 1 for due in evaluation.exits_due)


@EXAMPLES
@given(worlds())
def test_the_rules_choose_among_what_is_offered_and_the_same_every_time(world: World) -> None:
    evaluation = world.measured()
    found = plans(world.policy, world.portfolio, world.market, evaluation, world.memory)
    choice = rules(world.policy, evaluation, found)
    assert choice.plan_id in {plan.id for plan in offered(world.policy, evaluation, found)}
    again = plans(world.policy, world.portfolio, world.market, world.measured(), world.memory)
    assert again == found


def gated(world: World, orders: tuple[Order, ...]) -> Ruling:
    return gate(
        world.policy, world.portfolio, world.market, world.navs, orders, DayUse(), KillLevel.ACTIVE, world.memory
    )


WANTED = st.lists(
    st.builds(order, st.sampled_from(NAMES), st.sampled_from(list(Side)), st.sampled_from([0, 1, 12, 70, 300, 5000])),
    max_size=8,
)


@EXAMPLES
@given(worlds(), WANTED)
def test_the_gate_changes_nothing_in_what_it_allowed_and_never_enlarges(world: World, wanted: list[Order]) -> None:
    once = gated(world, tuple(wanted))
    twice = gated(world, once.allowed)
    assert twice.allowed == once.allowed
    assert twice.refusals == ()
    for allowed in once.allowed:
        assert any(
            replace(allowed, quantity=one.quantity) == one and allowed.quantity <= one.quantity for one in wanted
        )


@EXAMPLES
@given(worlds(), WANTED)
def test_everything_cut_is_refused_with_its_rule(world: World, wanted: list[Order]) -> None:
    ruling = gated(world, tuple(wanted))
    untouched = sum(any(allowed == one for one in wanted) for allowed in ruling.allowed)
    assert len(ruling.refusals) >= len(wanted) - untouched
    assert all(refusal.rule and refusal.value and refusal.limit for refusal in ruling.refusals)


@EXAMPLES
@given(worlds(), WANTED)
def test_no_buy_leaves_a_limit_broken_that_was_kept_or_worse_than_it_was(world: World, wanted: list[Order]) -> None:
    allowed = gated(world, tuple(wanted)).allowed
    sells = tuple(one for one in allowed if one.side is Side.SELL)
    if len(sells) == len(allowed):
        return
    held = measure(world.policy, after(world.portfolio, sells), world.market, world.navs, world.memory)
    then = post_trade(world.policy, world.portfolio, world.market, world.navs, allowed)
    assert held.risk_may_rise
    for metric in held.metrics:
        value = then.metrics.get(metric.name)
        if metric.limit is None or metric.value is None or value is None:
            continue
        if metric.floor:
            assert value >= min(metric.limit, metric.value) - 1e-9
        elif metric.name == "exposure":
            assert value <= world.measured().max_exposure + 1e-9
        else:
            assert value <= max(metric.limit, metric.value) + 1e-9
