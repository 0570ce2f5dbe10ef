"""What happens to an account in a replay other than its own orders, and what becomes of what it remembers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_DOWN, ROUND_FLOOR, Decimal
from enum import StrEnum

from app.backtest.history import Ending, Split
from app.broker.paper.book import CENT, Holding, PaperBook
from app.broker.paper.events import with_split
from app.domain.errors import DataError
from app.domain.instrument import Instrument
from app.domain.lots import Fill
from app.domain.order import Side
from app.domain.plan import Action
from app.engine.memory import FilledOrder

ZERO = Decimal(0)
SESSIONS_A_YEAR = 252


class EntryKind(StrEnum):
    """Why shares or cash of a book changed without an order."""

    DIVIDEND = "dividend"
    INTEREST = "interest"
    SPLIT = "split"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class Entry:
    """So many shares of `conid` and so much cash more, or less where negative, as the session of `row` opened."""

    row: int
    kind: EntryKind
    currency: str
    cash: Decimal
    conid: int | None = None
    quantity: Decimal = ZERO


def entries(before: PaperBook, after: PaperBook, row: int, kind: EntryKind, *instruments: Instrument) -> list[Entry]:
    """What changed of those; the cash is the first one's."""
    found = []
    for number, one in enumerate(instruments):
        quantity = after.held(one.conid) - before.held(one.conid)
        cash = ZERO if number else after.cash_in(one.currency) - before.cash_in(one.currency)
        if quantity or cash:
            found.append(Entry(row, kind, one.currency, cash, one.conid, quantity))
    return found


def interest(cash: Decimal, rate: float, left: Decimal) -> tuple[Decimal, Decimal]:
    """(whole cents for one session, what is left over for the next); `left`: from sessions before."""
    exact = cash * Decimal(str(rate)) / SESSIONS_A_YEAR + left
    paid = exact.quantize(CENT, ROUND_DOWN)
    return paid, exact - paid


def after_split(book: PaperBook, one: Split, price: Decimal, now: datetime) -> PaperBook:
    """`price`: of a new share, at which a fraction is paid out."""
    holding = book.holding(one.conid)
    if holding is None:
        return book
    seen = holding.model_copy(update={"price": price * one.ratio})
    return with_split(book.with_holding(seen), one.conid, one.ratio, price, now)


def after_ending(book: PaperBook, one: Ending, into: Instrument | None, price: Decimal | None) -> PaperBook:
    """Paid out, and its cost carried over to the shares that it became; cash beside them lowers it.

    `price`: of a share of `into`, at which a fraction is paid out. Raises: DataError where that is needed and unknown.
    """
    holding = book.holding(one.conid)
    if holding is None or not holding.quantity:
        return book
    exact = holding.quantity * one.ratio
    whole = exact.to_integral_value(ROUND_FLOOR)
    if (whole or exact) and (into is None or price is None):
        raise DataError(f"{holding.instrument.symbol} became shares that have no price on {book.session_date}")
    paid = holding.quantity * one.cash + (exact - whole) * (price or ZERO)
    left = book.changed(holdings=tuple(held for held in book.holdings if held.instrument.conid != one.conid))
    left = left.paid(holding.instrument.currency, paid.quantize(CENT))
    if not whole or into is None or price is None:
        return left
    old = left.holding(into.conid) or Holding(instrument=into, quantity=ZERO, average_cost=ZERO, price=price)
    cost = max(holding.average_cost - one.cash, ZERO) / one.ratio
    quantity = old.quantity + whole
    average = (old.quantity * old.average_cost + whole * cost) / quantity
    return left.with_holding(old.model_copy(update={"quantity": quantity, "average_cost": average}))


def converted(remembered: Sequence[FilledOrder], conid: int, ratio: Decimal, cash: Decimal = ZERO) -> list[FilledOrder]:
    """Orders as if they had been for `ratio` shares of `conid` for each, `cash` of the price having come back."""
    return [
        replace(
            one,
            fill=replace(
                one.fill,
                conid=conid,
                quantity=one.fill.quantity * ratio,
                price=None if one.fill.price is None else max(one.fill.price - cash, ZERO) / ratio,
            ),
        )
        for one in remembered
    ]


def paid_out(conid: int, on: date, quantity: Decimal, price: Decimal) -> FilledOrder:
    """Shares that went without an order, as a sale that no rule goes by."""
    return FilledOrder(Fill(conid, on, Side.SELL, quantity, price, ZERO), Action.HOLD, mandatory=True)
