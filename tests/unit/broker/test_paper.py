"""What only a paper account shows: what it fills at, what it refuses to make up, and that its book is all there is."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from app.broker.paper import CommissionPlan, PaperBook, PaperBroker, opened
from app.broker.paper.book import Cash, Holding
from app.broker.paper.matching import moment_at
from app.broker.signing import HmacSigner
from app.domain.errors import BrokerUnavailable, DataError, UsageError
from app.domain.instrument import ContractRules, Instrument
from app.domain.market import Quote, QuoteKind
from app.domain.order import BrokerOrder, Order, OrderState, Outcome, Placement, Side, Ticket, WhatIf
from tests.support.fakes import FakeCalendar, FakeMarketData
from tests.support.world import ACCOUNT, OPENING, PRICE, SPREAD, TODAY, World, conid, instrument

SECONDS = 1_700_000_000.0
SIGNER = HmacSigner("key-of-the-paper-test")
EURO = Instrument(77, "SAP", "EUR")
LISTED = (instrument("KO"), instrument("PEP"), instrument("VIX"), EURO)


@dataclass
class Market(FakeMarketData):
    """The world's quotes but for those that a test changes or takes away."""

    changes: dict[str, object] = field(default_factory=dict)
    down: bool = False

    async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
        if self.down:
            raise BrokerUnavailable("no market data today")
        quotes, missing = await super().quotes([number for number in conids if number != EURO.conid])
        if EURO.conid in conids:
            quotes[EURO.conid] = replace(self.world.quote("KO"), conid=EURO.conid)
        changed = {n: replace(q, **self.changes) for n, q in quotes.items()}  # type: ignore[arg-type]  # by name
        return changed, missing


@dataclass
class Hand:
    """The market's clock and the machine's seconds, which go when they are told to."""

    at: datetime = OPENING
    seconds: float = SECONDS

    def now(self) -> datetime:
        return self.at


@dataclass
class Place:
    """A paper broker and what surrounds it."""

    broker: PaperBroker
    market: Market
    clock: Hand
    sent: int = 0

    async def send(self, symbol: str, side: Side, quantity: int, limit: str, **changes: object) -> Placement:
        self.sent += 1
        ticket = Ticket(
            account=ACCOUNT,
            conid=conid(symbol),
            side=side,
            quantity=Decimal(quantity),
            limit_price=Decimal(limit),
            time_in_force="DAY",
            coid=f"PM{self.sent:020d}",
            run_id="run",
            policy_hash="hash",
            expires=int(self.clock.seconds) + 60,
        )
        ticket = replace(ticket, **changes)  # type: ignore[arg-type]  # fields by name
        return await self.broker.place(ticket, SIGNER.sign(ticket))

    async def order(self, placed: Placement) -> BrokerOrder:
        assert placed.order_id is not None, placed
        return await self.broker.order(ACCOUNT, placed.order_id)


def book_of(**changes: object) -> PaperBook:
    """100 shares of KO and 10,000 dollars on margin."""
    base = PaperBook(
        account=ACCOUNT,
        currency="USD",
        session_date=TODAY,
        day=TODAY,
        cash=(Cash(currency="USD", amount=Decimal(10_000)),),
        holdings=(Holding(instrument=instrument("KO"), quantity=Decimal(100), average_cost=PRICE, price=PRICE),),
    )
    return PaperBook.model_validate({**base.model_dump(), **changes})


def place_with(book: PaperBook, market: Market | None = None, listed: Sequence[Instrument] = LISTED) -> Place:
    market, clock = market or Market(World()), Hand()
    broker = PaperBroker(book, market, clock, FakeCalendar(), SIGNER, listed, seconds=lambda: clock.seconds)
    return Place(broker, market, clock)


def place_of(**changes: object) -> Place:
    return place_with(book_of(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": QuoteKind.FROZEN},
        {"kind": QuoteKind.PREVIOUS_CLOSE},
        {"kind": QuoteKind.HALTED},
        {"ask": None},
        {"bid": None},
        {"bid": Decimal(101), "ask": Decimal(100)},
        {"as_of": OPENING - timedelta(days=1)},
    ],
    ids=str,
)
async def test_a_quote_that_nobody_stands_by_fills_nothing(changes: dict[str, object]) -> None:
    place = place_of()
    place.market.changes = changes
    placed = await place.send("KO", Side.BUY, 5, "110")
    assert (await place.order(placed)).state is OrderState.ACKED
    place.market.changes = {}
    filled = await place.order(placed)
    assert (filled.state, filled.average_price) == (OrderState.FILLED, PRICE + SPREAD)


async def test_without_a_quote_nothing_fills_and_what_is_held_keeps_its_last_price() -> None:
    place = place_of()
    place.market.world.missing_quotes["KO"] = "no market data"
    placed = await place.send("KO", Side.SELL, 5, "90")
    assert (await place.order(placed)).filled_quantity == 0
    portfolio = await place.broker.portfolio(ACCOUNT)
    assert (portfolio.positions[0].price, portfolio.nav) == (PRICE, Decimal(20_000))


async def test_a_delayed_quote_fills_on_paper() -> None:
    place = place_of()
    place.market.changes = {"kind": QuoteKind.DELAYED}
    assert (await place.order(await place.send("KO", Side.BUY, 5, "110"))).state is OrderState.FILLED


async def test_market_data_that_is_down_leaves_no_account_to_read_and_sends_nothing() -> None:
    place = place_of()
    place.market.down = True
    for read in (place.broker.portfolio, place.broker.report, place.broker.performance):
        with pytest.raises(BrokerUnavailable, match="no market data"):
            await read(ACCOUNT)
    assert (await place.send("KO", Side.SELL, 5, "90")).outcome is Outcome.REFUSED
    assert await place.broker.cancel(ACCOUNT, "1") == "unknown"
    place.market.down = False
    assert (await place.broker.report(ACCOUNT)).orders == ()


async def test_a_session_fills_no_more_than_its_part_of_the_volume() -> None:
    # A millionth of five million shares a day.
    place = place_of(participation=Decimal("0.000001"))
    first = await place.send("KO", Side.SELL, 3, "90")
    second = await place.send("KO", Side.SELL, 4, "90")
    assert (await place.order(first)).state is OrderState.FILLED
    partly = await place.order(second)
    assert (partly.state, partly.filled_quantity) == (OrderState.PARTIAL, Decimal(2))
    place.market.changes = {"average_volume": None}
    assert (await place.order(second)).state is OrderState.FILLED


async def test_only_what_is_listed_or_held_is_traded_and_no_index() -> None:
    place = place_of()
    for symbol in ("AAPL", "VIX"):
        assert (await place.send(symbol, Side.BUY, 1, "110")).outcome is Outcome.REFUSED
    place = place_with(book_of(), listed=())
    assert (await place.send("KO", Side.SELL, 1, "90")).outcome is Outcome.ACCEPTED


async def test_a_ticket_is_forgotten_once_it_has_expired_and_its_order_id_after_a_day() -> None:
    place = place_of()
    await place.send("KO", Side.BUY, 1, "110")
    for later, outcome in (
        (timedelta(), Outcome.ALREADY_REGISTERED),
        (timedelta(hours=23), Outcome.ALREADY_REGISTERED),
        (timedelta(hours=24), Outcome.ACCEPTED),
    ):
        place.sent, place.clock.at, place.clock.seconds = 0, OPENING + later, SECONDS + later.total_seconds()
        assert (await place.send("KO", Side.BUY, 1, "110")).outcome is outcome
    assert len(place.broker.book.used_tickets) == 1


async def test_a_ticket_ends_in_the_second_it_names_also_while_the_market_is_read() -> None:
    class Slow(Market):
        async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
            place.clock.seconds += 5
            return await super().quotes(conids)

    place = place_with(book_of(), Slow(World()))
    for lives, outcome in ((6, Outcome.ACCEPTED), (5, Outcome.REFUSED), (0, Outcome.REFUSED)):
        expires = int(place.clock.seconds) + lives
        assert (await place.send("KO", Side.BUY, 1, "110", expires=expires)).outcome is outcome
    assert len((await place.broker.report(ACCOUNT)).orders) == 1


async def test_a_ticket_stays_used_whatever_else_is_read_meanwhile() -> None:
    class Yielding(Market):
        async def quotes(self, conids: Sequence[int]) -> tuple[dict[int, Quote], dict[int, str]]:
            await asyncio.sleep(0)
            return await super().quotes(conids)

    place = place_with(book_of(), Yielding(World()))
    read, refused = await asyncio.gather(place.broker.portfolio(ACCOUNT), place.send("KO", Side.SELL, 101, "90"))
    assert read.positions[0].quantity == 100
    assert refused.outcome is Outcome.REFUSED
    place.sent = 0
    assert (await place.send("KO", Side.SELL, 5, "90")).outcome is Outcome.ALREADY_REGISTERED


async def test_what_a_broker_saved_another_goes_on_with() -> None:
    place = place_of()
    await place.send("KO", Side.SELL, 7, "90")
    resting = await place.send("KO", Side.SELL, 7, "120")
    saved = place.broker.book.model_dump_json()
    again = place_with(PaperBook.model_validate_json(saved))
    assert again.broker.book == place.broker.book
    assert await again.order(resting) == await place.order(resting)
    assert await again.broker.cancel(ACCOUNT, resting.order_id or "") == "requested"
    assert again.broker.book.model_dump_json() != saved == place.broker.book.model_dump_json()


async def test_the_same_calls_make_the_same_book() -> None:
    books = []
    for _ in range(2):
        place = place_of()
        place.market.changes = {"as_of": OPENING}
        await place.send("KO", Side.SELL, 7, "90")
        place.clock.at += timedelta(hours=1)
        await place.send("PEP", Side.BUY, 7, "110")
        await place.broker.pay_dividend(conid("KO"), Decimal("0.5"))
        books.append(place.broker.book.model_dump_json())
    assert books[0] == books[1]


async def test_a_day_without_a_close_of_every_holding_has_no_value() -> None:
    place = place_of()
    place.market.without_history.add("KO")
    place.clock.at += timedelta(days=1)
    assert await place.broker.performance(ACCOUNT) == ()
    moneyed = place_of(holdings=())
    moneyed.clock.at += timedelta(days=7)
    values = await moneyed.broker.performance(ACCOUNT)
    assert [nav for _, nav in values] == [Decimal(10_000)] * 5
    assert [day for day, _ in values] == [TODAY + timedelta(days=n) for n in range(5)]


async def test_a_cash_account_pays_in_the_instruments_own_currency() -> None:
    place = place_of(account_type="cash", holdings=())
    order = {"conid": EURO.conid}
    wanted = Order(EURO, Side.BUY, Decimal(5), PRICE, "test: asked for", limit_price=PRICE)
    seen = await place.broker.preview(ACCOUNT, wanted, "DAY")
    assert seen == WhatIf(None, None, None, None, None, error="the paper account has no exchange rate from EUR to USD")
    refused = await place.send("KO", Side.BUY, 5, "110", **order)
    assert (refused.outcome, refused.message) == (
        Outcome.REJECTED,
        "the paper account has no exchange rate from EUR to USD",
    )
    await place.broker.set_rate("EUR", Decimal("1.10"))
    assert (await place.send("KO", Side.BUY, 5, "110", **order)).outcome is Outcome.REJECTED
    await place.broker.pay("EUR", Decimal(1000))
    assert (await place.order(await place.send("KO", Side.BUY, 5, "110", **order))).state is OrderState.FILLED
    portfolio = await place.broker.portfolio(ACCOUNT)
    euros = next(one for one in portfolio.cash if one.currency == "EUR")
    spent = 5 * (PRICE + SPREAD) + CommissionPlan().charge(Decimal(5), 5 * (PRICE + SPREAD))
    assert (euros.cash, euros.exchange_rate) == (1000 - spent, Decimal("1.10"))
    assert portfolio.nav == 10_000 + Decimal("1.10") * (euros.cash + 5 * PRICE)


async def test_a_margin_account_borrows_what_it_is_told_the_worth_of() -> None:
    place = place_of()
    assert (await place.send("KO", Side.BUY, 5, "110", conid=EURO.conid)).outcome is Outcome.REJECTED
    await place.broker.set_rate("EUR", Decimal("1.10"))
    assert (await place.send("KO", Side.BUY, 5, "110", conid=EURO.conid)).outcome is Outcome.ACCEPTED
    portfolio = await place.broker.portfolio(ACCOUNT)
    assert portfolio.nav == portfolio.broker_net_liquidation
    assert next(one for one in portfolio.cash if one.currency == "EUR").cash < 0


async def test_a_split_ends_the_orders_that_were_priced_in_old_shares_and_no_others() -> None:
    place = place_of()
    old, other = await place.send("KO", Side.SELL, 5, "120"), await place.send("PEP", Side.BUY, 5, "90")
    await place.broker.split(conid("KO"), Decimal(2), PRICE / 2)
    assert (await place.order(old)).state is OrderState.CANCELLED
    assert (await place.order(other)).is_open


async def test_what_was_sold_whole_is_forgotten_in_the_next_session() -> None:
    place = place_of()
    await place.send("KO", Side.SELL, 100, "90")
    assert [one.quantity for one in place.broker.book.holdings] == [Decimal(0)]
    place.clock.at += timedelta(days=1)
    await place.broker.portfolio(ACCOUNT)
    assert place.broker.book.holdings == ()


async def test_rates_payments_and_splits_that_are_none_are_refused() -> None:
    place = place_of()
    for currency, rate in (("EUR", "0"), ("EUR", "-1"), ("USD", "1.1")):
        with pytest.raises(UsageError, match="no rate"):
            await place.broker.set_rate(currency, Decimal(rate))
    with pytest.raises(DataError, match="no cash in EUR"):
        await place.broker.pay("EUR", Decimal(1))
    with pytest.raises(UsageError, match="split"):
        await place.broker.split(conid("KO"), Decimal(0), PRICE)


async def test_a_preview_is_for_a_day_and_a_limit() -> None:
    place = place_of()
    order = Order(instrument("KO"), Side.BUY, Decimal(1), PRICE, "test: asked for")
    with pytest.raises(UsageError, match="limit price"):
        await place.broker.preview(ACCOUNT, order, "DAY")
    with pytest.raises(UsageError, match="day"):
        await place.broker.preview(ACCOUNT, replace(order, limit_price=PRICE), "GTC")


async def test_what_the_account_may_not_trade_is_refused_and_its_preview_says_why() -> None:
    class Barred(Market):
        async def rules(self, conid: int, side: Side) -> ContractRules:
            raise DataError("the account may not trade it")

    place = place_with(book_of(), Barred(World()))
    assert (await place.send("KO", Side.SELL, 1, "90")).outcome is Outcome.REFUSED
    wanted = Order(instrument("KO"), Side.SELL, Decimal(1), PRICE, "test: asked for", limit_price=PRICE)
    assert (await place.broker.preview(ACCOUNT, wanted, "DAY")).error == "the account may not trade it"


@pytest.mark.parametrize(
    "changes",
    [
        {"cash": ()},
        {"cash": ({"currency": "USD", "amount": "1"}, {"currency": "USD", "amount": "1"})},
        {"cash": ({"currency": "EUR", "amount": "1"},)},
        {"holdings": ({"instrument": EURO, "quantity": "1", "average_cost": "1", "price": "1"},)},
        {"holdings": ({"instrument": instrument("KO"), "quantity": "-1", "average_cost": "1", "price": "1"},)},
        {"participation": "0"},
        {"version": 2},
    ],
    ids=str,
)
def test_a_book_that_cannot_be_is_not_loaded(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        book_of(**changes)


async def test_an_account_opens_with_what_another_holds() -> None:
    place = place_of()
    portfolio = await place.broker.portfolio(ACCOUNT)
    past = ((TODAY - timedelta(days=3), Decimal(19_000)),)
    known = (*past, (TODAY, Decimal(20_000)))
    book = opened(portfolio, TODAY, account="DU0000009", closes=known, participation=Decimal("0.01"))
    other = place_with(book).broker
    assert (await other.session()).accounts == ("DU0000009",)
    assert await other.performance("DU0000009") == past
    taken = await other.portfolio("DU0000009")
    assert (taken.positions, taken.cash) == (portfolio.positions, portfolio.cash)


def test_a_calendar_without_a_session_is_said_so() -> None:
    closed = FakeCalendar({TODAY + timedelta(days=n) for n in range(30)})
    with pytest.raises(DataError, match="no session within"):
        moment_at(closed, datetime(2022, 3, 14, 15, tzinfo=UTC))
