"""When orders fill and at what price, and what that does to the book."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from api_gateway.simulator.accounts.account_book import AccountBook, Position, in_base
from api_gateway.simulator.exchange.currencies import ExchangeRates
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.exchange.market import SessionPath
from api_gateway.simulator.exchange.universe import universe_of
from api_gateway.simulator.orders.matching import Fill, commission, first_fill, match
from api_gateway.simulator.orders.order import Execution, Order, OrderRequest, Side, Status, TimeInForce
from tests.unit.simulator.worlds import AAPL, ACCOUNT, market_of, wavy_closes

STOCK = universe_of().by_conid[AAPL]
MARKET = market_of(wavy_closes())
ASK = np.array([10.0, 9.9, 9.8, 9.7, 9.9])
PATH = SessionPath(ASK - 0.05, ASK - 0.1, ASK)


def order(limit: str | None, time_in_force: TimeInForce = "DAY", side: Side = "BUY", session: int = 100) -> Order:
    price = Decimal(limit) if limit is not None else None
    request = OrderRequest(STOCK, side, 10, "LMT" if limit else "MKT", price, time_in_force, "one", ACCOUNT)
    return Order(1, request, Status.SUBMITTED, MARKET.calendar.opening(session), session, (session, 30))


def moment(session: int, minute: int, is_open: bool = True) -> Moment:
    now = MARKET.calendar.opening(session)
    return Moment(now, session, minute, is_open, session - 1 if is_open else session)


def execution(side: Side, quantity: int, price: str, session: int = 100) -> Execution:
    amount = Decimal(price)
    when = MARKET.calendar.opening(session)
    return Execution("x", 1, "one", STOCK, side, quantity, amount, commission(quantity, amount), when, session)


@pytest.mark.parametrize(
    ("quantity", "price", "charged"),
    [(10, "100", "1.00"), (200, "100", "1.00"), (1000, "100", "5.00"), (10, "1", "0.10"), (100_000, "0.2", "200.00")],
)
def test_commission_has_a_minimum_and_never_exceeds_one_percent(quantity: int, price: str, charged: str) -> None:
    assert commission(quantity, Decimal(price)) == Decimal(charged)


def test_a_buy_fills_in_the_first_minute_whose_ask_reaches_the_limit_at_the_ask() -> None:
    assert first_fill(PATH, "BUY", Decimal("9.8"), 0, 4) == (2, Decimal("9.8"))
    assert first_fill(PATH, "BUY", Decimal("10.5"), 0, 4) == (0, Decimal(10))
    assert first_fill(PATH, "BUY", Decimal("9.6"), 0, 4) is None


def test_a_sell_fills_at_the_bid() -> None:
    assert first_fill(PATH, "SELL", Decimal("9.85"), 1, 4) is None
    assert first_fill(PATH, "SELL", Decimal("9.8"), 1, 4) == (1, Decimal("9.8"))
    assert first_fill(PATH, "SELL", None, 3, 4) == (3, Decimal("9.6"))


def test_an_index_never_fills() -> None:
    assert first_fill(SessionPath(ASK, None, None), "BUY", None, 0, 4) is None


def watch(one: Order, now: Moment) -> Fill | None:
    return match(one, now, MARKET.calendar, lambda row: MARKET.path(AAPL, row))


def test_a_resting_order_fills_when_the_market_comes_to_it_after_it_was_placed() -> None:
    asks = MARKET.path(AAPL, 100).ask
    assert asks is not None
    late = asks[30:390]
    fill = watch(order(str(float(late.min()))), moment(100, 390, is_open=False))
    assert fill is not None
    assert fill.minute == 30 + int(late.argmin())


def lowest_ask(session: int) -> float:
    asks = MARKET.path(AAPL, session).ask
    assert asks is not None
    return float(asks.min())


def test_a_day_order_does_not_reach_into_the_next_session_and_a_gtc_order_does() -> None:
    falling = 70  # the hand-made prices fall from here on
    later = next(row for row in range(falling + 1, 100) if lowest_ask(row) < lowest_ask(falling))
    limit = str(lowest_ask(later))
    evening = moment(later, 390, is_open=False)
    assert watch(order(limit, session=falling), evening) is None
    fill = watch(order(limit, "GTC", session=falling), evening)
    assert fill is not None
    assert fill.session == later


def test_immediate_or_cancel_looks_at_one_minute_only() -> None:
    asks = MARKET.path(AAPL, 100).ask
    assert asks is not None
    below = Decimal(str(float(asks[30]))) - Decimal("0.01")
    assert watch(order(str(below), "IOC"), moment(100, 389)) is None
    at_once = watch(order(str(float(asks[30])), "IOC"), moment(100, 389))
    assert at_once == Fill(100, 30, Decimal(str(float(asks[30]))))


def test_an_order_placed_after_the_close_waits_for_the_next_opening() -> None:
    waiting = replace(order(None), session=101, watched=(101, 0))
    assert watch(waiting, moment(100, 390, is_open=False)) is None
    fill = watch(waiting, moment(101, 0))
    assert fill is not None
    assert (fill.session, fill.minute) == (101, 0)


def test_average_cost_and_profit_leave_commissions_out() -> None:
    bought = Position(STOCK, 10, Decimal(100)).after(execution("BUY", 30, "120"))
    assert (bought.quantity, bought.average_cost) == (40, Decimal(115))
    sold = bought.after(execution("SELL", 15, "125"))
    assert (sold.quantity, sold.average_cost, sold.realized) == (25, Decimal(115), Decimal(150))
    gone = sold.after(execution("SELL", 25, "110"))
    assert (gone.quantity, gone.average_cost, gone.realized) == (0, Decimal(0), Decimal(25))


def test_cash_moves_with_the_trade_and_settles_one_session_later() -> None:
    book = AccountBook({"USD": Decimal(5000)}, (Position(STOCK, 50, Decimal(90)),), since=50)
    book.apply(execution("SELL", 20, "100"))
    assert book.cash("USD") == Decimal(5000) + 2000 - 1
    assert book.settled_cash("USD", 100) == Decimal(5000)
    assert book.settled_cash("USD", 101) == book.cash("USD")


def test_net_liquidation_is_cash_plus_what_the_positions_are_worth() -> None:
    book = AccountBook({"USD": Decimal(5000)}, (Position(STOCK, 50, Decimal(90)),), since=50)
    valuation = in_base(book.balances({AAPL: Decimal(110)}, 100), {"USD": Decimal(1)}, "margin")
    assert valuation.net_liquidation == Decimal(10_500)
    assert valuation.unrealized == Decimal(1000)
    assert valuation.available_funds == Decimal(10_500) - Decimal(2750)
    assert valuation.buying_power == 2 * valuation.available_funds
    assert valuation.excess_liquidity == Decimal(10_500) - Decimal(1375)


def test_close_values_follow_the_closes_and_include_later_trades() -> None:
    closes = MARKET.closes(AAPL)
    book = AccountBook({"USD": Decimal(5000)}, (Position(STOCK, 50, Decimal(90)),), since=50)
    book.apply(execution("SELL", 20, "100", session=60))
    values = book.close_values(MARKET, ExchangeRates("USD", MARKET), 61)
    assert len(values) == 12
    assert values[0] == pytest.approx(5000 + 50 * closes[50])
    assert values[9] == pytest.approx(5000 + 50 * closes[59])
    assert values[10] == pytest.approx(5000 + 1999 + 30 * closes[60])
    assert values[11] == pytest.approx(5000 + 1999 + 30 * closes[61])
