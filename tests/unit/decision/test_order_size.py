"""What one order may be worth, for an account of any size: plans, legs and gate ask the same function."""

from collections.abc import Iterable
from decimal import Decimal

import pytest

from app.decision import plans
from app.domain.order import Order, Side
from app.domain.order_size import MOST_LEGS, in_legs, largest_order, smallest_order
from app.domain.plan import NO_MEMORY, Action, Plan
from app.domain.policy import Execution, Policy
from app.domain.portfolio import Portfolio
from tests.support.worlds import buy, evaluate, market, policy, portfolio, quoted, rule_on, sell

NAV = Decimal(100_000)
QUIET = {"strategies__cut_losers__enabled": False, "strategies__sector_rotation__enabled": False}


def rules(**named: float) -> Execution:
    return Execution.model_validate(named)


def quantities(orders: Iterable[Order]) -> list[int]:
    return [int(order.quantity) for order in orders]


def held(policy: Policy, account: Portfolio, volume: int = 10**7) -> Plan:
    """What HOLD sells, its stop reached."""
    on = quoted(market(), "AA", average_volume=Decimal(volume))
    found = plans(policy, account, on, evaluate(policy, account, on), NO_MEMORY)
    return next(plan for plan in found if plan.action is Action.HOLD)


@pytest.mark.parametrize(
    ("named", "most"),
    [
        ({}, 25_000),
        ({"max_order_value": 7_000}, 7_000),
        ({"max_order_nav_pct": 10}, 10_000),
        ({"max_order_volume_pct": 2}, 4_000),
        ({"max_order_value": 7_000, "max_order_nav_pct": 10, "max_order_volume_pct": 50}, 7_000),
        ({"max_order_value": 70_000, "max_order_nav_pct": 10, "max_order_volume_pct": 1}, 2_000),
    ],
)
def test_the_largest_order_is_the_tightest_of_what_the_policy_names(named: dict[str, float], most: int) -> None:
    assert largest_order(rules(**named), NAV, Decimal(200_000)) == most


def test_a_day_kept_by_an_earlier_version_has_the_bound_of_then() -> None:
    assert largest_order(rules().model_copy(update={"max_order_value": None}), NAV) == 25_000


def test_a_volume_that_nobody_knows_leaves_the_other_bounds() -> None:
    assert largest_order(rules(max_order_value=7_000, max_order_volume_pct=1), NAV) == 7_000


@pytest.mark.parametrize(("nav", "least"), [(2_000, 100), (10_000, 500), (50_000_000, 500)])
def test_the_smallest_order_is_no_larger_than_its_share_of_a_small_account(nav: int, least: int) -> None:
    assert smallest_order(rules(min_order_value=500, min_order_nav_pct=5), Decimal(nav)) == least


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [(0, []), (200, [200]), (250, [250]), (600, [250, 250, 100]), (1250, [250] * 5), (5002, [1001] * 4 + [998])],
)
def test_an_exit_is_at_most_five_orders_as_large_as_it_takes(quantity: int, expected: list[int]) -> None:
    legs = in_legs(sell("AA", quantity), rules(max_order_value=25_000), NAV, Decimal(1))
    assert quantities(legs) == expected
    assert [leg.leg for leg in legs] == list(range(1, len(expected) + 1))


def test_what_was_sold_before_counts_towards_the_five() -> None:
    legs = in_legs(sell("AA", 900, leg=4), rules(max_order_value=25_000), NAV, Decimal(1))
    assert [(int(leg.quantity), leg.leg) for leg in legs] == [(450, 4), (450, 5)]
    assert in_legs(sell("AA", 900, leg=6), rules(), NAV, Decimal(1)) == ()


def test_only_a_share_of_the_days_volume_leaves_a_rest_and_the_reason_says_so() -> None:
    asked = rules(max_order_value=25_000, max_order_volume_pct=1)
    legs = in_legs(sell("AA", 5000), asked, NAV, Decimal(1), traded=Decimal(3_000_000))
    assert quantities(legs) == [300] * MOST_LEGS
    assert all("3500 of 5000 are left for another day" in leg.reason for leg in legs)
    whole = in_legs(sell("AA", 1500), asked, NAV, Decimal(1), traded=Decimal(3_000_000))
    assert "another day" not in whole[0].reason


def test_an_order_is_one_share_at_least_however_little_is_traded() -> None:
    legs = in_legs(sell("AA", 9), rules(max_order_volume_pct=1), NAV, Decimal(1), traded=Decimal(10))
    assert quantities(legs) == [1] * MOST_LEGS


@pytest.mark.parametrize(("shares", "cash"), [(3, 1_700), (75_000, 42_500_000)])
def test_a_stop_is_one_day_of_at_most_five_orders_in_a_small_and_in_a_large_account(shares: int, cash: int) -> None:
    account = portfolio({"AA": shares}, cash, costs={"AA": 130})
    for execution in ({}, {"execution__max_order_value": Decimal(25_000)}):
        orders = held(policy(**QUIET, **execution), account).orders
        assert sum(quantities(orders)) == shares
        assert len(orders) <= MOST_LEGS
        ruled = rule_on(orders, policy(**QUIET, **execution), account)
        assert (ruled.allowed, ruled.refusals) == (orders, ())


def test_what_a_days_volume_leaves_of_a_stop_is_due_the_next_day() -> None:
    asked = policy(**QUIET, execution__max_order_volume=0.01)
    first = held(asked, portfolio({"AA": 75_000}, 42_500_000, costs={"AA": 130}), volume=1_000_000).orders
    assert quantities(first) == [10_000] * MOST_LEGS
    left = portfolio({"AA": 25_000}, 47_500_000, costs={"AA": 130})
    assert quantities(held(asked, left, volume=1_000_000).orders) == [10_000, 10_000, 5_000]


def test_the_gate_cuts_a_buy_to_each_of_the_three() -> None:
    account = portfolio({"AA": 100}, 90_000)
    on = quoted(market(), "II", average_volume=Decimal(1_000_000))
    for named, most in (
        ({"execution__max_order_value": Decimal(4_000)}, 40),
        ({"execution__max_order_nav": 0.03}, 30),
        ({"execution__max_order_volume": 0.00002}, 20),
    ):
        ruled = rule_on((buy("II", 60),), policy(**named), account, on)
        assert quantities(ruled.allowed) == [most], named
        assert [refusal.rule for refusal in ruled.refusals] == ["max_order_value"]


def test_a_buy_of_a_name_with_an_unknown_volume_is_refused_where_the_policy_asks_for_it() -> None:
    on = quoted(market(), "II", average_volume=None)
    asked = policy(execution__max_order_volume=0.002, execution__max_share_of_volume=1.0)
    asked = asked.model_copy(update={"universe": asked.universe.model_copy(update={"min_average_volume": Decimal(0)})})
    (refusal,) = rule_on((buy("II", 60),), asked, portfolio({"AA": 100}, 90_000), on).refusals
    assert (refusal.rule, refusal.limit) == ("max_share_of_volume", "0.0020 of it")


def test_a_cut_that_leaves_less_than_an_order_takes_all() -> None:
    asked = {"strategies__cut_losers__sell": 0.5, "exits__stop_loss": 0.5, "execution__min_order_nav": None}
    account = portfolio({"AA": 8}, 90_000, costs={"AA": 120})
    for least, sold in ((Decimal(500), 8), (Decimal(400), 4)):
        rules = policy(**asked, execution__min_order_value=least)
        found = plans(rules, account, market(), evaluate(rules, account), NO_MEMORY)
        (cut,) = (plan for plan in found if plan.action is Action.CUT_LOSERS)
        assert [(o.side, int(o.quantity)) for o in cut.orders] == [(Side.SELL, sold)]


def test_a_profit_that_is_taken_in_full_only_where_an_order_is_worth_it() -> None:
    asked = {"exits__take_profit": 0.5, "execution__min_order_nav": None, "execution__min_order_value": Decimal(500)}
    taken = {
        sell: quantities(
            held(policy(**asked, exits__take_profit_sell=sell), portfolio({"AA": 9}, 90_000, {"AA": 50})).orders
        )
        for sell in (0.25, 0.6)
    }
    # Three shares of nine are no order, and take nothing with them; six are one, and the three that are left go too.
    assert taken == {0.25: [3], 0.6: [9]}
