"""The life of an order: previewed, placed, met by the market or not, cancelled, expired, listed."""

from decimal import Decimal

import pytest

from app.broker.paper import CommissionPlan
from app.domain.errors import BrokerUnavailable
from app.domain.market import QuoteKind
from app.domain.order import OrderState, Outcome, Side
from tests.contract.conftest import OpenVenue
from tests.contract.venue import CENT, Account, Venue

PLAN = CommissionPlan()


async def test_a_preview_tells_what_the_order_would_do_and_does_nothing(venue: Venue) -> None:
    before, limit = await venue.portfolio(), await venue.price("AAPL", Side.BUY)
    seen = await venue.preview("AAPL", Side.BUY, 10, limit)
    fee = PLAN.charge(Decimal(10), 10 * limit)
    stocks = before.nav - before.total_cash
    assert (seen.amount, seen.commission, seen.error, seen.warnings) == (10 * limit, fee, None, ())
    for found, expected in (
        (seen.equity_after, before.nav - fee),
        (seen.initial_margin_after, (stocks + 10 * limit) / 2),
        (seen.maintenance_margin_after, (stocks + 10 * limit) / 4),
    ):
        assert found is not None
        assert abs(found - expected) <= CENT
    assert await venue.portfolio() == before
    assert (await venue.broker.report(venue.account)).orders == ()
    # What was previewed can be placed, and costs what was told.
    await venue.fill("AAPL", Side.BUY, 10)
    after = await venue.portfolio()
    assert before.total_cash - after.total_cash <= 10 * limit + fee


async def test_the_preview_of_a_sale_frees_margin(open_venue: OpenVenue) -> None:
    for account_type, share in (("margin", Decimal("0.5")), ("cash", Decimal(1))):
        venue = await open_venue(account_type=account_type)
        before, limit = await venue.portfolio(), await venue.price("AAPL", Side.SELL)
        seen = await venue.preview("AAPL", Side.SELL, 10, limit)
        assert seen.initial_margin_after is not None
        stocks = before.nav - before.total_cash
        assert abs(seen.initial_margin_after - share * (stocks - 10 * limit)) <= CENT


@pytest.mark.parametrize("quantity", ["100000", "1.5"])
async def test_a_preview_of_what_cannot_be_had_says_so(venue: Venue, quantity: str) -> None:
    limit = await venue.price("AAPL", Side.BUY)
    assert (await venue.preview("AAPL", Side.BUY, quantity, limit)).error
    assert (await venue.preview("AAPL", Side.SELL, quantity, limit)).error


@pytest.mark.parametrize("side", Side)
async def test_a_marketable_order_fills_at_the_quote_and_not_at_its_limit(account: Account, side: Side) -> None:
    quote, generous = await account.quote("AAPL"), await account.price("AAPL", side, away="-0.01")
    placed = await account.send("AAPL", side, 10, generous)
    assert placed.outcome is Outcome.ACCEPTED
    order = await account.broker.order(account.account, placed.order_id or "")
    assert (order.state, order.status) == (OrderState.FILLED, "Filled")
    assert order.filled_quantity == order.quantity == 10
    assert order.average_price == (quote.ask if side is Side.BUY else quote.bid)
    assert order.limit_price == generous
    report = await account.broker.report(account.account)
    (trade,) = report.trades
    assert (trade.coid, trade.side, trade.price) == (order.coid, side, order.average_price)
    assert trade.quantity == 10
    assert trade.is_ours
    assert report.orders == (order,)


async def test_a_resting_order_is_open_until_it_is_cancelled(account: Account) -> None:
    order = await account.rest("AAPL", Side.BUY, 10)
    assert (order.state, order.status, order.average_price) == (OrderState.ACKED, "Submitted", None)
    assert order.filled_quantity == 0
    assert (await account.portfolio()).orders == (order,)
    assert await account.broker.cancel(account.account, order.order_id) == "requested"
    cancelled = await account.broker.order(account.account, order.order_id)
    assert (cancelled.state, cancelled.status) == (OrderState.CANCELLED, "Cancelled")
    assert await account.broker.cancel(account.account, order.order_id) == "refused"
    assert (await account.broker.report(account.account)).trades == ()


async def test_a_resting_order_fills_when_the_market_comes_to_it(venue: Venue) -> None:
    order = await venue.rest("AMD", Side.BUY, 10, away="0.0005")
    assert order.limit_price is not None
    for _ in range(60):
        await venue.exchange.move(advance_seconds=300)
        order = await venue.broker.order(venue.account, order.order_id)
        if order.state is not OrderState.ACKED:
            break
    assert order.state is OrderState.FILLED
    assert order.average_price is not None
    assert order.limit_price is not None
    assert order.average_price <= order.limit_price


async def test_a_filled_order_cannot_be_cancelled(account: Account) -> None:
    order = await account.fill("AAPL", Side.SELL, 3)
    assert await account.broker.cancel(account.account, order.order_id) == "refused"
    assert (await account.broker.order(account.account, order.order_id)).state is OrderState.FILLED


async def test_the_rest_of_a_partly_filled_order_can_be_cancelled(account: Account) -> None:
    await account.fill_half("AAPL", 10)
    order = await account.rest("AAPL", Side.SELL, 10, away="0")
    assert order.state is OrderState.PARTIAL
    assert order.filled_quantity == 5
    assert await account.broker.cancel(account.account, order.order_id) == "requested"
    cancelled = await account.broker.order(account.account, order.order_id)
    assert cancelled.state is OrderState.CANCELLED
    assert cancelled.filled_quantity == 5


@pytest.mark.parametrize("coid", [None, "another-program"])
async def test_somebody_elses_order_is_listed_and_not_cancelled(account: Account, coid: str | None) -> None:
    limit = await account.price("KO", Side.BUY, away="0.02")
    number = await account.trade_elsewhere("KO", Side.BUY, 7, limit, coid)
    assert await account.broker.cancel(account.account, number) == "refused"
    ours = await account.fill("AAPL", Side.BUY, 1)
    report = await account.broker.report(account.account)
    theirs = next(order for order in report.orders if order.order_id == number)
    assert (theirs.is_open, theirs.is_ours, theirs.coid) == (True, False, coid)
    assert (theirs.limit_price, theirs.side) == (limit, Side.BUY)
    assert theirs.quantity == 7
    assert report.find(ours.coid or "") == ours
    assert {order.order_id for order in (await account.portfolio()).orders} == {number, ours.order_id}


async def test_somebody_elses_execution_is_listed(account: Account) -> None:
    await account.trade_elsewhere("KO", Side.SELL, 7)
    (trade,) = (await account.broker.report(account.account)).trades
    assert (trade.side, trade.coid, trade.is_ours) == (Side.SELL, None, False)
    assert trade.quantity == 7


async def test_nothing_is_cancelled_at_another_account_or_by_another_name(venue: Venue) -> None:
    order = await venue.rest("AAPL", Side.BUY, 10)
    assert await venue.broker.cancel("DU0000001", order.order_id) == "refused"
    for name in ("-1", "", "0", "99999", order.coid or ""):
        assert await venue.broker.cancel(venue.account, name) == "refused"
    assert (await venue.broker.order(venue.account, order.order_id)).is_open


async def test_an_order_that_nobody_knows_has_no_status(account: Account) -> None:
    with pytest.raises(BrokerUnavailable):
        await account.broker.order(account.account, "99999")


async def test_a_day_order_ends_with_its_day(venue: Venue) -> None:
    order = await venue.rest("AAPL", Side.BUY, 10, away="0.029")
    await venue.halt("AAPL")
    await venue.exchange.move(to="2022-03-14T19:59:00Z")
    assert (await venue.broker.order(venue.account, order.order_id)).is_open
    await venue.exchange.move(to="2022-03-14T20:00:00Z")
    ended = await venue.broker.order(venue.account, order.order_id)
    assert ended.state is OrderState.CANCELLED
    assert ended.filled_quantity == 0
    assert await venue.broker.cancel(venue.account, order.order_id) == "refused"
    # The next day's list begins anew.
    await venue.exchange.move(next_session=True)
    assert (await venue.broker.report(venue.account)).orders == ()
    with pytest.raises(BrokerUnavailable):
        await venue.broker.order(venue.account, order.order_id)


async def test_an_order_of_yesterday_that_nobody_looked_at_is_gone_this_morning(venue: Venue) -> None:
    await venue.halt("AAPL")
    await venue.send("AAPL", Side.SELL, 10, await _last(venue, "AAPL"))
    await venue.exchange.move(to="2022-03-15T15:00:00Z")
    assert (await venue.broker.report(venue.account)).orders == ()
    assert (await venue.portfolio()).orders == ()


async def test_an_order_outside_the_hours_rests_until_the_opening(venue: Venue) -> None:
    await venue.exchange.move(to="2022-03-14T22:00:00Z")
    last = await _last(venue, "AAPL")
    placed = await venue.send("AAPL", Side.SELL, 10, (last * Decimal("0.975")).quantize(CENT))
    assert placed.outcome is Outcome.ACCEPTED
    order = await venue.broker.order(venue.account, placed.order_id or "")
    assert (order.status, order.state) == ("PreSubmitted", OrderState.ACKED)
    await venue.exchange.move(to="2022-03-15T13:00:00Z")
    assert (await venue.broker.order(venue.account, order.order_id)).status == "PreSubmitted"
    await venue.exchange.move(to="2022-03-15T13:35:00Z")
    filled = await venue.broker.order(venue.account, order.order_id)
    assert filled.state is OrderState.FILLED
    assert filled.average_price is not None
    assert filled.average_price >= (order.limit_price or 0)


async def _last(venue: Venue, symbol: str) -> Decimal:
    last = (await venue.quote(symbol)).last
    assert last is not None
    return last.quantize(CENT)


async def test_a_halted_name_takes_orders_and_fills_none(venue: Venue) -> None:
    limit = await venue.price("AAPL", Side.SELL)
    await venue.halt("AAPL")
    assert (await venue.quote("AAPL")).kind is QuoteKind.HALTED
    placed = await venue.send("AAPL", Side.SELL, 10, limit)
    assert placed.outcome is Outcome.ACCEPTED
    await venue.exchange.move(advance_seconds=60)
    assert (await venue.broker.order(venue.account, placed.order_id or "")).state is OrderState.ACKED
    # Valued at its last price nevertheless.
    assert (await venue.portfolio()).position(venue.conid("AAPL")) is not None
    await venue.halt()
    await venue.exchange.move(advance_seconds=60)
    if await venue.price("AAPL", Side.SELL) >= limit:
        assert (await venue.broker.order(venue.account, placed.order_id or "")).state is OrderState.FILLED


async def test_more_than_is_held_is_not_sold(venue: Venue) -> None:
    held = int((await venue.portfolio()).held(venue.conid("AAPL")))
    limit = await venue.price("AAPL", Side.SELL)
    assert (await venue.send("AAPL", Side.SELL, held + 1, limit)).outcome is Outcome.REFUSED
    assert (await venue.send("AMD", Side.SELL, 1, await venue.price("AMD", Side.SELL))).outcome is Outcome.REFUSED
    resting = await venue.rest("AAPL", Side.SELL, held - 1)
    assert (await venue.send("AAPL", Side.SELL, 2, limit)).outcome is Outcome.REFUSED
    await venue.broker.cancel(venue.account, resting.order_id)
    assert (await venue.broker.order(venue.account, resting.order_id)).state is OrderState.CANCELLED
    await venue.fill("AAPL", Side.SELL, held)


async def test_what_another_program_sells_is_not_sold_twice(venue: Venue) -> None:
    held = int((await venue.portfolio()).held(venue.conid("AAPL")))
    await venue.trade_elsewhere("AAPL", Side.SELL, held, await venue.price("AAPL", Side.SELL, away="0.02"))
    limit = await venue.price("AAPL", Side.SELL)
    assert (await venue.send("AAPL", Side.SELL, 1, limit)).outcome is Outcome.REJECTED


@pytest.mark.parametrize("account_type", ["margin", "cash"])
async def test_a_purchase_beyond_the_means_is_rejected_and_changes_nothing(
    open_venue: OpenVenue, account_type: str
) -> None:
    venue = await open_venue(account_type=account_type)
    before, limit = await venue.portfolio(), await venue.price("KO", Side.BUY)
    most = int((before.buying_power or Decimal(0)) / limit)
    placed = await venue.send("KO", Side.BUY, most + 1, limit)
    assert (placed.outcome, placed.order_id) == (Outcome.REJECTED, None)
    assert placed.message
    assert await venue.portfolio() == before
    assert (await venue.broker.report(venue.account)).trades == ()


@pytest.mark.parametrize("account_type", ["margin", "cash"])
async def test_open_purchases_are_paid_for_already(open_venue: OpenVenue, account_type: str) -> None:
    venue = await open_venue(account_type=account_type)
    limit = await venue.price("KO", Side.BUY, away="0.02")
    most = int(((await venue.portfolio()).buying_power or Decimal(0)) / limit)
    await venue.rest("KO", Side.BUY, most * 2 // 3)
    assert (await venue.send("KO", Side.BUY, most // 2, limit)).outcome is Outcome.REJECTED


async def test_of_an_open_purchase_only_the_rest_is_still_to_be_paid(open_venue: OpenVenue) -> None:
    venue = await open_venue(holdings=[], starting_capital=50_000, account_type="cash")
    limit = await venue.price("KO", Side.BUY)
    whole = int(50_000 / limit) - 10
    await venue.fill_half("KO", whole)
    assert (await venue.rest("KO", Side.BUY, whole, away="0")).state is OrderState.PARTIAL
    assert (await venue.send("KO", Side.BUY, 2, limit)).outcome is Outcome.ACCEPTED


async def test_the_commission_too_must_be_paid_for(open_venue: OpenVenue) -> None:
    venue = await open_venue(holdings=[], starting_capital=50_000, account_type="cash")
    limit = await venue.price("KO", Side.BUY)
    whole = int(50_000 / limit)
    await venue.deposit(whole * limit - 50_000)
    assert (await venue.send("KO", Side.BUY, whole, limit)).outcome is Outcome.REJECTED
    await venue.deposit(PLAN.charge(Decimal(whole), whole * limit))
    assert (await venue.send("KO", Side.BUY, whole, limit)).outcome is Outcome.ACCEPTED
    assert (await venue.portfolio()).total_cash >= 0


async def test_a_cash_account_spends_the_proceeds_of_a_sale_tomorrow(open_venue: OpenVenue) -> None:
    venue = await open_venue(account_type="cash")
    held = int((await venue.portfolio()).held(venue.conid("AAPL")))
    await venue.fill("AAPL", Side.SELL, held)
    portfolio, limit = await venue.portfolio(), await venue.price("KO", Side.BUY)
    quantity = int(portfolio.total_cash / limit) - 10
    assert quantity * limit > portfolio.cash[0].settled_cash
    assert (await venue.send("KO", Side.BUY, quantity, limit)).outcome is Outcome.REJECTED
    await venue.exchange.move(next_session=True)
    placed = await venue.send("KO", Side.BUY, quantity * 9 // 10, await venue.price("KO", Side.BUY))
    assert placed.outcome is Outcome.ACCEPTED


async def test_a_price_off_the_grid_is_not_sent(venue: Venue) -> None:
    off = await venue.price("AAPL", Side.BUY) + Decimal("0.005")
    assert (await venue.send("AAPL", Side.BUY, 1, off)).outcome is Outcome.REFUSED
    assert (await venue.preview("AAPL", Side.BUY, 1, off)).error
    assert (await venue.broker.report(venue.account)).orders == ()
