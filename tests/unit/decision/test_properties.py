"""What holds for any account, market and memory: drawn at random and planned."""

import math

from hypothesis import given

from app.decision import offered, plans, rules
from app.domain.order import Side
from app.domain.plan import Action
from app.risk import after, post_trade
from tests.support.worlds import asked, conid
from tests.unit.risk.drawn import World, gated, worlds


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


@given(worlds())
def test_no_plan_touches_a_barred_name_or_buys_in_a_cool_down(world: World) -> None:
    barred = {conid(s) for s in world.policy.universe.restricted} | set(world.market.untradable)
    for plan in plans(world.policy, world.portfolio, world.market, world.measured(), world.memory):
        assert not barred & {one.instrument.conid for one in plan.orders}
        assert not set(world.memory.sold_at_loss) & {o.instrument.conid for o in plan.orders if o.side is Side.BUY}


@given(worlds())
def test_mandatory_sales_always_pass_and_weights_and_cash_make_one(world: World) -> None:
    for plan in plans(world.policy, world.portfolio, world.market, world.measured(), world.memory):
        allowed = gated(world, plan.orders).allowed
        assert {one for one in plan.orders if one.mandatory} <= set(allowed)
        then = post_trade(world.today(), allowed)
        left = after(world.portfolio, allowed)
        beside = float((left.unmanaged_value - left.unmanaged_exposure) / left.nav)
        assert math.isclose(then.cash_weight + then.exposure + beside, 1, abs_tol=1e-9)
        numbers = [then.turnover, *(value for value in then.metrics.values() if value is not None)]
        assert all(math.isfinite(number) for number in numbers)
        assert left.total_cash >= 0


@given(worlds())
def test_no_number_of_an_evaluation_is_not_a_number(world: World) -> None:
    evaluation = world.measured()
    numbers = [metric.value for metric in evaluation.metrics if metric.value is not None]
    numbers += [*evaluation.weights.values(), *evaluation.sector_weights.values(), evaluation.exposure]
    numbers += [value for due in evaluation.exits_due for value in (due.fraction, due.value, due.threshold)]
    numbers += [value for drift in evaluation.drifts for value in (drift.weight, drift.target, drift.attainable)]
    assert all(math.isfinite(number) for number in numbers)
    assert all(0 < due.fraction <= 1 for due in evaluation.exits_due)


@given(worlds())
def test_the_rules_choose_among_what_is_offered_and_the_same_every_time(world: World) -> None:
    evaluation = world.measured()
    found = plans(world.policy, world.portfolio, world.market, evaluation, world.memory)
    choice = rules(world.policy, evaluation, found)
    assert choice.plan_id in {plan.id for plan in offered(world.policy, evaluation, found)}
    again = plans(world.policy, world.portfolio, world.market, world.measured(), world.memory)
    assert again == found
