"""An account in euros that holds shares in dollars: ratios in euros, prices, costs and stops in dollars."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import DataError
from app.domain.evaluation import ExitRule, Severity
from app.domain.order import BrokerOrder, Side
from app.domain.portfolio import CashBalance, Portfolio
from app.risk import Today, after, post_trade
from tests.support.worlds import buy, conid, evaluate, even, market, navs, policy, portfolio, rule_on, sell

RATE = Decimal("0.8")
EUROS = policy(currency="EUR")


def account(dollars: int = 5000, euros: int = 16000, rate: Decimal = RATE, **costs: float) -> Portfolio:
    """NAV 100,000 euros: 80,000 in eight names of 12,500 dollars each, cash of 4,000 and 16,000."""
    held = portfolio(dict.fromkeys(("AA", "BB", "CC", "DD", "EE", "FF", "GG", "HH"), 125), costs=costs)
    cash = (
        CashBalance("EUR", Decimal(euros), Decimal(euros)),
        CashBalance("USD", Decimal(dollars), Decimal(dollars), rate),
    )
    return replace(held, currency="EUR", cash=cash)


def test_value_weights_and_cash_are_in_euros() -> None:
    found = evaluate(EUROS, account())
    assert found.nav == 100000
    assert found.cash_weight == pytest.approx(0.2)
    assert found.weights == {number: pytest.approx(0.1) for number in found.weights}
    assert found.metric("max_position").value == pytest.approx(0.1)
    assert found.metric("cash_reserve").value == pytest.approx(0.2)


def test_a_falling_dollar_is_a_loss_of_the_day_and_moves_weights_into_cash() -> None:
    found = evaluate(EUROS, account(rate=Decimal("0.72")), history=navs(100000, drawdown=0.05))
    assert found.nav == 91600
    assert found.metric("daily_loss").value == pytest.approx(0.084)
    assert found.metric("daily_loss").severity is Severity.CRITICAL
    assert found.drawdown == pytest.approx(1 - 0.95 * 0.916)
    assert found.cash_weight == pytest.approx(19600 / 91600)


STATISTICS = ("annual_volatility", "var_95_1d", "correlated_cluster", "es_95", "sharpe", "max_drawdown")


@pytest.mark.parametrize("name", STATISTICS)
def test_statistics_over_past_prices_say_that_they_leave_the_dollars_moves_out(name: str) -> None:
    left_out = "without the moves of USD against EUR: no history of exchange rates"
    abroad, at_home = (evaluate(rules, held).metric(name) for rules, held in ((EUROS, account()), (policy(), even())))
    assert (abroad.note or "").endswith(left_out)
    assert left_out not in (at_home.note or "")


def test_the_drawdown_and_the_loss_of_the_day_leave_nothing_out() -> None:
    found = evaluate(EUROS, account())
    assert (found.metric("drawdown").note, found.metric("daily_loss").note) == (None, None)


def test_a_stop_looks_at_the_price_in_dollars_whatever_the_dollar_does() -> None:
    def stopped(rate: str) -> list[str]:
        due = evaluate(EUROS, account(rate=Decimal(rate), AA=120.0, BB=110.0)).exits_due
        return [found.symbol for found in due if found.rule is ExitRule.STOP_LOSS]

    assert stopped("0.8") == stopped("0.5") == stopped("1.6") == ["AA"]


def test_a_buy_needs_dollars_and_is_cut_to_them() -> None:
    ruling = rule_on((buy("II", 60),), EUROS, account())
    assert [(r.rule, int(r.largest or 0)) for r in ruling.refusals] == [("funding_currency", 50)]
    assert [int(order.quantity) for order in ruling.allowed] == [50]
    none = rule_on((buy("II", 10),), EUROS, replace(account(), cash=account().cash[:1]), history=navs())
    assert not none.allowed


def test_limits_on_a_buy_in_dollars_are_in_euros() -> None:
    holder = account(dollars=40000, euros=4000)

    def cut(**limit: object) -> tuple[str, int]:
        refusal = rule_on((buy("II", 150),), policy(currency="EUR", **limit), holder).refusals[0]
        return refusal.rule, int(refusal.largest or 0)

    nav = float(holder.nav)
    assert cut(risk_limits__max_position=0.05) == ("max_position", int(0.05 * nav / 80))
    assert cut(execution__max_order_value=Decimal(4000)) == ("max_order_value", 50)
    assert cut(execution__max_turnover=0.05) == ("max_turnover", int(0.05 * nav / 80))


def test_a_trade_moves_dollars_and_leaves_the_euros_and_the_value() -> None:
    then = after(account(), (sell("AA", 25), buy("II", 50)))
    assert {balance.currency: balance.cash for balance in then.cash} == {"EUR": 16000, "USD": 2500}
    assert then.nav == account().nav
    found = post_trade(Today(EUROS, account(), market(), navs()), (sell("AA", 25), buy("II", 50)))
    assert found.turnover == pytest.approx((2500 + 5000) * 0.8 / 100000)
    assert found.cash_weight == pytest.approx(0.18)


def test_debt_in_one_currency_is_a_breach_however_much_there_is_of_the_other() -> None:
    found = evaluate(EUROS, account(dollars=-1000, euros=60000)).metric("cash_reserve")
    assert found.severity is Severity.CRITICAL
    assert found.note == "negative balance in USD"


def test_shares_in_a_currency_without_a_rate_cannot_be_valued() -> None:
    with pytest.raises(DataError, match="no exchange rate from USD to EUR"):
        evaluate(EUROS, replace(account(), cash=account().cash[:1]), history=navs())


def on_order(currency: str | None, limit: str | None = "100") -> BrokerOrder:
    """Ten shares of a name that is not held."""
    price = Decimal(limit) if limit else None
    return BrokerOrder(
        "7", conid("II"), Side.BUY, Decimal(10), Decimal(0), "Submitted", "II", "x", price, None, currency
    )


@pytest.mark.parametrize(("currency", "bound"), [("USD", 800), ("EUR", 1000), (None, 1000)])
def test_an_open_buy_ties_up_what_it_costs_in_euros_and_at_most_what_it_may(currency: str | None, bound: int) -> None:
    holder = replace(account(), orders=(on_order(currency),))
    assert holder.open_buys == bound
    assert evaluate(EUROS, holder).metric("cash_reserve").value == pytest.approx(0.2 - bound / 100000)


def test_an_open_buy_in_a_currency_without_a_rate_makes_the_reserve_unknown_and_nothing_is_bought() -> None:
    holder = replace(account(), orders=(on_order("GBP"),))
    assert evaluate(EUROS, holder).metric("cash_reserve").value is None
    ruling = rule_on((sell("AA", 25), buy("II", 5)), EUROS, holder, history=navs())
    assert [order.instrument.symbol for order in ruling.allowed] == ["AA"]


def test_dollars_of_todays_sale_buy_nothing_in_a_cash_account_however_many_euros_there_are() -> None:
    holder = replace(account(dollars=1000, euros=20000), available_funds=Decimal(20800))
    orders = (sell("AA", 50), buy("II", 20))

    def bought(account_type: str) -> list[int]:
        ruling = rule_on(orders, EUROS, replace(holder, account_type=account_type))
        return [int(order.quantity) for order in ruling.allowed if order.side is Side.BUY]

    assert (bought("margin"), bought("cash")) == ([20], [10])


@given(st.decimals(Decimal("0.01"), 200, places=4))
def test_an_account_that_is_all_in_dollars_has_the_same_ratios_in_any_currency(rate: Decimal) -> None:
    home = even(costs={"AA": 130, "BB": 50})
    money = CashBalance("USD", Decimal(20000), Decimal(20000), rate)
    abroad = replace(home, currency="EUR", cash=(money,))
    there, here = evaluate(EUROS, abroad), evaluate(policy(), home)
    assert there.nav == here.nav * rate
    assert there.weights == {number: pytest.approx(weight) for number, weight in here.weights.items()}
    assert there.weights[conid("AA")] == pytest.approx(0.1)
    for one, other in zip(there.metrics, here.metrics, strict=True):
        assert (one.name, one.severity) == (other.name, other.severity)
        assert one.value == pytest.approx(other.value, abs=1e-9)
    assert [(e.symbol, e.rule) for e in there.exits_due] == [(e.symbol, e.rule) for e in here.exits_due]


def test_a_name_abroad_of_which_nothing_is_held_is_no_reason_for_a_remark() -> None:
    gone = tuple(replace(position, quantity=Decimal(0)) for position in account().positions)
    assert evaluate(EUROS, replace(account(), positions=gone)).metric("annual_volatility").note is None
