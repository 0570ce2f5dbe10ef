"""What the broker's server would refuse is not asked of it: a buy is cut to it, and a sale is not bound by it."""

from dataclasses import replace
from decimal import Decimal

from app.decision import plans
from app.domain.order import Side
from app.domain.plan import NO_MEMORY, Action
from tests.support.worlds import buy, evaluate, even, market, policy, portfolio, rule_on, sell

CAP = Decimal(1500)


def test_a_plan_buys_no_more_in_one_order_than_the_server_lets_through() -> None:
    rules = policy(allocation__sectors={"Energy": 0.3, "Financials": 0.3, "Health Care": 0.2})
    cash, on = portfolio({}, 100_000), replace(market(), most_a_buy=CAP)
    found = {plan.action: plan for plan in plans(rules, cash, on, evaluate(rules, cash, on), NO_MEMORY)}
    bought = found[Action.REBALANCE].orders
    assert bought
    assert all(order.side is Side.BUY and order.notional <= CAP for order in bought)


def test_the_gate_cuts_a_buy_to_it_and_leaves_an_exit_alone() -> None:
    on = replace(market(), most_a_buy=CAP)
    ruling = rule_on((buy("II", 30), sell("AA", 100)), account=even(), on=on)
    assert {(one.side, int(one.quantity)) for one in ruling.allowed} == {(Side.BUY, 15), (Side.SELL, 100)}
    assert [refusal.rule for refusal in ruling.refusals] == ["max_order_value"]
