"""The paper account behind the desk's broker port. It looks at the market when it is asked something, and only then.

It refuses what the server in front of a real broker refuses and rejects what the broker rejects, so that a desk cannot
tell them apart. It holds one book at a time and does no I/O: whoever owns it saves `book` and hands it back.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from app.broker.paper.book import PaidRow, PaperBook, PaperOrder
from app.broker.paper.events import with_dividend, with_rate, with_split
from app.broker.paper.matching import (
    Moment,
    accepted,
    ended,
    is_of_day,
    is_registered,
    looked,
    moment_at,
    next_day,
    next_session,
)
from app.broker.paper.tickets import expiry, is_used, ticket_problem, with_ticket_used
from app.broker.paper.valuation import Wanted, funds_problem, shape_problem, short_problem, valued, what_if
from app.desk.ports import Calendar, Clock, MarketData, Signer
from app.domain.cash import CashKind, CashRow
from app.domain.errors import BrokerUnavailable, DataError, PortfolioError, UsageError
from app.domain.instrument import AssetClass, Instrument
from app.domain.market import PriceSeries, Quote
from app.domain.order import BrokerOrder, Order, OrderReport, Outcome, Placement, Ticket, WhatIf
from app.domain.portfolio import CashBalance, Portfolio, Position
from app.domain.session import BrokerSession, SessionState, Simulation

_SOURCE = "paper"
_TRADED = frozenset({AssetClass.STOCK, AssetClass.ETF})


class PaperBroker:
    """`listed` are the instruments that can be ordered; those held can be sold besides.

    `signer` holds the key that tickets are signed with. `simulation` is the marker of the data's source where that is
    simulated. `seconds` gives Unix time, which tickets expire by; everything else goes by the clock of the market.
    """

    def __init__(
        self,
        book: PaperBook,
        market_data: MarketData,
        clock: Clock,
        calendar: Calendar,
        signer: Signer,
        listed: Iterable[Instrument],
        *,
        simulation: Simulation | None = None,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        self._book = book
        self._market_data = market_data
        self._clock = clock
        self._calendar = calendar
        self._signer = signer
        self._listed = {one.conid: one for one in listed}
        self._simulation = simulation
        self._seconds = seconds
        # One question at a time: between reading quotes and filling at them nobody else changes the book.
        self._turn = asyncio.Lock()

    @property
    def book(self) -> PaperBook:
        """The account as it was after the last call; saved, it is all that another process needs to go on."""
        return self._book

    async def session(self) -> BrokerSession:
        """See `Broker.session`."""
        return BrokerSession(
            state=SessionState.READY,
            message="ready",
            remedy=None,
            accounts=(self._book.account,),
            paper=True,
            now=self._clock.now(),
            trading_mode="paper",
            simulation=self._simulation,
        )

    async def portfolio(self, account: str) -> Portfolio:
        """See `Broker.portfolio`."""
        self._require(account)
        async with self._turn:
            moment, _ = await self._look()
        book = self._book
        worth = valued(book)
        return Portfolio(
            account=account,
            currency=book.currency,
            positions=tuple(
                Position(one.instrument, one.quantity, one.price, one.average_cost, one.realized_pnl)
                for one in book.holdings
                if one.quantity > 0
            ),
            cash=tuple(
                CashBalance(one.currency, one.amount, book.settled_in(one.currency), book.rate(one.currency))
                for one in book.cash
            ),
            available_funds=worth.available_funds,
            buying_power=worth.buying_power,
            as_of=moment.now,
            source=_SOURCE,
            account_type=book.account_type,
            orders=tuple(order.row() for order in self._of_day(moment)),
            broker_net_liquidation=worth.nav,
        )

    async def performance(self, account: str) -> tuple[tuple[date, Decimal], ...]:
        """See `Broker.performance`."""
        self._require(account)
        async with self._turn:
            moment, _ = await self._look()
        today = self._calendar.local_date(moment.now)
        return tuple((one.session_date, one.nav) for one in self._book.closes if one.session_date < today)

    async def cash_rows(self, account: str, conids: Sequence[int]) -> tuple[CashRow, ...]:
        """See `Broker.cash_rows`."""
        self._require(account)
        return tuple(
            CashRow(f"paper-{number}", one.day, one.kind, one.amount, one.currency, one.kind.value, one.conid)
            for number, one in enumerate(self._book.paid_rows)
            if one.conid is None or one.conid in conids
        )

    async def preview(self, account: str, order: Order, time_in_force: str) -> WhatIf:
        """See `Broker.preview`."""
        self._require(account)
        if order.limit_price is None or time_in_force != "DAY":
            raise UsageError(f"the preview of {order.instrument.symbol} needs a limit price and is good for the day")
        wanted = Wanted(order.instrument, order.side, order.quantity, order.limit_price)
        async with self._turn:
            await self._look(order.instrument.conid)
            try:
                unfit = shape_problem(wanted, await self._market_data.rules(order.instrument.conid, order.side))
            except DataError as barred:
                unfit = barred.cause
            error = unfit or self._rejection(wanted, order.limit_price)
        return what_if(self._book, wanted, order.limit_price, error)

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        """See `Broker.place`. Nothing here is ever unknown: there is no way on which an answer could be lost."""
        async with self._turn:
            seconds = self._seconds()
            problem = ticket_problem(ticket, signature, self._signer, seconds)
            if problem is not None:
                return Placement(Outcome.REFUSED, message=problem)
            if is_used(self._book, ticket, seconds):
                return Placement(Outcome.ALREADY_REGISTERED, message="ticket: already used; see the order report")
            self._book = with_ticket_used(self._book, ticket, seconds)
            return await self._place(ticket)

    async def cancel(self, account: str, order_id: str) -> str:
        """See `Broker.cancel`. What the market meets before the request does fills."""
        if account != self._book.account:
            return "refused"
        async with self._turn:
            try:
                moment, _ = await self._look()
            except PortfolioError:
                return "unknown"
            order = self._find(order_id, moment)
            if order is None or not order.is_ours or not order.is_open:
                return "refused"
            self._book = self._book.with_order(ended(order, moment.now))
        return "requested"

    async def report(self, account: str) -> OrderReport:
        """See `Broker.report`."""
        self._require(account)
        async with self._turn:
            moment, _ = await self._look()
        orders = tuple(order.row() for order in self._of_day(moment))
        return OrderReport(orders, tuple(fill.trade() for fill in self._book.fills), moment.now)

    async def order(self, account: str, order_id: str) -> BrokerOrder:
        """See `Broker.order`."""
        self._require(account)
        async with self._turn:
            moment, _ = await self._look()
        found = self._find(order_id, moment)
        if found is None:
            raise BrokerUnavailable(f"the paper broker has no status of order {order_id}")
        return found.row()

    async def place_elsewhere(self, wanted: Wanted, coid: str | None = None) -> BrokerOrder:
        """An order of the account's owner in another program. Raises: UsageError where it would be rejected."""
        async with self._turn:
            moment, quotes = await self._look(wanted.instrument.conid)
            price = wanted.limit_price or _price(quotes, wanted.instrument)
            rejection = self._rejection(wanted, price)
            if rejection is not None:
                raise UsageError(rejection)
            book, order_id = accepted(self._book, wanted, coid, moment)
            self._book = looked(book, quotes, moment)
        return next(order.row() for order in self._book.orders if order.order_id == order_id)

    async def pay(self, currency: str, amount: Decimal, kind: CashKind | None = None) -> None:
        """A deposit, or a withdrawal when negative, unless it was of another kind; settled at once."""
        async with self._turn:
            await self._look()
            paid = kind or (CashKind.DEPOSIT if amount > 0 else CashKind.WITHDRAWAL)
            row = PaidRow(day=self._today(), kind=paid, currency=currency, amount=amount)
            self._book = self._book.paid_as(row)

    async def pay_dividend(self, conid: int, amount: Decimal) -> None:
        """`amount` for every share held now."""
        async with self._turn:
            await self._look()
            self._book = with_dividend(self._book, conid, amount, self._today())

    async def split(self, conid: int, ratio: Decimal, price: Decimal) -> None:
        """`ratio` new shares for each old one, `price` that of a new one.

        To be called when the market data begins to count in new shares, before anything else is asked that day: the
        account is not looked at first, since old shares have no price any more.
        """
        async with self._turn:
            self._book = with_split(self._book, conid, ratio, price, self._clock.now())

    async def set_rate(self, currency: str, rate: Decimal) -> None:
        """`rate` in base currency for a unit; the account can hold that currency from then on."""
        async with self._turn:
            self._book = with_rate(self._book, currency, rate)

    async def _place(self, ticket: Ticket) -> Placement:
        instrument = self._instrument(ticket.conid)
        if ticket.account != self._book.account:
            return Placement(Outcome.REFUSED, message="account: not among those this broker may trade")
        if instrument is None or instrument.asset_class not in _TRADED:
            return Placement(Outcome.REFUSED, message=f"conid {ticket.conid}: not a stock or fund that is listed")
        wanted = Wanted(instrument, ticket.side, ticket.quantity, ticket.limit_price)
        try:
            moment, quotes = await self._look(ticket.conid)
            unfit = shape_problem(wanted, await self._market_data.rules(ticket.conid, ticket.side))
        except PortfolioError as error:
            return Placement(Outcome.REFUSED, message=str(error))
        ours = short_problem(self._book, wanted, only_ours=True)
        refusal = unfit or ours or expiry(ticket, self._seconds())
        if refusal is not None:
            return Placement(Outcome.REFUSED, message=refusal)
        if is_registered(self._book, ticket.coid, moment.now):
            return Placement(Outcome.ALREADY_REGISTERED, message=f"{ticket.coid} is already registered")
        rejection = self._rejection(wanted, ticket.limit_price)
        if rejection is not None:
            return Placement(Outcome.REJECTED, message=rejection)
        book, order_id = accepted(self._book, wanted, ticket.coid, moment)
        self._book = looked(book, quotes, moment)
        placed = self._find(order_id, moment)
        return Placement(Outcome.ACCEPTED, order_id, placed.status if placed else None)

    def _rejection(self, wanted: Wanted, price: Decimal) -> str | None:
        return short_problem(self._book, wanted) or funds_problem(self._book, wanted, price)

    async def _look(self, *conids: int) -> tuple[Moment, Mapping[int, Quote]]:
        """Reads the quotes of what is held, ordered or asked for, and lets the account meet them."""
        moment = moment_at(self._calendar, self._clock.now())
        book, today = self._book, self._calendar.local_date(moment.now)
        if today > book.day:
            book = next_day(book, moment.now, self._calendar, await self._histories(book, today))
        if moment.is_open and moment.session.date > book.session_date:
            book = next_session(book, moment.session.date)
        wanted = {one.instrument.conid for one in book.holdings} | set(conids)
        wanted |= {one.instrument.conid for one in book.open_orders()}
        quotes: Mapping[int, Quote] = {}
        if wanted:
            quotes, _ = await self._market_data.quotes(sorted(wanted))
        self._book = looked(book, quotes, moment)
        return moment, quotes

    async def _histories(self, book: PaperBook, before: date) -> Mapping[int, PriceSeries]:
        found: dict[int, PriceSeries] = {}
        for holding in (one for one in book.holdings if one.quantity > 0):
            conid = holding.instrument.conid
            try:
                found[conid] = await self._market_data.history(conid, before)
            except DataError:
                # No close of this name, so no closing value of the account: it stays unknown.
                continue
        return found

    def _today(self) -> date:
        return self._calendar.local_date(self._clock.now())

    def _instrument(self, conid: int) -> Instrument | None:
        holding = self._book.holding(conid)
        return self._listed.get(conid) or (holding.instrument if holding else None)

    def _of_day(self, moment: Moment) -> tuple[PaperOrder, ...]:
        return tuple(one for one in self._book.orders if is_of_day(one, self._calendar, moment.now))

    def _find(self, order_id: str, moment: Moment) -> PaperOrder | None:
        return next((one for one in self._of_day(moment) if one.order_id == order_id), None)

    def _require(self, account: str) -> None:
        if account != self._book.account:
            raise BrokerUnavailable("the account is not among those this broker may use")


def _price(quotes: Mapping[int, Quote], instrument: Instrument) -> Decimal:
    if instrument.conid not in quotes:
        raise UsageError(f"no quote of {instrument.symbol}: an order without a limit has no value")
    return quotes[instrument.conid].price
