"""Small histories with known prices, and accounts that are led through them by hand."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import numpy as np

from app.backtest.account import Account
from app.backtest.assumptions import NO_COMMISSION, Assumptions
from app.backtest.books import cash_book
from app.backtest.history import Adjustment, Happening, History
from app.backtest.orders import Waiting
from app.backtest.reader import Reader
from app.broker.paper.book import Holding, PaperBook
from app.domain.instrument import Instrument
from app.domain.market import Array
from app.domain.order import Order, Side
from app.domain.plan import Action
from app.market.calendar import ExchangeCalendar
from tests.support.sample import default_policy

FIRST = date(2020, 1, 2)
Column = Sequence[float | None]
FREE = Assumptions(commission=NO_COMMISSION, slippage_bps=Decimal(0))


def sessions(count: int, first: date = FIRST) -> tuple[date, ...]:
    """The exchange's, from that date on."""
    days = (date.fromordinal(first.toordinal() + n) for n in range(2 * count + 10))
    calendar = ExchangeCalendar()
    return tuple(day for day in days if calendar.is_session(day))[:count]


def instrument(symbol: str) -> Instrument:
    """A stock in dollars, of a number of its own."""
    return Instrument(sum(ord(letter) << 8 * n for n, letter in enumerate(symbol)), symbol, "USD", sector="Energy")


def history(
    closes: Mapping[str, Column],
    *,
    opens: Mapping[str, Column] | None = None,
    volumes: Mapping[str, Column] | None = None,
    adjustment: Adjustment = Adjustment.SPLIT,
    happenings: Sequence[Happening] = (),
    **parts: object,
) -> History:
    """None is a session without a price."""
    columns = tuple(closes)
    return History(
        "small",
        "test",
        adjustment,
        tuple(map(instrument, columns)),
        sessions(len(closes[columns[0]])),
        _table(columns, closes),
        _table(columns, opens) if opens else None,
        _table(columns, volumes) if volumes else None,
        happenings=tuple(happenings),
        **parts,  # type: ignore[arg-type]
    )


def _table(columns: Sequence[str], values: Mapping[str, Column]) -> Array:
    return np.array([values[name] for name in columns], dtype=np.float64).T.copy()


def holding(symbol: str, quantity: int, price: str) -> Holding:
    """Bought at that price."""
    return Holding(
        instrument=instrument(symbol), quantity=Decimal(quantity), average_cost=Decimal(price), price=Decimal(price)
    )


def book(of: History, cash: str, *held: Holding, row: int = 0) -> PaperBook:
    """An account at the close of that row."""
    return cash_book(of, row, Decimal(cash)).changed(holdings=held)


def account(of: History, start: PaperBook, assumptions: Assumptions = FREE, row: int = 1) -> Account:
    """Under the default policy, before the session of `row`."""
    return Account(default_policy(), Reader(of, assumptions.carried), assumptions, start, row)


def order(symbol: str, quantity: int, price: str = "10", side: Side = Side.BUY) -> Order:
    """As a plan wants it."""
    return Order(instrument(symbol), side, Decimal(quantity), Decimal(price), "for the test")


def sale(symbol: str, quantity: int, price: str = "10") -> Order:
    """As a plan wants it."""
    return order(symbol, quantity, price, Side.SELL)


def decide(led: Account, *orders: Order, action: Action = Action.REBALANCE) -> None:
    """As if the session that closed last had chosen them."""
    led.waiting += [Waiting(one, action, led.row - 1) for one in orders]


def lead(led: Account, sessions: int = 1) -> None:
    """Through so many sessions in which nothing is decided."""
    for _ in range(sessions):
        led.open(led.reader.market(led.row))
        led.close()
