"""Ratios are in the account's base currency, prices and costs in the instrument's."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.decision import plans
from app.domain.market import Market
from app.domain.order import Order, Side
from app.domain.plan import NO_MEMORY, Action
from app.domain.portfolio import CashBalance, Portfolio
from app.risk import after
from tests.support.worlds import buy, conid, evaluate, even, market, policy, rule_on, sell

RATE = Decimal("1.25")


def abroad() -> Market:
    """The market with AA and II listed in euros."""
    listed = market().instruments
    euros = {conid(s): replace(listed[conid(s)], currency="EUR") for s in ("AA", "II")}
    return market(instruments={**listed, **euros})


def account(dollars: int = 15000, euros: int = 4000, cost: float = 100) -> Portfolio:
    """The even account with 80 shares of AA in euros, so that they are a tenth of NAV again."""
    base = even(costs={"AA": cost})
    positions = tuple(
        replace(p, instrument=abroad().instruments[conid("AA")], quantity=Decimal(80))
        if p.instrument.symbol == "AA"
        else p
        for p in base.positions
    )
    cash = (
        CashBalance("USD", Decimal(dollars), Decimal(dollars)),
        CashBalance("EUR", Decimal(euros), Decimal(euros), RATE),
    )
    return replace(base, positions=positions, cash=cash)


def in_euros(quantity: int) -> Order:
    return replace(buy("II", quantity), instrument=abroad().instruments[conid("II")])


def test_weights_and_cash_are_converted() -> None:
    evaluation = evaluate(policy(), account(), abroad())
    assert evaluation.nav == 100000
    assert evaluation.weights[conid("AA")] == pytest.approx(0.1)
    assert evaluation.cash_weight == pytest.approx(0.2)


def test_order_values_and_weights_of_a_buy_are_converted() -> None:
    def cut(quantity: int, **changes: object) -> list[tuple[str, int]]:
        ruling = rule_on((in_euros(quantity),), policy(**changes), account(euros=12000, dollars=5000), abroad())
        return [(refusal.rule, int(refusal.largest)) for refusal in ruling.refusals]

    assert cut(60, execution__max_order_value=Decimal(5000)) == [("max_order_value", 40)]
    assert cut(60, risk_limits__max_position=0.06) == [("max_position", 48)]
    assert cut(90, risk_limits__max_sector=1.0) == [("cash_reserve", 80)]


def test_a_buy_is_paid_in_its_own_currency() -> None:
    ruling = rule_on((in_euros(60),), account=account(), on=abroad())
    assert [(r.rule, int(r.largest)) for r in ruling.refusals] == [("funding_currency", 40)]
    then = after(account(), (in_euros(10),))
    assert [balance.cash for balance in then.cash] == [15000, 3000]


def test_a_sale_is_split_by_its_value_in_base_currency() -> None:
    rules = policy(execution__max_order_value=Decimal(5000))
    holder = account(cost=130)
    evaluation = evaluate(rules, holder, abroad())
    hold = plans(rules, holder, abroad(), evaluation, NO_MEMORY)[-1]
    assert hold.action is Action.HOLD
    assert [(o.side, int(o.quantity)) for o in hold.orders] == [(Side.SELL, 40), (Side.SELL, 40)]


def test_the_proceeds_of_a_sale_abroad_pay_for_a_buy_at_home() -> None:
    holder = replace(account(), available_funds=Decimal(4000))
    sale = replace(sell("AA", 40), instrument=abroad().instruments[conid("AA")])
    ruling = rule_on((sale, buy("JJ", 110)), account=holder, on=abroad())
    assert [(o.instrument.symbol, int(o.quantity)) for o in ruling.allowed] == [("AA", 40), ("JJ", 90)]
    assert [refusal.rule for refusal in ruling.refusals] == ["available_cash"]


def test_the_turnover_of_earlier_buys_and_sales_abroad_is_converted() -> None:
    rules = policy(execution__max_turnover=0.1)
    sale = replace(sell("AA", 40), instrument=abroad().instruments[conid("AA")])
    ruling = rule_on((sale, buy("JJ", 110)), rules, account(), abroad())
    assert [int(o.quantity) for o in ruling.allowed] == [40, 50]
    first = rule_on((in_euros(20), buy("JJ", 110)), rules, account(), abroad())
    assert [int(o.quantity) for o in first.allowed] == [20, 75]


def test_the_smallest_order_is_in_base_currency() -> None:
    rules = policy(execution__min_order_value=Decimal(2500))
    assert rule_on((in_euros(20),), rules, account(), abroad()).allowed
    assert not rule_on((in_euros(19),), rules, account(), abroad()).allowed


def test_what_earlier_buys_cost_is_taken_from_the_available_funds() -> None:
    holder = replace(account(), available_funds=Decimal(5000))
    ruling = rule_on((in_euros(20), buy("JJ", 110)), account=holder, on=abroad())
    assert [int(o.quantity) for o in ruling.allowed] == [20, 25]
