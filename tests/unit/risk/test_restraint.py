"""Discretionary sales that take a hedge away are cut; what is due, and what calms the whole, is sold."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.market import Market
from app.domain.order import Order, Side
from app.domain.plan import Action, Plan
from app.domain.policy import Policy
from app.domain.portfolio import CashBalance, Portfolio
from app.risk import Today, after, restrain
from tests.support.worlds import (
    NAMES,
    buy,
    changed,
    closes,
    conid,
    evaluate,
    market,
    policy,
    portfolio,
    sell,
    with_history,
)

HOLDINGS = {"AA": 300, "CC": 300, "EE": 300}
TIGHT = policy(risk_limits__max_annual_volatility=0.08)
EUROS = changed(TIGHT, "currency", "EUR")


def hedged() -> Market:
    """Every name moves as one but EE, which moves the other way."""
    path = closes(7, 0.01)
    return with_history(market(), {n: 100 * (path / 100) ** (-0.9 if n == "EE" else 1) for n in NAMES})


def account() -> Portfolio:
    return portfolio(HOLDINGS, 10000)


def cut(*orders: Order) -> Plan:
    return Plan(Action.CUT_LOSERS, orders, "test")


def volatility(rules: Policy, held: Portfolio, orders: tuple[Order, ...]) -> float:
    found = evaluate(rules, after(held, orders), hedged()).metric("annual_volatility").value
    assert found is not None
    return found


def test_a_hedge_is_sold_only_as_far_as_the_volatility_stays_inside_its_limit() -> None:
    plan, refusals = restrain(Today(TIGHT, account(), hedged()), cut(sell("EE", 300)))
    (sold,) = plan.orders
    assert 0 < sold.quantity < 300
    assert volatility(TIGHT, account(), plan.orders) <= 0.08
    one_more = (replace(sold, quantity=sold.quantity + 1),)
    assert volatility(TIGHT, account(), one_more) > 0.08
    (refusal,) = refusals
    assert (refusal.rule, refusal.symbol, refusal.largest) == ("annual_volatility", "EE", sold.quantity)
    assert refusal.limit == "0.0800"


def test_a_limit_that_is_broken_already_is_broken_no_further_by_a_sale() -> None:
    rules = policy(risk_limits__max_annual_volatility=0.01)
    plan, refusals = restrain(Today(rules, account(), hedged()), cut(sell("EE", 300)))
    assert plan.orders == ()
    assert refusals[0].largest == 0


def test_a_mandatory_sale_of_a_hedge_is_never_cut() -> None:
    due = sell("EE", 300, mandatory=True)
    assert restrain(Today(TIGHT, account(), hedged()), cut(due)) == (cut(due), ())


def test_what_is_measured_is_what_the_mandatory_sales_leave() -> None:
    due, more = sell("EE", 270, mandatory=True), sell("EE", 30, leg=2)
    plan, _ = restrain(Today(TIGHT, account(), hedged()), cut(due, more))
    assert plan.orders == (due,)


def test_what_calms_the_whole_is_sold_though_a_hedge_beside_it_is_not() -> None:
    rules = policy(risk_limits__max_annual_volatility=0.01)
    plan, refusals = restrain(Today(rules, account(), hedged()), cut(sell("EE", 300), sell("AA", 20)))
    assert sell("AA", 20) in plan.orders
    kept = sum(o.quantity for o in plan.orders if o.instrument.symbol == "EE")
    assert kept < 300
    assert [refusal.symbol for refusal in refusals] == ["EE"]


def test_a_part_too_small_to_send_is_left_out() -> None:
    least = {"execution__min_order_value": Decimal(29000), "execution__min_order_nav": None}
    rules = policy(risk_limits__max_annual_volatility=0.08, **least)
    plan, refusals = restrain(Today(rules, account(), hedged()), cut(sell("EE", 300)))
    assert plan.orders == ()
    assert refusals[0].largest == 0


@pytest.mark.parametrize(("action", "bought"), [(Action.ROTATE, True), (Action.REBALANCE, False)])
def test_a_rotation_that_sells_less_buys_less(action: Action, bought: bool) -> None:
    wanted = Plan(action, (sell("EE", 300), buy("GG", 200)), "test")
    plan, _ = restrain(Today(TIGHT, account(), hedged()), wanted)
    sold = next(o.quantity for o in plan.orders if o.side is Side.SELL)
    after_it = next(o.quantity for o in plan.orders if o.side is Side.BUY)
    assert after_it == ((200 * sold / 300).to_integral_value("ROUND_FLOOR") if bought else 200)


def test_a_rotation_of_which_no_sale_is_left_buys_nothing() -> None:
    rules = policy(risk_limits__max_annual_volatility=0.01)
    plan, _ = restrain(
        Today(rules, account(), hedged()), Plan(Action.ROTATE, (sell("EE", 300), buy("GG", 200)), "test")
    )
    assert plan.orders == ()


def test_where_nothing_is_known_of_the_statistics_a_sale_goes_through() -> None:
    on = hedged()
    blind = replace(on, history={number: one for number, one in on.history.items() if number != conid("AA")})
    assert restrain(Today(TIGHT, account(), blind), cut(sell("EE", 300))) == (cut(sell("EE", 300)), ())


@pytest.mark.parametrize(("lot", "whole"), [("10", 10), ("1.5", 1)])
def test_a_part_is_in_whole_lots_and_a_step_that_makes_no_sense_is_left_to_the_gate(lot: str, whole: int) -> None:
    on = replace(hedged(), lots={conid("EE"): Decimal(lot)})
    (sold,) = restrain(Today(TIGHT, account(), on), cut(sell("EE", 300)))[0].orders
    (single,) = restrain(Today(TIGHT, account(), hedged()), cut(sell("EE", 300)))[0].orders
    assert sold.quantity == single.quantity // whole * whole


def test_where_not_one_share_may_go_there_is_no_order_however_small_one_may_be() -> None:
    rules = policy(risk_limits__max_annual_volatility=0.01, execution__min_order_value=Decimal(0))
    plan, refusals = restrain(Today(rules, account(), hedged()), cut(sell("EE", 300)))
    assert plan.orders == ()
    assert refusals[0].largest == 0


def test_the_smallest_order_is_in_the_base_currency() -> None:
    dollars = CashBalance("USD", Decimal(0), Decimal(0), Decimal("0.8"))
    abroad = replace(account(), currency="EUR", cash=(CashBalance("EUR", Decimal(8000), Decimal(8000)), dollars))
    (part,) = restrain(Today(EUROS, abroad, hedged()), cut(sell("EE", 300)))[0].orders
    worth = part.quantity * 80
    for least, kept in ((worth, True), (worth + 1, False)):
        rules = changed(changed(EUROS, "execution.min_order_value", least), "execution.min_order_nav", None)
        assert bool(restrain(Today(rules, abroad, hedged()), cut(sell("EE", 300)))[0].orders) is kept
