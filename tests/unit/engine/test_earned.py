"""What an action or a rule has earned is what its fills brought against not having traded, to the cent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.lots import Fill
from app.domain.market import PriceSeries
from app.domain.order import OrderRule, Side
from app.engine.earned import EXITS, Earned, Worth, earnings, in_shares_of_today
from app.engine.memory import FilledOrder

DAY = date(2026, 11, 3)
D = Decimal


def order(
    conid: int,
    side: Side,
    quantity: int,
    price: str | None,
    fee: str | None,
    action: str,
    *rules: OrderRule,
    **more: bool,
) -> FilledOrder:
    fill = Fill(conid, DAY, side, D(quantity), None if price is None else D(price), None if fee is None else D(fee))
    return FilledOrder(fill, action, rules, **more)


def test_sales_earn_what_the_price_fell_and_purchases_what_it_rose_less_their_fees() -> None:
    orders = [
        order(1, Side.SELL, 10, "50", "1.00", "CUT_LOSERS", OrderRule.CUT_LOSERS),
        order(1, Side.SELL, 5, "30", "1.00", "REBALANCE", OrderRule.REBALANCE),
        order(2, Side.BUY, 4, "100", "0.50", "REBALANCE", OrderRule.REBALANCE),
        order(3, Side.SELL, 2, "10", "1.00", "REBALANCE", OrderRule.STOP_LOSS, OrderRule.LIMIT_BREACH, mandatory=True),
    ]
    found = earnings(orders, {1: Worth(D(40)), 2: Worth(D(110)), 3: Worth(D(12), D("1.1"))})
    assert found.actions == {
        "CUT_LOSERS": Earned(1, D(99), D(1)),
        "REBALANCE": Earned(2, D("-51") + D("39.50"), D("1.50")),
        EXITS: Earned(1, D("-5.5"), D("1.1")),
    }
    assert found.rules == {
        "cut_losers": Earned(1, D(99), D(1)),
        "rebalance": Earned(2, D("-11.50"), D("1.50")),
        "stop_loss": Earned(1, D("-5.5"), D("1.1")),
        "limit_breach": Earned(1, D("-5.5"), D("1.1")),
    }
    assert found.total == Earned(4, D(82), D("3.6"))


def test_what_is_not_known_is_counted_and_not_guessed() -> None:
    orders = [
        order(1, Side.SELL, 10, "50", None, "HOLD", OrderRule.STOP_LOSS),
        order(2, Side.SELL, 10, "50", "1", "HOLD", OrderRule.STOP_LOSS),
        order(1, Side.SELL, 10, None, "1", "HOLD", OrderRule.STOP_LOSS),
    ]
    found = earnings(orders, {1: Worth(D(40))})
    assert found.total == Earned(3, D(100), D(0), unpriced=2, feeless=1)


SIDES = st.sampled_from(list(Side))
PRICES = st.decimals("0.01", "999", places=2)
DRAWN = st.lists(
    st.builds(
        order,
        st.integers(1, 4),
        SIDES,
        st.integers(1, 500),
        PRICES.map(str),
        st.decimals("0", "20", places=2).map(str),
        st.sampled_from(["HOLD", "REBALANCE", "ROTATE"]),
        st.sampled_from(list(OrderRule)),
        mandatory=st.booleans(),
    ),
    max_size=12,
)


@given(DRAWN, st.lists(PRICES, min_size=4, max_size=4))
def test_all_that_was_earned_is_the_account_as_it_is_less_the_account_that_did_not_trade(
    orders: list[FilledOrder], prices: list[Decimal]
) -> None:
    found = earnings(orders, {conid: Worth(price) for conid, price in enumerate(prices, 1)})
    cash = shares = D(0)
    for one in orders:
        sign = 1 if one.fill.side is Side.BUY else -1
        assert one.fill.price is not None
        assert one.fill.fee is not None
        cash -= sign * one.fill.quantity * one.fill.price + one.fill.fee
        shares += sign * one.fill.quantity * prices[one.fill.conid - 1]
    assert found.total.earned == cash + shares
    for parts in (found.actions, found.rules):
        assert sum((each.earned for each in parts.values()), D(0)) == found.total.earned
        assert sum(each.fills for each in parts.values()) == len(orders)


def closes(*values: float) -> PriceSeries:
    days = tuple(DAY + timedelta(days=number) for number in range(len(values)))
    return PriceSeries(1, days, np.array(values), "test", datetime(2026, 11, 9, tzinfo=UTC))


def test_a_split_since_the_fill_is_counted() -> None:
    fill = Fill(1, DAY, Side.SELL, D(10), D("402"), D(1))
    assert in_shares_of_today(fill, closes(100, 90)) == Fill(1, DAY, Side.SELL, D(40), D("100.5"), D(1))
    merged = Fill(1, DAY, Side.BUY, D(10), D("10"), D(1))
    assert in_shares_of_today(merged, closes(99, 90)) == Fill(1, DAY, Side.BUY, D(1), D(100), D(1))


@pytest.mark.parametrize("series", [None, closes(), closes(95, 1), closes(90)])
def test_without_a_split_or_a_close_of_the_day_a_fill_stays_as_it_was(series: PriceSeries | None) -> None:
    fill = Fill(1, DAY, Side.SELL, D(10), D(100), D(1))
    assert in_shares_of_today(fill, series) == fill
    late = replace(fill, session_date=DAY + timedelta(days=30))
    assert in_shares_of_today(late, series) == late
