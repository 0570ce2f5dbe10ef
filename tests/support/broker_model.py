"""A broker in memory that behaves as badly as a broker can, and never twice the same way unless the test says so.

It does not recognise a repeated client order id: whatever arrives becomes an order, so that a second send is seen. Its
lists lag, answers get lost, requests arrive late, orders fill in parts, and other people trade on the account.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, auto
from functools import cache

from app.domain.cash import CashRow
from app.domain.errors import BrokerUnavailable, NotReady
from app.domain.instrument import AssetClass, ContractRules, Increment, Instrument
from app.domain.market import PriceSeries, Quote
from app.domain.order import BrokerOrder, Order, OrderReport, Outcome, Placement, Side, Ticket, Trade, WhatIf
from app.domain.portfolio import Portfolio
from app.domain.questions import Question
from app.domain.session import BrokerSession, SessionState
from tests.support.world import (
    INDICES,
    PRICE,
    SESSIONS,
    SPREAD,
    SYMBOLS,
    World,
    closes,
    conid,
    instrument,
    symbol_of,
    weekdays_before,
)


class Fate(Enum):
    """What becomes of one request to place an order, and of its answer."""

    FILLS = auto()
    RESTS = auto()
    FILLS_HALF = auto()
    IS_REJECTED = auto()
    IS_REFUSED = auto()
    REQUEST_LOST = auto()
    ANSWER_LOST = auto()
    ANSWER_LOST_RESTING = auto()
    REJECTED_ANSWER_LOST = auto()
    ARRIVES_LATE = auto()
    KNOWN_ALREADY = auto()
    IS_ASKED_ABOUT = auto()
    IS_ASKED_ABOUT_AND_THERE = auto()


class Fault(Enum):
    """What becomes of a read."""

    UNREACHABLE = auto()
    SESSION_LOST = auto()


_WITHOUT_ANSWER = frozenset(
    {Fate.REQUEST_LOST, Fate.ANSWER_LOST, Fate.ANSWER_LOST_RESTING, Fate.REJECTED_ANSWER_LOST, Fate.ARRIVES_LATE}
)
_NEVER_THERE = frozenset({Fate.IS_REFUSED, Fate.REQUEST_LOST, Fate.IS_ASKED_ABOUT})
_ASKED_ABOUT = frozenset({Fate.IS_ASKED_ABOUT, Fate.IS_ASKED_ABOUT_AND_THERE})
QUESTION = Question(("o10331",), "Confirm Mandatory Cap Price", answered=False, why="not on the list")
_ASKS = Placement(Outcome.UNANSWERED, message="the broker asked a question", questions=(QUESTION,))
_LOST = Placement(Outcome.UNKNOWN, message="the connection broke")


async def at_once(_: str) -> None:
    """Nobody is made to wait."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that reached the broker."""

    ticket: Ticket
    at: datetime
    order_id: str


@dataclass
class BrokerModel:
    """`fate` and `fault` decide what happens, `witness` is told of each request before it goes onto the wire.

    `pause` is awaited at the beginning of each call, so that a scheduler can let others go first. `lag`: how many reads
    of the list an order stays out of. `late` holds requests that are still under way. A sale of more than is held is in
    `oversold`.
    """

    world: World
    fate: Callable[[Ticket], Fate] = lambda _: Fate.FILLS
    fault: Callable[[str], Fault | None] = lambda _: None
    witness: Callable[[Ticket], None] = lambda _: None
    pause: Callable[[str], Awaitable[None]] = at_once
    lag: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    orders: list[BrokerOrder] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    late: list[Ticket] = field(default_factory=list)
    posts: Counter[str] = field(default_factory=Counter)
    oversold: list[str] = field(default_factory=list)
    rejected: set[str] = field(default_factory=set)
    _reads: int = 0
    _listed_after: dict[str, int] = field(default_factory=dict)

    async def session(self) -> BrokerSession:
        await self.pause("session")
        return replace(self.world.session, now=self.world.now())

    async def portfolio(self, account: str) -> Portfolio:
        await self._asked("portfolio")
        return Portfolio(
            account=account,
            currency=self.world.currency,
            positions=tuple(self.world.positions.values()),
            cash=self.world.balances(),
            available_funds=self.world.cash,
            buying_power=self.world.cash * 4,
            as_of=self.world.now(),
            source="model",
            account_type="MARGIN",
            orders=self._list(),
            broker_net_liquidation=self.world.net_liquidation,
            unmanaged=self.world.unmanaged,
            unreadable=self.world.unreadable,
        )

    async def performance(self, account: str) -> tuple[tuple[date, Decimal], ...]:
        await self._asked("performance")
        return self.world.performance

    async def cash_rows(self, account: str, conids: Sequence[int]) -> tuple[CashRow, ...]:
        await self._asked("cash_rows")
        return self.world.cash_rows

    async def preview(self, account: str, order: Order, time_in_force: str) -> WhatIf:
        await self._asked("preview")
        return WhatIf(order.notional, Decimal(1), self.world.nav, Decimal(0), Decimal(0))

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        await self.pause("place")
        self.posts[ticket.coid] += 1
        self.witness(ticket)
        fate = self.fate(ticket)
        if fate is Fate.ARRIVES_LATE:
            self.late.append(ticket)
            return _LOST
        if fate is Fate.IS_REFUSED:
            return Placement(Outcome.REFUSED, message="the broker's server refused the ticket")
        order = None if fate in _NEVER_THERE else self.arrive(ticket, fate)
        if fate in _ASKED_ABOUT:
            return _ASKS
        if fate in _WITHOUT_ANSWER or order is None:
            return _LOST
        if fate is Fate.IS_REJECTED:
            return Placement(Outcome.REJECTED, message="insufficient funds")
        if fate is Fate.KNOWN_ALREADY:
            return Placement(Outcome.ALREADY_REGISTERED, message="already registered")
        return Placement(Outcome.ACCEPTED, order.order_id, order.status)

    async def cancel(self, account: str, order_id: str) -> str:
        await self.pause("cancel")
        order = self._open(order_id)
        if order is None or not order.is_ours:
            return "refused"
        self._end(order, "Cancelled")
        return "requested"

    async def report(self, account: str) -> OrderReport:
        await self._asked("report")
        listed = self._list()
        seen = {order.order_id for order in listed}
        trades = tuple(trade for trade in self.trades if trade.order_id in seen)
        return OrderReport(listed, trades, self.world.now())

    async def order(self, account: str, order_id: str) -> BrokerOrder:
        await self._asked("order")
        found = next((order for order in self.orders if order.order_id == order_id), None)
        if found is None:
            raise BrokerUnavailable(f"the model has no status of order {order_id}")
        return found

    def arrive(self, ticket: Ticket, fate: Fate = Fate.FILLS) -> BrokerOrder:
        """The request is at the broker: it is an order now, even when it is one already."""
        order = self._add(ticket.conid, ticket.side, ticket.quantity, ticket.limit_price, ticket.coid)
        self.arrivals.append(Arrival(ticket, self.world.now(), order.order_id))
        if fate in {Fate.IS_REJECTED, Fate.REJECTED_ANSWER_LOST}:
            self.rejected.add(ticket.coid)
            self._end(order, "Inactive")
        elif fate is Fate.FILLS_HALF:
            self.fill(order.order_id, order.quantity // 2)
        elif fate not in {Fate.RESTS, Fate.ANSWER_LOST_RESTING}:
            self.fill(order.order_id, order.quantity)
        return self._find(order.order_id)

    def arrive_late(self) -> None:
        """The oldest request that is under way arrives."""
        self.arrive(self.late.pop(0))

    def fill(self, order_id: str, quantity: Decimal) -> None:
        """So much of an open order, or what is left of it."""
        order = self._open(order_id)
        taken = min(quantity, order.quantity - order.filled_quantity) if order else Decimal(0)
        if order is None or taken <= 0:
            return
        held = self.world.positions.get(order.conid)
        if order.side is Side.SELL and (held is None or held.quantity < taken):
            self.oversold.append(f"{taken:f} {order.symbol} were sold and {held.quantity if held else 0:f} held")
        price = self.fill_price(order)
        self.world.fill(order.conid, taken * order.side.sign, price)
        filled = order.filled_quantity + taken
        status = "Filled" if filled == order.quantity else "Submitted"
        self._replace(replace(order, filled_quantity=filled, average_price=price, status=status))
        self.trades.append(
            Trade(
                execution_id=f"E{len(self.trades)}",
                order_id=order.order_id,
                conid=order.conid,
                side=order.side,
                quantity=taken,
                price=price,
                time=self.world.now(),
                coid=order.coid,
                commission=Decimal(0),
            )
        )

    def fill_price(self, order: BrokerOrder) -> Decimal:
        """At the limit, whatever the quote."""
        return order.limit_price or PRICE

    def end_day(self) -> None:
        """What is under way arrives, and what is open ends."""
        while self.late:
            self.arrive_late()
        for order in self.working():
            self._end(order, "Cancelled")

    def working(self) -> list[BrokerOrder]:
        """Open orders, ours and others'."""
        return [order for order in self.orders if order.is_open]

    def trade_of_others(self, symbol: str, side: Side, quantity: Decimal) -> None:
        """The owner trades in another program."""
        order = self._add(conid(symbol), side, quantity, PRICE + SPREAD * side.sign, None)
        self.fill(order.order_id, quantity)

    def stranger(self, coid: str | None, symbol: str, quantity: Decimal, limit: Decimal = PRICE) -> str:
        """A purchase that nobody here sent, whatever name it carries; its id."""
        return self._add(conid(symbol), Side.BUY, quantity, limit, coid).order_id

    def _add(self, number: int, side: Side, quantity: Decimal, limit: Decimal, coid: str | None) -> BrokerOrder:
        order = BrokerOrder(
            order_id=str(9000 + len(self.orders)),
            conid=number,
            side=side,
            quantity=quantity,
            filled_quantity=Decimal(0),
            status="Submitted",
            symbol=symbol_of(number),
            coid=coid,
            limit_price=limit,
        )
        self.orders.append(order)
        self._listed_after[order.order_id] = self._reads + self.lag
        return order

    def _list(self) -> tuple[BrokerOrder, ...]:
        self._reads += 1
        return tuple(order for order in self.orders if self._reads > self._listed_after.get(order.order_id, 0))

    def _find(self, order_id: str) -> BrokerOrder:
        return next(order for order in self.orders if order.order_id == order_id)

    def _open(self, order_id: str) -> BrokerOrder | None:
        return next((order for order in self.working() if order.order_id == order_id), None)

    def _end(self, order: BrokerOrder | None, status: str) -> None:
        if order is not None:
            self._replace(replace(order, status=status))

    def _replace(self, changed: BrokerOrder) -> None:
        self.orders = [changed if order.order_id == changed.order_id else order for order in self.orders]

    async def _asked(self, tool: str) -> None:
        await self.pause(tool)
        fault = self.fault(tool)
        if fault is Fault.UNREACHABLE:
            raise BrokerUnavailable(f"no answer to {tool}", "Start it")
        if fault is Fault.SESSION_LOST:
            raise NotReady(SessionState.LOGIN_REQUIRED.value, "the session was lost", "Log in again")


@dataclass
class MarketModel:
    """Prices of the world."""

    world: World
    pause: Callable[[str], Awaitable[None]] = at_once

    async def instruments(
        self, symbols: Sequence[str], asset_class: AssetClass = AssetClass.STOCK
    ) -> tuple[dict[str, Instrument], dict[str, str]]:
        there = SYMBOLS if asset_class is AssetClass.STOCK else tuple(INDICES)
        found = {symbol: instrument(symbol) for symbol in symbols if symbol in there}
        return found, {symbol: "no such contract" for symbol in symbols if symbol not in there}

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        await self.pause("quotes")
        return {number: self.world.quote(symbol_of(number)) for number in conids}, {}

    async def history(self, conid: int, before: date) -> PriceSeries:
        return _history(conid, before)

    async def rules(self, conid: int, side: Side) -> ContractRules:
        return ContractRules(conid, (Increment(Decimal(0), Decimal("0.01")),))


@cache
def _history(conid: int, before: date) -> PriceSeries:
    days = weekdays_before(before, SESSIONS)
    return PriceSeries(conid, days, closes(conid), "model", datetime.combine(before, time(), UTC))
