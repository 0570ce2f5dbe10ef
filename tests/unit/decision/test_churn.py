"""What one action did lately is not undone by another for drift's sake."""

from dataclasses import replace

import pytest

from app.decision import plans
from app.domain.order import Side
from app.domain.plan import NO_MEMORY, Action, Memory
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from tests.support.worlds import (
    NAMES,
    asked,
    closes,
    conid,
    evaluate,
    even,
    market,
    navs,
    policy,
    portfolio,
    with_history,
)

TARGETS = {"Energy": 0.3, "Financials": 0.3, "Health Care": 0.2}
DRIFTING = {"strategies__sector_rotation__enabled": False, "allocation__sectors": TARGETS}


def found(action: Action, rules: Policy, account: Portfolio, memory: Memory) -> dict[str, tuple[Side, int]] | None:
    """That action's net orders, None where it is not offered."""
    evaluation = evaluate(rules, account, memory=memory, history=navs(account.nav))
    offers = {plan.action: plan for plan in plans(rules, account, market(), evaluation, memory)}
    if action not in offers:
        return None
    return {symbol: (side, int(quantity)) for symbol, (side, quantity) in asked(offers[action]).items()}


@pytest.mark.parametrize(("last", "acts"), [(None, True), (1, False), (20, False), (21, True)])
def test_drift_rests_after_a_rotation_as_long_as_after_a_rebalance(last: int | None, acts: bool) -> None:
    memory = replace(NO_MEMORY, last_rotation=last, last_rebalance=30)
    assert (found(Action.REBALANCE, policy(**DRIFTING), even(), memory) is not None) is acts


def test_a_breach_is_corrected_the_day_after_a_rotation_by_what_was_not_bought_lately() -> None:
    account = portfolio(dict.fromkeys(NAMES, 92), 8000)
    memory = replace(NO_MEMORY, last_rotation=1, bought={conid(name): 1 for name in NAMES[:5]})
    orders = found(Action.REBALANCE, policy(strategies__sector_rotation__enabled=False), account, memory)
    assert orders is not None
    assert {side for side, _ in orders.values()} == {Side.SELL}
    assert set(orders) <= set(NAMES[5:])


@pytest.mark.parametrize(("ago", "sold"), [(1, False), (20, False), (21, True)])
def test_nothing_is_sold_by_choice_within_the_minimum_holding_nor_another_in_its_place(ago: int, sold: bool) -> None:
    usual = found(Action.REBALANCE, policy(**DRIFTING), even(), NO_MEMORY)
    spared = found(Action.REBALANCE, policy(**DRIFTING), even(), replace(NO_MEMORY, bought={conid("AA"): ago}))
    assert usual is not None
    assert spared is not None
    assert usual["AA"] == (Side.SELL, 25)
    assert ("AA" in spared) is sold
    assert spared["BB"] == usual["BB"]


@pytest.mark.parametrize(("ago", "bought"), [(1, False), (20, False), (21, True)])
def test_nothing_is_bought_within_the_minimum_holding_after_it_was_sold(ago: int, bought: bool) -> None:
    orders = found(Action.REBALANCE, policy(**DRIFTING), even(), replace(NO_MEMORY, sold={conid("EE"): ago}))
    assert orders is not None
    assert ("EE" in orders) is bought
    assert orders["JJ"][0] is Side.BUY


def test_a_sale_does_not_keep_drift_from_selling_more_nor_a_buy_from_buying_more() -> None:
    memory = replace(NO_MEMORY, sold={conid("AA"): 1}, bought={conid("EE"): 1})
    assert found(Action.REBALANCE, policy(**DRIFTING), even(), memory) == found(
        Action.REBALANCE, policy(**DRIFTING), even(), NO_MEMORY
    )


@pytest.mark.parametrize(("ago", "grows"), [(1, False), (20, False), (21, True)])
def test_a_winner_sold_lately_is_not_added_to(ago: int, grows: bool) -> None:
    rules = policy(strategies__sector_rotation__enabled=False, strategies__rebalance__enabled=False)
    account = portfolio({**dict.fromkeys(NAMES[1:7], 80), "AA": 80}, 44000, {"AA": 80})
    memory = replace(NO_MEMORY, sold={conid("AA"): ago})
    assert (found(Action.REINFORCE, rules, account, memory) is not None) is grows


@pytest.mark.parametrize(
    ("ago", "recovered", "cuts"), [(None, False, True), (1, False, False), (5, False, False), (5, True, True)]
)
def test_a_part_of_a_loser_is_cut_once_until_half_of_its_loss_is_made_good(
    ago: int | None, recovered: bool, cuts: bool
) -> None:
    rules = policy(
        strategies__cut_losers__sell=0.5, strategies__cut_losers__volatility_multiple=0.0, exits__stop_loss=0.3
    )
    account = portfolio({"AA": 100}, 90_000, costs={"AA": 120})
    path = closes(conid("AA"), 0.001)
    path[-3] = 114.5 if recovered else 113.5
    on = with_history(market(), {"AA": path})
    memory = NO_MEMORY if ago is None else replace(NO_MEMORY, cut={conid("AA"): ago})
    evaluation = evaluate(rules, account, on, memory)
    offers = {plan.action for plan in plans(rules, account, on, evaluation, memory)}
    assert (Action.CUT_LOSERS in offers) is cuts
