"""The portfolio as orders would leave it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import DataError
from app.domain.portfolio import CashBalance
from app.risk import Today, after, post_trade
from tests.support.worlds import buy, conid, evaluate, even, market, navs, policy, sell


def test_a_sell_turns_shares_into_cash_and_a_full_one_closes_the_position() -> None:
    then = after(even(), (sell("AA", 40), sell("BB", 100)))
    assert then.held(conid("AA")) == 60
    assert then.position(conid("BB")) is None
    assert then.total_cash == 34000
    assert then.nav == 100000


def test_a_buy_averages_the_cost_and_takes_cash_at_its_limit() -> None:
    then = after(even(costs={"AA": 50}), (buy("AA", 100, limit_price=Decimal(101)), buy("II", 10)))
    held = then.position(conid("AA"))
    assert held is not None
    assert held.quantity == 200
    assert held.average_cost == Decimal("75.5")
    assert held.price == 100
    assert then.total_cash == 20000 - 10100 - 1000
    assert then.held(conid("II")) == 10


def test_proceeds_settle_later_in_a_cash_account_only() -> None:
    order = (sell("AA", 10),)
    assert after(even(account_type="CASH"), order).cash[0].settled_cash == 20000
    assert after(even(), order).cash[0].settled_cash == 21000
    assert after(even(account_type="CASH"), order).available_funds == even().available_funds
    assert after(even(), (buy("AA", 10),)).cash[0].settled_cash == 19000


def test_an_order_in_a_currency_without_a_balance_cannot_be_settled() -> None:
    euros = replace(even(), cash=(CashBalance("EUR", Decimal(1), Decimal(1)),))
    with pytest.raises(DataError, match="no balance in USD"):
        after(euros, (buy("II", 1),))


@given(st.integers(1, 100), st.integers(1, 100))
def test_trading_at_the_mark_leaves_the_value_as_it_was(sold: int, bought: int) -> None:
    assert after(even(), (sell("AA", sold), buy("II", bought))).nav == even().nav


def test_post_trade_numbers_are_those_of_the_account_afterwards() -> None:
    orders = (sell("AA", 100), buy("II", 50))
    found = post_trade(Today(policy(), even(), market(), navs()), orders)
    then = evaluate(policy(), after(even(), orders))
    assert found.turnover == pytest.approx(0.15)
    assert found.cash_weight + found.exposure == pytest.approx(1)
    known = {metric.name: metric.value for metric in then.metrics}
    assert found.metrics == {name: pytest.approx(known[name]) for name in found.metrics}


def test_what_is_unknown_stays_unknown_after_a_trade() -> None:
    found = post_trade(Today(policy(), even(), market(history={})), ())
    assert found.metrics["annual_volatility"] is None
    assert found.metrics["drawdown"] is None
