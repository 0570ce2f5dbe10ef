"""Mandatory sales, the five actions, and the sizes of their orders."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from app.decision import plans
from app.domain.evaluation import Evaluation
from app.domain.market import Market
from app.domain.order import OrderRule, Side
from app.domain.plan import NO_MEMORY, Action, Memory, Plan
from app.domain.policy import Policy, RotationTrigger, TrendFilter
from app.domain.portfolio import Portfolio
from tests.support.worlds import (
    LENGTH,
    NAMES,
    SECTORS,
    asked,
    closes,
    conid,
    evaluate,
    even,
    market,
    navs,
    policy,
    portfolio,
    quoted,
    with_history,
    working,
)

QUIET = {
    "strategies__sector_rotation__enabled": False,
    "strategies__rebalance__enabled": False,
}


def planned(
    rules: Policy,
    account: Portfolio,
    on: Market | None = None,
    memory: Memory = NO_MEMORY,
    drawdown: float = 0.0,
) -> dict[Action, Plan]:
    prices = on or market()
    evaluation: Evaluation = evaluate(rules, account, prices, memory, navs(account.nav, drawdown))
    return {plan.action: plan for plan in plans(rules, account, prices, evaluation, memory)}


def orders(plan: Plan) -> dict[str, tuple[str, int]]:
    return {symbol: (side.value, int(quantity)) for symbol, (side, quantity) in asked(plan).items()}


def test_with_nothing_due_hold_is_the_only_plan_and_has_no_orders() -> None:
    found = planned(policy(), even())
    assert set(found) == {Action.HOLD}
    assert found[Action.HOLD].orders == ()


def test_mandatory_sales_are_one_net_order_a_name_and_in_every_plan() -> None:
    found = planned(policy(**QUIET), even(costs={"AA": 130, "BB": 60, "CC": 114, "DD": 40}))
    hold = found[Action.HOLD]
    assert orders(hold) == {"AA": ("SELL", 100), "BB": ("SELL", 25), "DD": ("SELL", 25)}
    assert all(order.mandatory and order.exit for order in hold.orders)
    for plan in found.values():
        assert set(hold.orders) <= set(plan.orders)


def test_of_several_rules_on_one_name_the_largest_sale_holds_and_all_are_named() -> None:
    plan = planned(policy(**QUIET), even(costs={"AA": 60, "BB": 130}), drawdown=0.2)[Action.HOLD]
    by_symbol = {order.instrument.symbol: order for order in plan.orders}
    assert by_symbol["AA"].rules == (OrderRule.DRAWDOWN, OrderRule.TAKE_PROFIT)
    assert by_symbol["BB"].rules == (OrderRule.STOP_LOSS,)
    assert by_symbol["AA"].quantity == 29
    assert by_symbol["AA"].reason.endswith("drawdown 20.0% against 15.0%, unrealised 66.7% against 50.0%")


def test_a_reduction_rounds_up_to_reach_its_goal() -> None:
    plan = planned(policy(**QUIET), portfolio({"AA": 21}, 97900, {"AA": 50}))[Action.HOLD]
    assert orders(plan) == {"AA": ("SELL", 6)}


def test_an_exit_above_the_order_cap_goes_in_legs_and_a_fraction_of_a_share_stays() -> None:
    account = portfolio({"AA": "130.5"}, 86950, {"AA": 130})
    legs = planned(policy(**QUIET, execution__max_order_value=Decimal(5000)), account)[Action.HOLD].orders
    assert [(order.leg, int(order.quantity)) for order in legs] == [(1, 50), (2, 50), (3, 30)]


def test_what_is_being_sold_already_is_not_sold_again() -> None:
    account = even(costs={"AA": 130}, orders=(working("AA", Side.SELL, 60),))
    assert orders(planned(policy(**QUIET), account)[Action.HOLD]) == {"AA": ("SELL", 40)}


def test_names_that_must_not_be_ordered_get_no_order_of_any_kind() -> None:
    on = market(untradable={conid("AA"): "disputed price"})
    assert planned(policy(**QUIET), even(costs={"AA": 130}), on)[Action.HOLD].orders == ()


def test_losers_are_cut_before_the_stop_and_a_share_of_them_only_if_so_set() -> None:
    account = even(costs={"AA": 112, "BB": 111})
    plan = planned(policy(**QUIET), account)[Action.CUT_LOSERS]
    assert orders(plan) == {"AA": ("SELL", 100)}
    assert not plan.orders[0].mandatory
    half = policy(**QUIET, strategies__cut_losers__sell=0.5, strategies__cut_losers__trigger_loss=0.05)
    assert orders(planned(half, account)[Action.CUT_LOSERS]) == {"AA": ("SELL", 50), "BB": ("SELL", 50)}
    off = policy(**QUIET, strategies__cut_losers__enabled=False)
    assert Action.CUT_LOSERS not in planned(off, account)


def test_a_cut_that_equals_the_stop_adds_nothing() -> None:
    rules = policy(**QUIET, strategies__cut_losers__trigger_loss=0.15)
    assert Action.CUT_LOSERS not in planned(rules, even(costs={"AA": 130}))


def test_a_cut_sells_what_the_mandatory_sale_of_the_name_leaves_in_a_leg_of_its_own() -> None:
    plan = planned(policy(**QUIET), even(costs={"AA": 112}), drawdown=0.2)[Action.CUT_LOSERS]
    legs = [(o.leg, int(o.quantity), o.mandatory) for o in plan.orders if o.instrument.symbol == "AA"]
    assert legs == [(1, 38, True), (2, 62, False)]
    half = policy(**QUIET, strategies__cut_losers__sell=0.5)
    plan = planned(half, even(costs={"AA": 112}), drawdown=0.2)[Action.CUT_LOSERS]
    legs = [(o.leg, int(o.quantity), o.mandatory) for o in plan.orders if o.instrument.symbol == "AA"]
    assert legs == [(1, 38, True), (2, 12, False)]


def winner() -> Portfolio:
    return even(costs={"AA": 80})


REINFORCE = {**QUIET, "risk_limits__max_sector": 0.6}


def test_a_winner_is_added_to_within_its_share() -> None:
    plan = planned(policy(**REINFORCE), winner())[Action.REINFORCE]
    # A quarter of 10,000 at no more than 100.10 a share.
    assert orders(plan) == {"AA": ("BUY", 24)}
    assert plan.reason == "Winners to add to: AA unrealised 25.0% against 20.0%"


@pytest.mark.parametrize(
    ("earlier", "grows"),
    [((), True), ((20,), True), ((19,), False), ((60, 30), False), ((400, 300), False)],
)
def test_a_winner_is_added_to_twice_at_most_and_not_soon_again(earlier: tuple[int, ...], grows: bool) -> None:
    memory = replace(NO_MEMORY, reinforced={conid("AA"): earlier})
    assert (Action.REINFORCE in planned(policy(**REINFORCE), winner(), memory=memory)) is grows


def test_a_winner_is_not_added_to_in_a_bear_trend_nor_where_an_exit_of_it_is_due() -> None:
    index = market().index
    assert index is not None
    falling = replace(index, closes=np.append(index.closes[:-1], index.closes[-1] * 0.9))
    assert Action.REINFORCE not in planned(policy(**REINFORCE), winner(), market(index=falling))
    assert Action.REINFORCE not in planned(policy(**REINFORCE), even(costs={"AA": 60}))
    bull = policy(**REINFORCE, strategies__reinforce_winners__require_trend=TrendFilter.BULL)
    assert Action.REINFORCE not in planned(bull, winner())


def test_a_required_sentiment_must_be_known() -> None:
    rules = policy(**REINFORCE, strategies__reinforce_winners__min_sentiment=0.2)
    for mood, grows in ((None, False), (0.1, False), (0.2, True)):
        on = market(sentiment={} if mood is None else {conid("AA"): mood})
        assert (Action.REINFORCE in planned(rules, winner(), on)) is grows


def test_nothing_is_bought_while_a_limited_metric_is_unknown() -> None:
    assert Action.REINFORCE not in planned(policy(**REINFORCE), winner(), market(vix=None))


def test_a_name_sold_at_a_loss_is_not_bought_back_by_any_action() -> None:
    for since, buys in ((30, False), (31, True)):
        memory = replace(NO_MEMORY, sold_at_loss={conid("AA"): since})
        assert (Action.REINFORCE in planned(policy(**REINFORCE), winner(), memory=memory)) is buys


def test_a_cash_account_buys_with_settled_cash_only() -> None:
    balance = even().cash[0]
    unsettled = replace(winner(), account_type="CASH", cash=(replace(balance, settled_cash=Decimal(1500)),))
    assert orders(planned(policy(**REINFORCE), unsettled)[Action.REINFORCE]) == {"AA": ("BUY", 14)}


def momentum(energy: float, financials: float, turn: bool = True) -> Market:
    """What both sectors did in the last 63 sessions; in the 63 before they did the opposite, if they `turn`."""
    paths = {}
    for symbol in NAMES:
        growth = {"Energy": energy, "Financials": financials}.get(SECTORS[symbol], 0.0)
        steps = np.zeros(LENGTH)
        steps[-63:] = np.log1p(growth) / 63
        steps[-126:-63] = (-1 if turn else 1) * steps[-63:]
        path = closes(conid(symbol), 0.004) * np.exp(np.cumsum(steps))
        paths[symbol] = 100 * path / path[-1]
    return with_history(market(), paths)


ROTATE = {"strategies__rebalance__enabled": False, "strategies__reinforce_winners__enabled": False}


def test_a_sector_regime_change_moves_from_the_weakest_to_the_strongest() -> None:
    plan = planned(policy(**ROTATE), even(), momentum(-0.2, 0.2))[Action.ROTATE]
    found = orders(plan)
    assert {symbol for symbol, (side, _) in found.items() if side == "SELL"} == {"AA", "BB", "FF", "GG"}
    assert {symbol for symbol, (side, _) in found.items() if side == "BUY"} <= {"CC", "DD", "HH", "II"}
    sold = sum(quantity for side, quantity in found.values() if side == "SELL")
    bought = sum(quantity for side, quantity in found.values() if side == "BUY")
    # A share of the three sold names at most is more than what is bought.
    assert 40 <= bought <= sold <= 50
    assert "leader" in plan.reason


def test_a_remainder_below_the_smallest_order_is_sold_whole_and_a_part_of_it_never() -> None:
    account, three = (
        portfolio({"AA": 4, "BB": 20, "CC": 50}, 92600),
        {**ROTATE, "universe__symbols": ("AA", "BB", "CC")},
    )
    found = {
        share: orders(
            planned(policy(**three, strategies__sector_rotation__move=share), account, momentum(-0.2, 0.2))[
                Action.ROTATE
            ]
        )
        for share in (0.5, 0.01)
    }
    assert found[0.5]["AA"] == ("SELL", 4)
    assert "AA" not in found[0.01]


def test_without_a_change_of_leader_or_laggard_only_the_period_rotates() -> None:
    same = momentum(-0.2, 0.2, turn=False)
    assert Action.ROTATE not in planned(policy(**ROTATE), even(), same)
    periodic = policy(**ROTATE, strategies__sector_rotation__trigger=RotationTrigger.PERIOD)
    assert Action.ROTATE in planned(periodic, even(), same)


@pytest.mark.parametrize(("last", "rotates"), [(None, True), (62, False), (63, True)])
def test_a_rotation_waits_for_its_period(last: int | None, rotates: bool) -> None:
    memory = replace(NO_MEMORY, last_rotation=last)
    assert (Action.ROTATE in planned(policy(**ROTATE), even(), momentum(-0.2, 0.2), memory)) is rotates


def test_a_rotation_goes_to_a_preferred_sector_or_not_at_all() -> None:
    on = momentum(-0.2, 0.2)
    health = policy(**ROTATE, strategies__sector_rotation__preferred_sectors=("Health Care",))
    found = orders(planned(health, even(), on)[Action.ROTATE])
    assert {symbol for symbol, (side, _) in found.items() if side == "BUY"} <= {"EE", "JJ"}
    utilities = policy(**ROTATE, strategies__sector_rotation__preferred_sectors=("Utilities",))
    assert Action.ROTATE not in planned(utilities, even(), on)
    bull = policy(**ROTATE, strategies__sector_rotation__require_trend=TrendFilter.BULL)
    assert Action.ROTATE not in planned(bull, even(), on)


BALANCE = {"strategies__sector_rotation__enabled": False}
# Drift waits for the policy's frequency; a breach does not.
RESTING = replace(NO_MEMORY, last_rebalance=5)
TARGETS = {"Energy": 0.3, "Financials": 0.3, "Health Care": 0.2}


def test_drift_beyond_the_threshold_is_corrected_towards_the_targets() -> None:
    plan = planned(policy(**BALANCE, allocation__sectors=TARGETS), even())[Action.REBALANCE]
    assert not plan.on_breach
    assert orders(plan) == {
        **dict.fromkeys(("AA", "BB", "FF"), ("SELL", 25)),
        # No more is sold than is bought.
        "GG": ("SELL", 23),
        "EE": ("BUY", 37),
        "JJ": ("BUY", 61),
    }
    assert plan.reason.startswith(
        "Drift beyond the threshold: Energy 40.0%, attainable target 30.0%; Health Care 10.0%, attainable target 20.0%"
    )


@pytest.mark.parametrize(("last", "acts"), [(None, True), (20, False), (21, True)])
def test_drift_is_corrected_at_the_policys_frequency(last: int | None, acts: bool) -> None:
    memory = replace(NO_MEMORY, last_rebalance=last)
    rules = policy(**BALANCE, allocation__sectors=TARGETS)
    assert (Action.REBALANCE in planned(rules, even(), memory=memory)) is acts


def test_drift_within_the_threshold_is_left_alone() -> None:
    rules = policy(**BALANCE, allocation__sectors={"Energy": 0.36, "Financials": 0.3, "Health Care": 0.1})
    assert Action.REBALANCE not in planned(rules, even())


def test_a_breach_is_corrected_at_once_and_only_as_far_as_it_must() -> None:
    account = portfolio(dict.fromkeys(NAMES, 92), 8000)
    memory = replace(NO_MEMORY, last_rebalance=1)
    plan = planned(policy(**BALANCE), account, memory=memory)[Action.REBALANCE]
    assert plan.on_breach
    assert {side for side, _ in orders(plan).values()} == {"SELL"}
    assert "cash_reserve 8.0%, limit 10.0%" in plan.reason
    left = 92000 - sum(float(order.notional) for order in plan.orders)
    assert left <= 89100


def test_a_breach_that_the_mandatory_sales_cure_needs_no_rebalancing() -> None:
    account = portfolio(dict.fromkeys(NAMES, 92), 8000, {"AA": 130})
    assert Action.REBALANCE not in planned(policy(**BALANCE, allocation__drift_threshold=0.2), account)


def test_a_position_over_its_limit_is_trimmed_a_point_inside() -> None:
    account = portfolio({**dict.fromkeys(NAMES[1:6], 100), "AA": 160}, 34000)
    rules = policy(**BALANCE, allocation__drift_threshold=0.3)
    assert orders(planned(rules, account, memory=RESTING)[Action.REBALANCE]) == {"AA": ("SELL", 20)}


def test_the_days_turnover_bounds_a_rebalancing() -> None:
    rules = policy(**BALANCE, allocation__sectors=TARGETS, execution__max_turnover=0.05)
    plan = planned(rules, even())[Action.REBALANCE]
    assert plan.notional <= Decimal(5000)


def test_orders_are_bounded_in_number_and_size() -> None:
    few = policy(**BALANCE, allocation__sectors=TARGETS, execution__max_orders_per_day=3)
    assert len(planned(few, even())[Action.REBALANCE].orders) == 3
    small = policy(**BALANCE, allocation__sectors=TARGETS, execution__max_order_value=Decimal(2000))
    assert all(order.notional <= 2000 for order in planned(small, even())[Action.REBALANCE].orders)
    large = policy(**BALANCE, allocation__sectors=TARGETS, execution__min_order_value=Decimal(3000))
    assert {s for s, _ in orders(planned(large, even())[Action.REBALANCE]).values()} == {"BUY"}


def test_a_name_without_a_price_is_not_bought() -> None:
    gone = quoted(market(), "JJ", bid=None, ask=None, last=None)
    plan = planned(policy(**BALANCE, allocation__sectors=TARGETS), even(), gone)[Action.REBALANCE]
    assert "JJ" not in orders(plan)


@pytest.mark.parametrize(
    ("changes", "quantity"),
    [
        ({"risk_limits__max_exposure": 0.83}, 19),
        ({"risk_limits__max_sector": 0.45}, 13),
        ({"risk_limits__max_position": 0.125}, 14),
        ({"allocation__drift_threshold": 0.005}, 14),
        ({"execution__max_turnover": 0.012}, 11),
        ({"execution__max_order_value": Decimal(900)}, 8),
    ],
)
def test_a_buy_stays_a_point_inside_every_limit(changes: dict[str, object], quantity: int) -> None:
    plan = planned(policy(**{**REINFORCE, **changes}), winner())[Action.REINFORCE]
    assert orders(plan) == {"AA": ("BUY", quantity)}


def test_open_buys_and_the_reserve_bound_what_is_spent() -> None:
    account = replace(winner(), orders=(working("JJ", Side.BUY, 80, "other"),))
    assert orders(planned(policy(**REINFORCE), account)[Action.REINFORCE]) == {"AA": ("BUY", 9)}


def test_a_drift_beside_a_breach_that_is_cured_is_no_breach() -> None:
    account = portfolio(dict.fromkeys(NAMES, 92), 8000, {"AA": 130})
    plan = planned(policy(**BALANCE, allocation__sectors=TARGETS, allocation__drift_threshold=0.02), account)
    assert not plan[Action.REBALANCE].on_breach


@pytest.mark.parametrize(("times", "sold"), [(1.1, 0), (1.3, 27)])
def test_a_statistic_is_scaled_inside_its_limit_by_all_names_where_it_is_critical(times: float, sold: int) -> None:
    volatility = evaluate(policy(), even()).metric("annual_volatility").value
    assert volatility is not None
    rules = policy(**BALANCE, risk_limits__max_annual_volatility=volatility / times, allocation__drift_threshold=0.3)
    plans = planned(rules, even())
    assert Action.REBALANCE not in plans
    # 0.95 / 1.3 of each 100 shares stays.
    assert orders(plans[Action.HOLD]) == (dict.fromkeys(NAMES[:8], ("SELL", sold)) if sold else {})


def test_a_sector_over_its_limit_is_sold_pro_rata_a_point_inside() -> None:
    account = portfolio({**dict.fromkeys(("AA", "BB", "FF", "GG"), 110), "CC": 100, "EE": 100}, 36000)
    plan = planned(policy(**BALANCE, allocation__drift_threshold=0.3), account, memory=RESTING)[Action.REBALANCE]
    assert plan.on_breach
    assert orders(plan) == dict.fromkeys(("AA", "BB", "FF", "GG"), ("SELL", 12))
