"""How orders of a paper account meet the market, one look at its quotes after another. Pure.

It knows no more of the market than the quotes it is shown: what happened between two looks did not happen here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal

from app.broker.paper.book import Close, Fill, Holding, PaperBook, PaperOrder, Registered
from app.broker.paper.valuation import Wanted
from app.desk.ports import Calendar
from app.domain.errors import DataError
from app.domain.market import PriceSeries, Quote, QuoteKind, Session, known
from app.domain.order import Side

# Quotes that somebody stands by; a frozen one, yesterday's close or that of a halted name fills nothing.
_FILLING = frozenset({QuoteKind.LIVE, QuoteKind.DELAYED})
_LONGEST_CLOSURE = 14
_COID_LIFE = timedelta(hours=24)
_TRADE_SESSIONS = 7


@dataclass(frozen=True, slots=True)
class Moment:
    """Where an instant lies among the sessions: `session` is the one that runs, or else the next."""

    now: datetime
    session: Session

    @property
    def is_open(self) -> bool:
        """The session runs."""
        return self.session.opens <= self.now < self.session.closes


@dataclass(frozen=True, slots=True)
class Execution:
    """So many shares, at that price, then."""

    quantity: Decimal
    price: Decimal
    time: datetime


def moment_at(calendar: Calendar, now: datetime) -> Moment:
    """Raises: DataError where the calendar knows no session soon enough."""
    for days in range(_LONGEST_CLOSURE):
        session = calendar.session(now + timedelta(days=days))
        if session is not None and now < session.closes:
            return Moment(now, session)
    raise DataError(f"the calendar has no session within {_LONGEST_CLOSURE} days of {now.date()}")


def sessions_from(calendar: Calendar, first: date, before: date) -> tuple[date, ...]:
    """The exchange's sessions of those dates."""
    dates = (first + timedelta(days=n) for n in range((before - first).days))
    # Between five in the afternoon and midnight of UTC the exchange has the same date.
    return tuple(day for day in dates if calendar.session(datetime.combine(day, time(17), UTC)) is not None)


def next_day(book: PaperBook, now: datetime, calendar: Calendar, history: Mapping[int, PriceSeries]) -> PaperBook:
    """The book on another date: closes since the last one valued, and forgotten what nobody can ask for any more.

    What is held did not change since the last session closed. A close without a price of every holding is none.
    """
    today = calendar.local_date(now)
    closes = {conid: dict(zip(series.dates, series.closes.tolist(), strict=True)) for conid, series in history.items()}
    valued = (_close(book, day, closes) for day in sessions_from(calendar, book.day, today))
    return book.changed(
        day=today,
        closes=(*book.closes, *(close for close in valued if close is not None)),
        fills=tuple(f for f in book.fills if calendar.sessions_between(f.session_date, today) < _TRADE_SESSIONS),
        orders=tuple(order for order in book.orders if is_of_day(order, calendar, now)),
        registered=tuple(one for one in book.registered if now - one.at < _COID_LIFE),
    )


def next_session(book: PaperBook, session_date: date) -> PaperBook:
    """The book as another session opens: what was sold is settled, and today's profits begin at nothing."""
    held = (one for one in book.holdings if one.quantity > 0)
    return book.changed(
        session_date=session_date,
        holdings=tuple(one.model_copy(update={"realized_pnl": Decimal(0)}) for one in held),
    )


def _close(book: PaperBook, day: date, closes: Mapping[int, Mapping[date, float]]) -> Close | None:
    nav = sum((one.amount * book.rate(one.currency) for one in book.cash), Decimal(0))
    for holding in (one for one in book.holdings if one.quantity > 0):
        close = closes.get(holding.instrument.conid, {}).get(day)
        if close is None:
            return None
        nav += holding.quantity * Decimal(str(close)) * book.rate(holding.instrument.currency)
    return Close(session_date=day, nav=nav)


def is_of_day(order: PaperOrder, calendar: Calendar, now: datetime) -> bool:
    """The list of orders shows what still works, and what was placed or ended on the exchange's date."""
    today = calendar.local_date(now)
    instants = (order.placed_at, order.ended_at)
    return order.is_open or any(one is not None and calendar.local_date(one) == today for one in instants)


def accepted(book: PaperBook, wanted: Wanted, coid: str | None, moment: Moment) -> tuple[PaperBook, str]:
    """The book with the order in it, for the session that runs or the next one, and the order's id."""
    order = PaperOrder(
        order_id=str(book.orders_made + 1),
        instrument=wanted.instrument,
        side=wanted.side,
        quantity=wanted.quantity,
        limit_price=wanted.limit_price,
        coid=coid,
        placed_at=moment.now,
        opens=moment.session.opens,
        closes=moment.session.closes,
        status="Submitted" if moment.is_open else "PreSubmitted",
    )
    registered = book.registered if coid is None else (*book.registered, Registered(coid=coid, at=moment.now))
    changed = book.changed(orders_made=book.orders_made + 1, registered=registered)
    return changed.with_order(order), order.order_id


def is_registered(book: PaperBook, coid: str, now: datetime) -> bool:
    """The broker took an order of that id within 24 hours."""
    return any(one.coid == coid and now - one.at < _COID_LIFE for one in book.registered)


def ended(order: PaperOrder, at: datetime) -> PaperOrder:
    """Cancelled: on request, or as its day is over."""
    return order.model_copy(update={"status": "Cancelled", "ended_at": at})


def looked(book: PaperBook, quotes: Mapping[int, Quote], moment: Moment) -> PaperBook:
    """Prices as they are now; orders whose day is over ended; orders that the market meets filled, oldest first."""
    book = _marked(book, quotes)
    for order in book.open_orders():
        if moment.now >= order.closes:
            book = book.with_order(ended(order, order.closes))
        elif moment.is_open:
            working = order.model_copy(update={"status": "Submitted"})
            book = _met(book.with_order(working), working, quotes.get(order.instrument.conid), moment)
    return book


def _marked(book: PaperBook, quotes: Mapping[int, Quote]) -> PaperBook:
    """At the last trade, as the broker values positions; at the middle where nobody traded."""

    def seen(holding: Holding) -> Holding:
        quote = quotes.get(holding.instrument.conid)
        if quote is None or not (known(quote.last) or quote.two_sided):
            return holding
        return holding.model_copy(update={"price": quote.last if known(quote.last) else quote.price})

    return book.changed(holdings=tuple(seen(holding) for holding in book.holdings))


def _met(book: PaperBook, order: PaperOrder, quote: Quote | None, moment: Moment) -> PaperBook:
    price = _price(order, quote, moment)
    if quote is None or price is None:
        return book
    quantity = min(order.remaining, _most(book, order, quote))
    if not quantity > 0:
        return book
    seen = quote.last if known(quote.last) else quote.price
    return filled(book, order, Execution(quantity, price, moment.now), seen)


def _price(order: PaperOrder, quote: Quote | None, moment: Moment) -> Decimal | None:
    """The other side of a quote of this session, where the limit reaches it."""
    if quote is None or quote.kind not in _FILLING or not quote.two_sided or quote.as_of < moment.session.opens:
        return None
    price = quote.ask if order.side is Side.BUY else quote.bid
    if price is None or order.limit_price is None:
        return price
    return price if (order.limit_price - price) * order.side.sign >= 0 else None


def _most(book: PaperBook, order: PaperOrder, quote: Quote) -> Decimal:
    """Whole shares that the instrument's volume still allows in this session."""
    if book.participation is None or not known(quote.average_volume):
        return order.remaining
    conid = order.instrument.conid
    filled = sum(
        (f.quantity for f in book.fills if f.conid == conid and f.session_date == book.session_date), Decimal(0)
    )
    allowed = (book.participation * quote.average_volume).to_integral_value(ROUND_FLOOR)
    return max(allowed - filled, Decimal(0))


def filled(book: PaperBook, order: PaperOrder, execution: Execution, seen: Decimal) -> PaperBook:
    """The book after that much of the order; `seen` is the market's price, at which a new holding is carried."""
    quantity = execution.quantity
    filled_quantity, value = order.filled_quantity + quantity, order.filled_value + quantity * execution.price
    # The plan's minimum and maximum are an order's, not an execution's.
    commission = book.commission.charge(filled_quantity, value)
    fill = Fill(
        execution_id=f"{order.order_id}.{sum(one.order_id == order.order_id for one in book.fills) + 1}",
        order_id=order.order_id,
        conid=order.instrument.conid,
        currency=order.instrument.currency,
        side=order.side,
        quantity=quantity,
        price=execution.price,
        commission=commission - order.commission,
        time=execution.time,
        session_date=book.session_date,
        coid=order.coid,
    )
    done = filled_quantity == order.quantity
    changed = order.model_copy(
        update={
            "filled_quantity": filled_quantity,
            "filled_value": value,
            "commission": commission,
            "status": "Filled" if done else order.status,
            "ended_at": execution.time if done else None,
        }
    )
    before = book.holding(fill.conid) or Holding(
        instrument=order.instrument, quantity=Decimal(0), average_cost=Decimal(0), price=seen
    )
    book = book.with_order(changed).with_holding(before.after(fill)).paid(fill.currency, fill.cash_flow)
    return book.changed(fills=(*book.fills, fill))
