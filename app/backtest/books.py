"""The account that a replay begins with."""

from decimal import ROUND_FLOOR, Decimal

from app.backtest.history import History
from app.backtest.reader import money
from app.broker.paper.book import Cash, Holding, PaperBook
from app.domain.errors import UsageError

ACCOUNT = "PAPER"
# Of the amount: what stays in cash is what the shipped policies want there.
_INVESTED = Decimal("0.9")


def cash_book(history: History, row: int, amount: Decimal, currency: str = "USD") -> PaperBook:
    """Money alone, at the close of that row."""
    on = history.dates[row]
    return PaperBook(
        account=ACCOUNT, currency=currency, session_date=on, day=on, cash=(Cash(currency=currency, amount=amount),)
    )


def even_book(history: History, row: int, amount: Decimal, currency: str = "USD") -> PaperBook:
    """Nine tenths of it in whole shares of every name that has a close at that row, as much in each.

    Raises: UsageError.
    """
    closes = history.closes[row].tolist()
    names = [(one, money(price)) for one, price in zip(history.instruments, closes, strict=True) if price == price]
    if not names:
        raise UsageError(f"no name of {history.name} has a price on {history.dates[row]}")
    share = amount * _INVESTED / len(names)
    holdings, left = [], amount
    for instrument, price in names:
        quantity = (share / price).to_integral_value(ROUND_FLOOR)
        if quantity > 0:
            holdings.append(Holding(instrument=instrument, quantity=quantity, average_cost=price, price=price))
            left -= quantity * price
    return cash_book(history, row, left, currency).changed(holdings=tuple(holdings))
