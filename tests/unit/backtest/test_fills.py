"""At which price of which session orders fill, how much of them, and what becomes of the rest."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.backtest.assumptions import Assumptions, FillRule, commission_named
from app.backtest.orders import Lapse
from app.backtest.replay import replay
from app.domain.errors import UsageError
from app.domain.order import Side
from app.domain.sizing import open_quantity, spendable
from tests.support.histories import FREE, account, book, decide, history, holding, instrument, lead, order, sale
from tests.support.sample import default_policy

CLOSES = {"AA": (10, 11, 12, 13, 14, 15)}


def test_an_order_is_filled_at_the_close_of_the_next_session() -> None:
    small = history(CLOSES)
    led = account(small, book(small, "1000"))
    decide(led, order("AA", 10))
    lead(led)
    (done,) = led.done
    assert (done.decided, done.row, done.price, done.quantity) == (0, 1, Decimal(11), Decimal(10))
    assert led.book.cash_in("USD") == 890
    assert led.navs[-1].nav == 1000


def test_an_order_is_filled_at_the_next_open_where_that_is_asked_for() -> None:
    small = history(CLOSES, opens={"AA": (9, 10.5, 11.5, 12.5, 13.5, 14.5)})
    led = account(small, book(small, "1000"), replace(FREE, fill=FillRule.NEXT_OPEN))
    decide(led, order("AA", 10))
    lead(led)
    assert led.done[0].price == Decimal("10.5")
    assert led.navs[-1].nav == 1000 - 105 + 110


def test_opens_that_are_missing_are_said_before_anything_is_replayed() -> None:
    small = history({"AA": [10.0 + n % 7 for n in range(260)]})
    with pytest.raises(UsageError, match="no opening prices"):
        replay(
            [default_policy()], small, book(small, "1000"), replace(FREE, fill=FillRule.NEXT_OPEN),
            date(2020, 1, 2), date(2021, 3, 1),
        )  # fmt: skip


def test_same_bar_fills_are_marked() -> None:
    assert replace(FREE, fill=FillRule.SAME_BAR).marks == (
        "SAME BAR: orders fill at the very close they are decided on",
    )
    assert FREE.marks == ()


@pytest.mark.parametrize("lag", [2, 4])
def test_an_order_under_way_is_seen_and_its_cash_reserved_until_it_is_due(lag: int) -> None:
    small = history(CLOSES)
    led = account(small, book(small, "1000", holding("AA", 5, "10")), replace(FREE, lag=lag))
    decide(led, order("AA", 10, "11"))
    for _ in range(lag - 1):
        lead(led)
        seen = led.portfolio(led.reader.market(led.row))
        assert [one.is_open and one.is_ours for one in seen.orders] == [True]
        assert seen.open_buys == 110
        assert spendable(seen) == 890
        assert open_quantity(seen, instrument("AA").conid, Side.BUY) == 10
    lead(led)
    assert led.done[0].row == lag
    assert led.portfolio(led.reader.market(led.row)).orders == ()


def test_slippage_is_paid_on_both_sides() -> None:
    small = history({"AA": (10, 10, 10)})
    led = account(small, book(small, "1000", holding("AA", 5, "10")), replace(FREE, slippage_bps=Decimal(50)))
    decide(led, sale("AA", 5))
    lead(led)
    decide(led, order("AA", 10))
    lead(led)
    assert [one.paid for one in led.done] == [Decimal("9.95"), Decimal("10.05")]
    assert [one.price for one in led.done] == [Decimal(10), Decimal(10)]
    assert led.book.cash_in("USD") == 1000 + Decimal("49.75") - Decimal("100.50")


@pytest.mark.parametrize(
    ("costs", "charged"),
    [("ibkr", "1.00"), ("none", "0"), ("5", "0.50"), ("0", "0"), ("12.5", "1.25")],
)
def test_the_commission_is_the_brokers_none_or_a_share_of_the_value(costs: str, charged: str) -> None:
    small = history({"AA": (10, 10, 10)})
    led = account(small, book(small, "5000"), replace(FREE, commission=commission_named(costs)))
    decide(led, order("AA", 100))
    lead(led)
    assert led.done[0].commission == Decimal(charged)
    assert led.book.cash_in("USD") == 4000 - Decimal(charged)


@pytest.mark.parametrize("costs", ["cheap", "-1", "10000", "nan", ""])
def test_costs_that_are_none_are_refused(costs: str) -> None:
    with pytest.raises(UsageError, match="there are no costs"):
        commission_named(costs)


@pytest.mark.parametrize(
    "wrong",
    [{"lag": 0}, {"lag": 2, "fill": FillRule.SAME_BAR}, {"slippage_bps": Decimal(-1)}, {"participation": Decimal(0)},
     {"carried": -1}, {"cash_rate": 1.5}],
)  # fmt: skip
def test_assumptions_nobody_could_trade_by_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        replace(Assumptions(), **wrong)  # type: ignore[arg-type]


def test_sales_come_first_and_pay_for_purchases() -> None:
    small = history({"AA": (10, 10, 10), "BB": (10, 10, 10)})
    led = account(small, book(small, "0", holding("BB", 10, "10")))
    decide(led, order("AA", 10), sale("BB", 10))
    lead(led)
    assert [one.order.instrument.symbol for one in led.done] == ["BB", "AA"]
    assert led.lapsed == []


def test_what_the_session_has_no_volume_for_lapses_and_what_filled_stays() -> None:
    small = history({"AA": (10, 10, 10, 10)}, volumes={"AA": (None, 300, 300, 300)})
    led = account(small, book(small, "1000", holding("AA", 20, "10")))
    decide(led, order("AA", 25), order("AA", 10))
    lead(led)
    assert [one.quantity for one in led.done] == [Decimal(25), Decimal(5)]
    assert [(one.quantity, one.row, one.reason) for one in led.lapsed] == [(Decimal(5), 1, Lapse.NO_VOLUME)]
    lead(led)
    assert led.book.held(instrument("AA").conid) == 50
    assert led.waiting == []


def test_without_a_known_volume_nothing_bounds_a_fill_and_none_traded_fills_nothing() -> None:
    small = history({"AA": (10, 10, 10), "BB": (10, 10, 10)}, volumes={"AA": (1, None, 1), "BB": (1, 0, 1)})
    led = account(small, book(small, "1000"))
    decide(led, order("AA", 25), order("BB", 25))
    lead(led)
    assert [(one.order.instrument.symbol, one.quantity) for one in led.done] == [("AA", Decimal(25))]
    assert [(one.order.instrument.symbol, one.reason) for one in led.lapsed] == [("BB", Lapse.NO_VOLUME)]


def test_an_order_for_a_name_without_a_price_lapses_with_its_session() -> None:
    small = history({"AA": (10, None, 12, 12)})
    led = account(small, book(small, "1000"))
    decide(led, order("AA", 25))
    lead(led, 2)
    assert led.done == []
    assert [(one.quantity, one.row, one.reason) for one in led.lapsed] == [(Decimal(25), 1, Lapse.NO_PRICE)]
    assert led.book.cash_in("USD") == 1000


def test_nothing_is_bought_on_credit_and_nothing_sold_that_is_not_held() -> None:
    small = history({"AA": (10, 20, 20)})
    led = account(small, book(small, "90", holding("AA", 2, "10")))
    decide(led, order("AA", 9), sale("AA", 3))
    lead(led)
    assert [(one.order.side, one.quantity) for one in led.done] == [(Side.SELL, Decimal(2)), (Side.BUY, Decimal(6))]
    assert [(one.quantity, one.reason) for one in led.lapsed] == [
        (Decimal(1), Lapse.NOT_HELD),
        (Decimal(3), Lapse.NO_CASH),
    ]
