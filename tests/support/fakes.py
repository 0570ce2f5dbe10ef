"""In-memory parts for the desk's ports that behave: orders fill and move holdings, answers get lost, sessions end."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from zoneinfo import ZoneInfo

from app.desk.desk import Desk, real_time
from app.desk.journal import Call, record_call
from app.desk.ports import Broker, Calendar, Chooser, Ledger, MarketData, ModelUse, Offer, Signer
from app.domain.errors import BrokerUnavailable, InsufficientHistory
from app.domain.instrument import AssetClass, ContractRules, Increment, Instrument
from app.domain.market import PriceSeries, Quote, Session
from app.domain.order import BrokerOrder, Order, OrderReport, Outcome, Placement, Side, Ticket, WhatIf
from app.domain.plan import Action, Choice
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.session import BrokerSession
from app.market.sectors import SECTORS
from app.settings import load_policy, shipped_policy
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

NEW_YORK = ZoneInfo("America/New_York")


class Fate(Enum):
    """What becomes of an order that is placed."""

    FILLED = auto()
    RESTING = auto()
    HALF_FILLED = auto()
    REJECTED = auto()
    REFUSED = auto()
    UNKNOWN_BUT_ARRIVED = auto()
    UNKNOWN_AND_LOST = auto()
    ALREADY_REGISTERED = auto()
    QUESTION = auto()


_ANSWERS = {
    Fate.FILLED: Outcome.ACCEPTED,
    Fate.RESTING: Outcome.ACCEPTED,
    Fate.HALF_FILLED: Outcome.ACCEPTED,
    Fate.REJECTED: Outcome.REJECTED,
    Fate.REFUSED: Outcome.REFUSED,
    Fate.ALREADY_REGISTERED: Outcome.ALREADY_REGISTERED,
    Fate.UNKNOWN_BUT_ARRIVED: Outcome.UNKNOWN,
    Fate.UNKNOWN_AND_LOST: Outcome.UNKNOWN,
    Fate.QUESTION: Outcome.UNKNOWN,
}
_MESSAGES = {
    Fate.REJECTED: "insufficient funds",
    Fate.REFUSED: "max_order_value: too large",
    Fate.UNKNOWN_BUT_ARRIVED: "the connection broke",
    Fate.UNKNOWN_AND_LOST: "the connection broke",
    Fate.QUESTION: "the broker asked what nobody may answer",
}
_NEVER_THERE = frozenset({Fate.REJECTED, Fate.REFUSED, Fate.UNKNOWN_AND_LOST, Fate.QUESTION})


@dataclass
class FakeBroker:
    """Behaves by script. `fates` by symbol, everything else fills; `sends` counts placements by client order id."""

    world: World
    fates: dict[str, Fate] = field(default_factory=dict)
    what_if_errors: dict[str, str] = field(default_factory=dict)
    orders: list[BrokerOrder] = field(default_factory=list)
    sends: Counter[str] = field(default_factory=Counter)
    placed: list[Ticket] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    unreachable: set[str] = field(default_factory=set)
    # Set `hold` to keep placements waiting; `placing` says that one has begun.
    hold: asyncio.Event | None = None
    placing: asyncio.Event = field(default_factory=asyncio.Event)

    async def session(self) -> BrokerSession:
        self._heard("session_status")
        return replace(self.world.session, now=self.world.now())

    async def portfolio(self, account: str) -> Portfolio:
        self._heard("portfolio")
        world = self.world
        return Portfolio(
            account=account,
            currency=world.currency,
            positions=tuple(world.positions.values()),
            cash=world.balances(),
            available_funds=world.cash,
            buying_power=world.cash * 4,
            as_of=world.now(),
            source="fake",
            account_type="MARGIN",
            orders=tuple(self.orders),
        )

    async def performance(self, account: str) -> tuple[tuple[date, Decimal], ...]:
        self._heard("performance")
        return self.world.performance

    async def preview(self, account: str, order: Order, time_in_force: str) -> WhatIf:
        self._heard("preview_order")
        error = self.what_if_errors.get(order.instrument.symbol)
        return WhatIf(order.notional, Decimal(1), self.world.nav, Decimal(0), Decimal(0), error=error)

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        self._heard("place_order")
        self.sends[ticket.coid] += 1
        self.placed.append(ticket)
        self.signatures.append(signature)
        self.placing.set()
        if self.hold is not None:
            await self.hold.wait()
        fate = self.fates.get(symbol_of(ticket.conid), Fate.FILLED)
        order_id = None if fate in _NEVER_THERE else self._book(ticket, fate).order_id
        known = order_id if _ANSWERS[fate] is Outcome.ACCEPTED else None
        return Placement(_ANSWERS[fate], known, "Submitted" if known else None, _MESSAGES.get(fate))

    async def cancel(self, account: str, order_id: str) -> str:
        """Taken, and done at once."""
        self._heard("cancel_order")
        self.orders = [
            replace(order, status="Cancelled") if order.order_id == order_id and order.is_open else order
            for order in self.orders
        ]
        return "requested"

    async def report(self, account: str) -> OrderReport:
        self._heard("order_report")
        return OrderReport(tuple(self.orders), (), self.world.now())

    async def order(self, account: str, order_id: str) -> BrokerOrder:
        self._heard("order_status")
        return next(order for order in self.orders if order.order_id == order_id)

    def arrive(self, coid: str, symbol: str, side: Side, quantity: Decimal) -> None:
        """An order shows up in the broker's books, filled."""
        self._take(coid, symbol, side, quantity, quantity, "Filled")

    def sent_symbols(self) -> list[tuple[str, Side]]:
        """What reached `place`, in order."""
        return [(symbol_of(ticket.conid), ticket.side) for ticket in self.placed]

    def _heard(self, tool: str) -> None:
        if tool in self.unreachable:
            record_call(Call(tool, 0.5, "unavailable"))
            raise BrokerUnavailable(f"no answer to {tool}", "Start it")
        record_call(Call(tool, 0.5, "ok"))

    def _book(self, ticket: Ticket, fate: Fate) -> BrokerOrder:
        filled, status = ticket.quantity, "Filled"
        if fate is Fate.RESTING:
            filled, status = Decimal(0), "Submitted"
        elif fate is Fate.HALF_FILLED:
            filled, status = ticket.quantity // 2, "Submitted"
        return self._take(ticket.coid, symbol_of(ticket.conid), ticket.side, ticket.quantity, filled, status)

    def _take(self, coid: str, symbol: str, side: Side, quantity: Decimal, filled: Decimal, status: str) -> BrokerOrder:
        price = PRICE + SPREAD * side.sign
        if filled > 0:
            self.world.fill(conid(symbol), filled * side.sign, price)
        order = BrokerOrder(
            order_id=str(9000 + len(self.orders)),
            conid=conid(symbol),
            side=side,
            quantity=quantity,
            filled_quantity=filled,
            status=status,
            symbol=symbol,
            coid=coid,
            limit_price=price,
            average_price=price if filled > 0 else None,
        )
        self.orders.append(order)
        return order


@dataclass
class FakeMarketData:
    """Prices of the world; a name in `missing_quotes` has none, one in `without_history` no closes."""

    world: World
    without_history: set[str] = field(default_factory=set)

    async def instruments(
        self, symbols: Sequence[str], asset_class: AssetClass = AssetClass.STOCK
    ) -> tuple[dict[str, Instrument], dict[str, str]]:
        record_call(Call("resolve_contracts", 0.5, "ok"))
        there = SYMBOLS if asset_class is AssetClass.STOCK else tuple(INDICES)
        found = {symbol: instrument(symbol) for symbol in symbols if symbol in there}
        return found, {symbol: "no such contract" for symbol in symbols if symbol not in there}

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        record_call(Call("quotes", 0.5, "ok"))
        missing = {conid(symbol): reason for symbol, reason in self.world.missing_quotes.items()}
        quotes = {number: self.world.quote(symbol_of(number)) for number in conids if number not in missing}
        return quotes, {number: missing[number] for number in conids if number in missing}

    async def history(self, conid: int, before: date) -> PriceSeries:
        record_call(Call("history", 0.5, "ok"))
        if symbol_of(conid) in self.without_history:
            raise InsufficientHistory(f"conid {conid} has no close before {before}")
        return PriceSeries(conid, weekdays_before(before, SESSIONS), closes(conid), "fake", self.world.now())

    async def rules(self, conid: int, side: Side) -> ContractRules:
        record_call(Call("contract_rules", 0.5, "ok"))
        return ContractRules(conid, (Increment(Decimal(0), Decimal("0.01")),))


@dataclass
class FakeCalendar:
    """Open on weekdays from 9:30 to 16:00 New York, except on `closed` days."""

    closed: set[date] = field(default_factory=set)

    def session(self, at: datetime) -> Session | None:
        day = self.local_date(at)
        if day.weekday() > 4 or day in self.closed:
            return None
        opens = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK)
        return Session(day, opens, opens + timedelta(hours=6, minutes=30))

    def local_date(self, at: datetime) -> date:
        return at.astimezone(NEW_YORK).date()

    def sessions_between(self, earlier: date, later: date) -> int:
        days = (earlier + timedelta(days=n) for n in range(1, (later - earlier).days + 1))
        return sum(day.weekday() < 5 for day in days)


@dataclass
class FakeSigner:
    """Signs with the order's own id, which a test can recognise."""

    tickets: list[Ticket] = field(default_factory=list)

    def sign(self, ticket: Ticket) -> str:
        self.tickets.append(ticket)
        return f"signed:{ticket.coid}"


@dataclass
class FakeChooser:
    """The plan of `action` where it is offered, else the rules' choice; `asked` keeps the offers."""

    action: Action | None = None
    use: ModelUse = field(default_factory=ModelUse)
    asked: list[Offer] = field(default_factory=list)

    async def choose(self, offer: Offer) -> tuple[Choice, ModelUse]:
        self.asked.append(offer)
        for plan in offer.plans:
            if plan.action is self.action:
                return Choice(plan.id, "as the test wants it", "test"), self.use
        return offer.default, self.use


async def no_sleep(_: float) -> None:
    """Lets others run instead of waiting."""
    await asyncio.sleep(0)


def policy(approval: Mapping[str, object] | None = None, **execution: object) -> Policy:
    """The shipped default, whose orders are looked at once instead of for a minute; sections changed as told."""
    shipped = load_policy(shipped_policy())
    return shipped.model_copy(
        update={
            "execution": shipped.execution.model_copy(update={"follow_seconds": 0, **execution}),
            "approval": shipped.approval.model_copy(update=dict(approval or {})),
        }
    )


@dataclass
class Office:
    """A desk's parts, kept so that a test can change and look at them."""

    ledger: Ledger
    world: World = field(default_factory=World)
    broker: FakeBroker = field(init=False)
    market_data: FakeMarketData = field(init=False)
    calendar: FakeCalendar = field(default_factory=FakeCalendar)
    signer: FakeSigner = field(default_factory=FakeSigner)
    chooser: FakeChooser = field(default_factory=FakeChooser)
    policy: Policy = field(default_factory=policy)
    trading_mode: str = "paper"
    account: str | None = None
    now: Callable[[], datetime] = real_time

    def __post_init__(self) -> None:
        self.broker = FakeBroker(self.world)
        self.market_data = FakeMarketData(self.world)

    def desk(self, owner: str = "one") -> Desk:
        """A desk of one process on the parts as they are now."""
        broker: Broker = self.broker
        market_data: MarketData = self.market_data
        calendar: Calendar = self.calendar
        signer: Signer = self.signer
        chooser: Chooser = self.chooser
        return Desk(
            policy=self.policy,
            broker=broker,
            market_data=market_data,
            calendar=calendar,
            ledger=self.ledger,
            chooser=chooser,
            signer=signer,
            sectors=SECTORS,
            trading_mode=self.trading_mode,
            owner=owner,
            account=self.account,
            sleep=no_sleep,
            now=self.now,
        )
