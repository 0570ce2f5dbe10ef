"""The places that a case can be traded at: a broker on paper, and the real adapter in front of the gateway simulator.

Both see the market of one simulator in the same process, whose time stands still unless a case moves it. So both can be
held to the same prices, to the cent.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from app.broker.paper import PaperBook, PaperBroker, opened
from app.broker.paper.valuation import Wanted
from app.broker.signing import HmacSigner
from app.desk.ports import Broker, MarketData
from app.domain.cash import CashKind
from app.domain.instrument import Instrument
from app.domain.market import Quote
from app.domain.order import BrokerOrder, Order, OrderState, Outcome, Placement, Side, Ticket, WhatIf
from app.domain.portfolio import Portfolio
from app.domain.session import Simulation
from app.market.calendar import ExchangeCalendar
from tests.contract.exchange import KEY, Exchange, ExchangeClock

CENT = Decimal("0.01")


@dataclass
class Account(ABC):
    """An account at some broker, and what a case can do with it."""

    signer: HmacSigner = field(default_factory=lambda: HmacSigner(KEY), kw_only=True)
    tickets: int = field(default=0, kw_only=True)

    @property
    @abstractmethod
    def broker(self) -> Broker:
        """The one that is tested."""

    @property
    @abstractmethod
    def market(self) -> MarketData:
        """Where the broker's prices come from."""

    @property
    @abstractmethod
    def account(self) -> str:
        """The only one."""

    @property
    @abstractmethod
    def instruments(self) -> Mapping[str, Instrument]:
        """By symbol, as the broker describes them."""

    @property
    @abstractmethod
    def now(self) -> datetime:
        """The market's time."""

    @abstractmethod
    async def trade_elsewhere(
        self, symbol: str, side: Side, quantity: int, limit: Decimal | None = None, coid: str | None = None
    ) -> str:
        """The owner's order in another program; its id."""

    @abstractmethod
    async def fill_half(self, symbol: str, quantity: int) -> None:
        """Of the next order, which is for so much, half finds a counterparty and the rest waits for `fill_rest`."""

    def conid(self, symbol: str) -> int:
        """The broker's number for it."""
        return self.instruments[symbol].conid

    async def quote(self, symbol: str) -> Quote:
        """Now."""
        quotes, missing = await self.market.quotes((self.conid(symbol),))
        assert not missing
        return quotes[self.conid(symbol)]

    async def price(self, symbol: str, side: Side, away: str = "0") -> Decimal:
        """The other side of the quote, and a fraction of it further away from a fill; on the grid of cents."""
        quote = await self.quote(symbol)
        assert quote.bid is not None
        assert quote.ask is not None
        if side is Side.BUY:
            return (quote.ask * (1 - Decimal(away))).quantize(CENT, ROUND_FLOOR if Decimal(away) else ROUND_CEILING)
        return (quote.bid * (1 + Decimal(away))).quantize(CENT, ROUND_CEILING if Decimal(away) else ROUND_FLOOR)

    def ticket(self, symbol: str, side: Side, quantity: int | str, limit: Decimal) -> Ticket:
        """A good one."""
        self.tickets += 1
        return Ticket(
            account=self.account,
            conid=self.conid(symbol),
            side=side,
            quantity=Decimal(quantity),
            limit_price=limit,
            time_in_force="DAY",
            coid=f"PM{self.tickets:020d}",
            run_id="run_contract",
            policy_hash="sha256:contract",
            # A second more than a ticket lives, because one issued before the server started is refused.
            expires=int(time.time()) + 61,
        )

    async def present(self, ticket: Ticket, signature: str | None = None) -> Placement:
        """As the executor does."""
        return await self.broker.place(ticket, self.signer.sign(ticket) if signature is None else signature)

    async def send(self, symbol: str, side: Side, quantity: int | str, limit: Decimal) -> Placement:
        """With a good ticket."""
        return await self.present(self.ticket(symbol, side, quantity, limit))

    async def fill(self, symbol: str, side: Side, quantity: int) -> BrokerOrder:
        """An order that the market meets at once, as it is afterwards."""
        order = await self.rest(symbol, side, quantity, away="0")
        assert order.state is OrderState.FILLED, order
        return order

    async def rest(self, symbol: str, side: Side, quantity: int, away: str = "0.02") -> BrokerOrder:
        """An order that the market does not meet unless it moves by so much; nearer than what the broker questions."""
        placed = await self.send(symbol, side, quantity, await self.price(symbol, side, away))
        assert placed.outcome is Outcome.ACCEPTED, placed
        assert placed.order_id is not None
        return await self.broker.order(self.account, placed.order_id)

    async def preview(self, symbol: str, side: Side, quantity: int | str, limit: Decimal) -> WhatIf:
        """As the executor does, which has read the quote before."""
        await self.quote(symbol)
        order = Order(self.instruments[symbol], side, Decimal(quantity), limit, "case: asked for", limit_price=limit)
        return await self.broker.preview(self.account, order, "DAY")

    async def portfolio(self) -> Portfolio:
        """Now; the same account read twice is the same value."""
        return replace(await self.broker.portfolio(self.account), as_of=self.now)


@dataclass
class Venue(Account):
    """An account in the simulated market, and everything that can happen to it."""

    exchange: Exchange

    @property
    def market(self) -> MarketData:
        """See `Account.market`."""
        return self.exchange.market

    @property
    def account(self) -> str:
        """See `Account.account`."""
        return self.exchange.account

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """See `Account.instruments`."""
        return self.exchange.instruments

    @property
    def now(self) -> datetime:
        """See `Account.now`."""
        return self.exchange.now

    @abstractmethod
    async def deposit(self, amount: Decimal) -> None:
        """Money from outside."""

    @abstractmethod
    async def move_cash(self, kind: CashKind, amount: Decimal) -> None:
        """Money of that kind that no contract paid, negative where the account pays it."""

    @abstractmethod
    async def pay_dividend(self, symbol: str, amount: Decimal) -> None:
        """For every share held now."""

    @abstractmethod
    async def split_overnight(self, symbol: str, ratio: Decimal) -> None:
        """It is the next session's morning, and everything is in new shares."""

    @abstractmethod
    async def fill_rest(self) -> None:
        """Two hours after `fill_half` the rest finds a counterparty, too."""

    async def halt(self, *symbols: str) -> None:
        """Nobody trades these, and only these."""
        await self.exchange.post("broker", {"halted": list(symbols)})


class McpVenue(Venue):
    """The real adapter → the MCP server's tools → the Client Portal client → the gateway simulator."""

    @property
    def broker(self) -> Broker:
        """See `Account.broker`."""
        return self.exchange.broker

    async def trade_elsewhere(
        self, symbol: str, side: Side, quantity: int, limit: Decimal | None = None, coid: str | None = None
    ) -> str:
        """See `Account.trade_elsewhere`."""
        order = {"symbol": symbol, "side": side.value, "quantity": quantity, "order_ref": coid}
        told = await self.exchange.post(
            "external-order", {**order, "limit_price": None if limit is None else f"{limit}"}
        )
        return str(told["orderId"])

    async def deposit(self, amount: Decimal) -> None:
        """See `Venue.deposit`."""
        await self.exchange.post("cash", {"amount": f"{amount}"})

    async def move_cash(self, kind: CashKind, amount: Decimal) -> None:
        """See `Venue.move_cash`."""
        told = "flow" if kind.is_flow else kind.value
        await self.exchange.post("cash", {"amount": f"{amount}", "kind": told})

    async def pay_dividend(self, symbol: str, amount: Decimal) -> None:
        """See `Venue.pay_dividend`."""
        await self.exchange.post("dividend", {"symbol": symbol, "amount": f"{amount}"})

    async def split_overnight(self, symbol: str, ratio: Decimal) -> None:
        """See `Venue.split_overnight`."""
        await self.exchange.post("split", {"symbol": symbol, "ratio": f"{ratio}"})
        await self.exchange.move(next_session=True)

    async def fill_half(self, symbol: str, quantity: int) -> None:
        """See `Account.fill_half`."""
        rule = {"kind": "partial_fill", "symbol": symbol, "fraction": "0.5", "rest": "later", "rest_seconds": 7000}
        await self.exchange.post("faults", [rule])

    async def fill_rest(self) -> None:
        """See `Venue.fill_rest`."""
        await self.exchange.move(advance_seconds=7200)


@dataclass
class PaperVenue(Venue):
    """The paper broker on the simulator's quotes, with the account that the simulator's has at the start."""

    paper: PaperBroker = field(init=False)
    simulation: Simulation | None = None

    async def open(self) -> None:
        """Takes over what the simulated account holds."""
        exchange = self.exchange
        portfolio = await exchange.broker.portfolio(exchange.account)
        self.simulation = (await exchange.broker.session()).simulation
        book = opened(
            portfolio,
            ExchangeCalendar().local_date(exchange.now),
            account_type="cash" if portfolio.account_type == "cash" else "margin",
            closes=await exchange.broker.performance(exchange.account),
        )
        self.paper = self._with(book)

    def reopen(self, **changes: object) -> None:
        """Another process goes on with the saved book, under other terms."""
        saved = PaperBook.model_validate_json(self.paper.book.model_dump_json())
        assert saved == self.paper.book
        self.paper = self._with(saved.changed(**changes))

    def _with(self, book: PaperBook) -> PaperBroker:
        exchange = self.exchange
        return PaperBroker(
            book,
            exchange.market,
            ExchangeClock(exchange),
            ExchangeCalendar(),
            self.signer,
            exchange.instruments.values(),
            simulation=self.simulation,
        )

    @property
    def broker(self) -> Broker:
        """See `Account.broker`."""
        return self.paper

    async def trade_elsewhere(
        self, symbol: str, side: Side, quantity: int, limit: Decimal | None = None, coid: str | None = None
    ) -> str:
        """See `Account.trade_elsewhere`."""
        wanted = Wanted(self.instruments[symbol], side, Decimal(quantity), limit)
        return (await self.paper.place_elsewhere(wanted, coid)).order_id

    async def deposit(self, amount: Decimal) -> None:
        """See `Venue.deposit`."""
        await self.paper.pay("USD", amount)

    async def move_cash(self, kind: CashKind, amount: Decimal) -> None:
        """See `Venue.move_cash`."""
        await self.paper.pay("USD", amount, kind)

    async def pay_dividend(self, symbol: str, amount: Decimal) -> None:
        """See `Venue.pay_dividend`."""
        await self.paper.pay_dividend(self.conid(symbol), amount)

    async def split_overnight(self, symbol: str, ratio: Decimal) -> None:
        """See `Venue.split_overnight`."""
        await self.exchange.post("split", {"symbol": symbol, "ratio": f"{ratio}"})
        await self.exchange.move(next_session=True)
        price = (await self.quote(symbol)).prior_close
        assert price is not None
        await self.paper.split(self.conid(symbol), ratio, price)

    async def fill_half(self, symbol: str, quantity: int) -> None:
        """See `Account.fill_half`."""
        volume = (await self.quote(symbol)).average_volume
        assert volume is not None
        # Half a share more than half of the order, of which whole shares fill.
        self.reopen(participation=(Decimal(quantity) / 2 + Decimal("0.5")) / volume)

    async def fill_rest(self) -> None:
        """See `Venue.fill_rest`."""
        await self.exchange.move(advance_seconds=7200)
        self.reopen(participation=None)
