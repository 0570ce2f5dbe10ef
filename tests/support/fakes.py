"""In-memory parts for the desk's ports that behave: orders fill and move holdings, answers get lost, sessions end."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.desk.desk import Desk, real_time
from app.desk.journal import Call, record_call
from app.desk.ports import Broker, Calendar, Chooser, Ledger, MarketData, ModelUse, Offer, Signer
from app.domain.errors import BrokerUnavailable, InsufficientHistory
from app.domain.instrument import AssetClass, ContractRules, Instrument
from app.domain.market import PriceSeries, Quote, Session
from app.domain.order import BrokerOrder, Order, Placement, Side, Ticket, WhatIf
from app.domain.plan import Action, Choice
from app.domain.policy import Policy
from app.market.sectors import SECTORS
from tests.support.broker_model import BrokerModel, Fate, MarketModel
from tests.support.sample import default_policy
from tests.support.world import (
    PRICE,
    World,
    conid,
    symbol_of,
)

NEW_YORK = ZoneInfo("America/New_York")


# What the adapter calls at the server for each question to the broker.
TOOLS = {
    "session": "session_status",
    "portfolio": "portfolio",
    "performance": "performance",
    "cash_rows": "cash_rows",
    "preview": "preview_order",
    "place": "place_order",
    "cancel": "cancel_order",
    "report": "order_report",
    "order": "order_status",
}


@dataclass
class FakeBroker(BrokerModel):
    """The model by script. `fates` by symbol, everything else fills at the world's quote; calls are on record.

    A tool in `unreachable` does not answer.
    """

    fates: dict[str, Fate] = field(default_factory=dict)
    what_if_errors: dict[str, str] = field(default_factory=dict)
    placed: list[Ticket] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    unreachable: set[str] = field(default_factory=set)
    # Set `hold` to keep placements waiting; `placing` says that one has begun.
    hold: asyncio.Event | None = None
    placing: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.fate = lambda ticket: self.fates.get(symbol_of(ticket.conid), Fate.FILLS)
        self.pause = self._heard

    async def preview(self, account: str, order: Order, time_in_force: str) -> WhatIf:
        what_if = await super().preview(account, order, time_in_force)
        return replace(what_if, error=self.what_if_errors.get(order.instrument.symbol))

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        self.placed.append(ticket)
        self.signatures.append(signature)
        self.placing.set()
        if self.hold is not None:
            await self.hold.wait()
        return await super().place(ticket, signature)

    def fill_price(self, order: BrokerOrder) -> Decimal:
        quote = self.world.quote(symbol_of(order.conid))
        price = quote.ask if order.side is Side.BUY else quote.bid
        assert price is not None
        return price

    def appear(self, coid: str | None, symbol: str, side: Side, quantity: Decimal) -> str:
        """An order shows up in the broker's books, filled; its id."""
        order = self._add(conid(symbol), side, quantity, PRICE, coid)
        self.fill(order.order_id, quantity)
        return order.order_id

    def sent_symbols(self) -> list[tuple[str, Side]]:
        """What reached `place`, in order."""
        return [(symbol_of(ticket.conid), ticket.side) for ticket in self.placed]

    async def _heard(self, question: str) -> None:
        tool = TOOLS[question]
        if tool in self.unreachable:
            record_call(Call(tool, 0.5, "unavailable"))
            raise BrokerUnavailable(f"no answer to {tool}", "Start it")
        record_call(Call(tool, 0.5, "ok"))


@dataclass
class FakeMarketData(MarketModel):
    """The world's, on record; a name in its `missing_quotes` has no quote, one in `without_history` no closes."""

    without_history: set[str] = field(default_factory=set)

    async def instruments(
        self, symbols: Sequence[str], asset_class: AssetClass = AssetClass.STOCK
    ) -> tuple[dict[str, Instrument], dict[str, str]]:
        record_call(Call("resolve_contracts", 0.5, "ok"))
        return await super().instruments(symbols, asset_class)

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        record_call(Call("quotes", 0.5, "ok"))
        missing = {conid(symbol): reason for symbol, reason in self.world.missing_quotes.items()}
        quotes, _ = await super().quotes([number for number in conids if number not in missing])
        return quotes, {number: missing[number] for number in conids if number in missing}

    async def history(self, conid: int, before: date) -> PriceSeries:
        record_call(Call("history", 0.5, "ok"))
        if symbol_of(conid) in self.without_history:
            raise InsufficientHistory(f"conid {conid} has no close before {before}")
        return await super().history(conid, before)

    async def rules(self, conid: int, side: Side) -> ContractRules:
        record_call(Call("contract_rules", 0.5, "ok"))
        return await super().rules(conid, side)


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
        return max(0, _weekdays_until(later) - _weekdays_until(earlier))


def _weekdays_until(day: date) -> int:
    weeks, left = divmod(day.toordinal() - 1, 7)
    return 5 * weeks + min(left + 1, 5)


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
    spends: bool = False
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


MORE_SLOTS = {"afternoon": time(15, 30), "extra": time(15, 30)}


def policy(approval: Mapping[str, object] | None = None, **execution: object) -> Policy:
    """The shipped default, whose orders are looked at once instead of for a minute; sections changed as told.

    Its day has two more slots, so that a test can have a second run of one.
    """
    shipped = default_policy()
    return shipped.model_copy(
        update={
            "execution": shipped.execution.model_copy(
                update={"follow_seconds": 0, "slots": dict(MORE_SLOTS), **execution}
            ),
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
            pseudonym_key="a test's own",
            account=self.account,
            sleep=no_sleep,
            now=self.now,
        )
