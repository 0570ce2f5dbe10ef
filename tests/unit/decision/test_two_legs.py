"""A sale that is to pay for a purchase is as large as the purchase that is left, or is not made."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.decision import plans
from app.domain.legs import alone, paired
from app.domain.order import Order, Side
from app.domain.plan import NO_MEMORY, Action, Memory, Plan
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import DayUse, KillLevel
from app.risk import Today, feasible
from tests.support.worlds import NAMES, buy, conid, evaluate, even, market, navs, policy, sell

DRIFTING = {
    "strategies__sector_rotation__enabled": False,
    "allocation__sectors": {"Energy": 0.3, "Financials": 0.3, "Health Care": 0.2},
}
LEAST = Decimal(500)


def worth(orders: tuple[Order, ...], side: Side) -> Decimal:
    return sum((one.notional for one in orders if one.side is side and not one.mandatory), Decimal(0))


def rebalanced(
    rules: Policy, account: Portfolio, memory: Memory = NO_MEMORY, level: KillLevel = KillLevel.ACTIVE
) -> Plan | None:
    """As it is offered, after the gate; None where it is not."""
    past = navs(account.nav)
    evaluation = evaluate(rules, account, memory=memory, history=past)
    offers = {plan.action: plan for plan in plans(rules, account, market(), evaluation, memory)}
    if Action.REBALANCE not in offers:
        return None
    today = Today(rules, account, market(), past, memory)
    return feasible(today, offers[Action.REBALANCE], DayUse(), level)[0]


def test_where_nothing_can_be_bought_drift_sells_nothing() -> None:
    rests = replace(NO_MEMORY, sold={conid("EE"): 3, conid("JJ"): 3})
    assert rebalanced(policy(**DRIFTING), even(), rests) is None
    assert rebalanced(policy(**DRIFTING), even(), level=KillLevel.REDUCING) is None


def test_what_is_sold_for_drift_is_no_more_than_what_is_bought() -> None:
    one_rests = replace(NO_MEMORY, sold={conid("JJ"): 3})
    plan = rebalanced(policy(**DRIFTING), even(), one_rests)
    assert plan is not None
    assert 0 < worth(plan.orders, Side.SELL) <= worth(plan.orders, Side.BUY) + 100


def test_more_than_is_to_be_invested_leaves_whether_or_not_anything_is_bought() -> None:
    full = even(cash=0)
    assert full.nav == 80_000
    rules = policy(**DRIFTING, risk_limits__min_cash_reserve=0.0, risk_limits__max_exposure=1.0)
    plan = rebalanced(rules, full, replace(NO_MEMORY, sold={conid("EE"): 3, conid("JJ"): 3}))
    assert plan is not None
    assert worth(plan.orders, Side.BUY) == 0
    assert Decimal(15_000) <= worth(plan.orders, Side.SELL) <= plan.own_sales + 100


def test_the_largest_sales_stay_whole_and_no_part_is_below_the_smallest_order() -> None:
    orders = (sell("AA", 30), sell("BB", 20), sell("CC", 10), buy("DD", 36))
    kept = paired(orders, Decimal(0), even(), LEAST)
    assert [(one.instrument.symbol, int(one.quantity)) for one in kept] == [("AA", 30), ("BB", 6), ("DD", 36)]
    assert paired((*orders[:3], buy("DD", 33)), Decimal(0), even(), LEAST) == (sell("AA", 30), buy("DD", 33))
    assert paired((sell("AA", 1),), Decimal(0), even(), LEAST) == ()
    assert alone(orders, Decimal(2500), even(), LEAST) == (sell("AA", 25),)


def test_a_mandatory_sale_pays_for_nothing_and_is_never_made_smaller() -> None:
    due = sell("AA", 50, mandatory=True)
    assert paired((due, sell("BB", 20)), Decimal(0), even(), LEAST) == (due,)


legs = st.lists(
    st.builds(
        lambda name, quantity, is_sale, due: sell(name, quantity, mandatory=due) if is_sale else buy(name, quantity),
        st.sampled_from(NAMES),
        st.integers(1, 400),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda order: order.instrument.conid,
)


@given(legs, st.integers(0, 50_000))
def test_sales_by_choice_never_exceed_what_they_pay_for_and_nothing_else_changes(orders: list[Order], own: int) -> None:
    left = paired(orders, Decimal(own), even(), LEAST)
    paid = worth(left, Side.BUY) + own
    assert worth(left, Side.SELL) <= (paid + 100 if paid else 0)
    assert [one for one in left if one.side is Side.BUY or one.mandatory] == [
        one for one in orders if one.side is Side.BUY or one.mandatory
    ]
    asked = {one.instrument.conid: one.quantity for one in orders}
    assert all(one.quantity <= asked[one.instrument.conid] for one in left)
    assert paired(left, Decimal(own), even(), LEAST) == left


@pytest.mark.parametrize(("ago", "cost", "sold"), [(25, 110, False), (25, 90, True), (31, 110, True), (20, 90, False)])
def test_what_was_bought_within_the_cool_down_is_not_sold_at_a_loss_by_choice(
    ago: int, cost: float, sold: bool
) -> None:
    memory = replace(NO_MEMORY, bought={conid("AA"): ago})
    plan = rebalanced(policy(**DRIFTING), even(costs={"AA": cost}), memory)
    assert plan is not None
    assert ("AA" in {one.instrument.symbol for one in plan.orders}) is sold


def test_a_rebalance_that_came_to_no_end_goes_on_and_one_that_did_rests() -> None:
    assert rebalanced(policy(**DRIFTING), even(), replace(NO_MEMORY, last_rebalance=2)) is not None
    assert rebalanced(policy(**DRIFTING), even(), replace(NO_MEMORY, last_rebalance=3)) is None


def test_more_that_may_be_invested_is_a_reason_whatever_the_calendar_says() -> None:
    rules = policy(strategies__sector_rotation__enabled=False, allocation__drift_threshold=0.2)
    account = even(cash=60_000)
    memory = replace(NO_MEMORY, last_rebalance=9, previous_caps={"vix": 0.6})
    plan = rebalanced(rules, account, memory)
    assert plan is not None
    assert "More may be invested: 90.0%" in plan.reason
    assert worth(plan.orders, Side.BUY) > 20_000
    assert rebalanced(rules, account, replace(memory, previous_caps={"vix": 0.9})) is None
