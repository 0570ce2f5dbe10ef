"""What becomes of a plan's orders as they are sent: the same as at the desk."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.backtest.account import Account
from app.backtest.assumptions import Assumptions
from app.backtest.books import even_book
from app.backtest.reader import Reader
from app.backtest.replay import WARM_UP
from app.backtest.sample import sample
from app.backtest.sending import send
from app.broker.paper.book import CommissionPlan
from app.domain.order import Order, OrderRule, Side
from app.domain.ruling import KillLevel
from app.risk import Today
from tests.support.sample import default_policy

pytestmark = pytest.mark.real_prices

READER = Reader(sample())
# A cent is little of this price, and its limits are easily reached.
SYMBOL = "KO"
USUAL = CommissionPlan()


def today() -> Today:
    """Of an account that holds nine tenths in twenty names."""
    book = even_book(READER.history, WARM_UP + 3_999, Decimal(250_000))
    account = Account(default_policy(), READER, Assumptions(), book, WARM_UP + 4_000)
    market = READER.market(account.row)
    account.open(market)
    return account.given(market).today


TODAY = today()


def order(side: Side, quantity: int) -> Order:
    """Of the same name always, at what it is quoted at."""
    instrument = TODAY.market.by_symbol(SYMBOL)
    assert instrument is not None
    price = TODAY.market.quotes[instrument.conid].price
    return Order(instrument, side, Decimal(quantity), price, "a test", rules=(OrderRule.REBALANCE,))


def test_a_sale_is_sent_whole_with_a_limit_below_the_quote() -> None:
    wanted = order(Side.SELL, 20)
    (sent,) = send(TODAY, [wanted], KillLevel.REDUCING, USUAL)
    assert sent is not None
    assert (sent.quantity, sent.reference_price) == (wanted.quantity, wanted.reference_price)
    assert sent.limit_price is not None
    assert sent.limit_price < wanted.reference_price
    assert sent.limit_price % Decimal("0.01") == 0


def test_a_purchase_that_is_too_large_is_cut_to_what_fits_at_its_limit() -> None:
    (sent,) = send(TODAY, [order(Side.BUY, 100_000)], KillLevel.ACTIVE, USUAL)
    assert sent is not None
    assert 0 < sent.quantity < 100_000
    assert sent.limit_price is not None
    assert sent.limit_price > sent.reference_price


def test_what_is_sent_first_is_taken_off_what_comes_after_it() -> None:
    first, second = send(
        TODAY, [order(Side.BUY, 100_000), replace(order(Side.BUY, 100_000), leg=2)], KillLevel.ACTIVE, USUAL
    )
    assert first is not None
    assert second is None


def test_a_purchase_of_which_the_broker_takes_too_much_is_not_sent_and_a_sale_is() -> None:
    dear = CommissionPlan(least=Decimal(100), largest_share=Decimal(1))
    bought, sold = send(TODAY, [order(Side.BUY, 50), order(Side.SELL, 50)], KillLevel.ACTIVE, dear)
    assert bought is None
    assert sold is not None


def test_nothing_is_bought_while_the_level_lets_exits_through_alone() -> None:
    assert send(TODAY, [order(Side.BUY, 50)], KillLevel.REDUCING, USUAL) == (None,)
