"""What happens to a paper account other than its own orders. Pure; each is an explicit call, none is guessed."""

from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal

from app.broker.paper.book import CENT, Cash, PaidRow, PaperBook
from app.broker.paper.matching import ended
from app.domain.cash import CashKind
from app.domain.errors import UsageError
from app.domain.instrument import Instrument


def with_rate(book: PaperBook, currency: str, rate: Decimal) -> PaperBook:
    """The book that keeps cash in a currency, worth `rate` of the base currency a unit. Raises: UsageError."""
    if not rate > 0 or (currency == book.currency and rate != 1):
        raise UsageError(f"{rate} {book.currency} for one {currency} is no rate of exchange")
    others = tuple(one for one in book.cash if one.currency != currency)
    return book.changed(cash=(*others, Cash(currency=currency, amount=book.cash_in(currency), exchange_rate=rate)))


def with_dividend(book: PaperBook, conid: int, amount: Decimal, day: date) -> PaperBook:
    """Paid at once for every share held now, in the instrument's currency."""
    holding = book.holding(conid)
    if holding is None:
        return book
    return _paid_on(book, holding.instrument, (holding.quantity * amount).quantize(CENT), day)


def _paid_on(book: PaperBook, instrument: Instrument, amount: Decimal, day: date) -> PaperBook:
    row = PaidRow(day=day, kind=CashKind.DIVIDEND, currency=instrument.currency, amount=amount, conid=instrument.conid)
    return book.paid_as(row) if amount else book


def with_split(book: PaperBook, conid: int, ratio: Decimal, price: Decimal, now: datetime) -> PaperBook:
    """`ratio` new shares for each old one; a fraction of a share is paid out at `price`, that of a new share.

    Open orders for the instrument end: they were priced in old shares. Raises: UsageError.
    """
    if not (ratio > 0 and price > 0):
        raise UsageError(f"a split of {ratio} new shares for one at {price} is none")
    for order in book.open_orders():
        if order.instrument.conid == conid:
            book = book.with_order(ended(order, now))
    holding = book.holding(conid)
    if holding is None or not holding.quantity:
        return book
    exact = holding.quantity * ratio
    whole = exact.to_integral_value(ROUND_FLOOR)
    changes = {
        "quantity": whole,
        "average_cost": holding.average_cost / ratio if whole else Decimal(0),
        "price": holding.price / ratio,
    }
    book = book.with_holding(holding.model_copy(update=changes))
    return _paid_on(book, holding.instrument, ((exact - whole) * price).quantize(CENT), book.day)
