"""What an account holds, is worth and was worth, and how each thing that happens to it changes that."""

from decimal import Decimal

import pytest

from app.broker.paper import CommissionPlan
from app.domain.errors import BrokerUnavailable
from app.domain.order import Side
from app.domain.portfolio import Portfolio, Position
from app.domain.session import SessionState
from tests.contract.conftest import OpenVenue
from tests.contract.venue import CENT, Venue

PLAN = CommissionPlan()
STRANGER = "DU0000001"


def cash(portfolio: Portfolio) -> Decimal:
    (balance,) = portfolio.cash
    assert balance.currency == portfolio.currency == "USD"
    return balance.cash


def settled(portfolio: Portfolio) -> Decimal:
    return portfolio.cash[0].settled_cash


def held(portfolio: Portfolio, venue: Venue, symbol: str) -> Position:
    position = portfolio.position(venue.conid(symbol))
    assert position is not None
    return position


async def test_the_session_is_ready_on_a_paper_account_at_the_markets_time(venue: Venue) -> None:
    session = await venue.broker.session()
    assert (session.state, session.remedy, session.paper) == (SessionState.READY, None, True)
    assert session.accounts == (venue.account,)
    assert session.trading_mode == "paper"
    assert abs((session.now - venue.exchange.now).total_seconds()) < 60
    assert session.simulation is not None


async def test_reads_of_another_account_are_refused(venue: Venue) -> None:
    for read in (venue.broker.portfolio, venue.broker.performance, venue.broker.report):
        with pytest.raises(BrokerUnavailable, match="account"):
            await read(STRANGER)
    with pytest.raises(BrokerUnavailable, match="account"):
        await venue.broker.order(STRANGER, "1")


async def test_an_account_with_money_alone_has_no_positions_and_no_profit(open_venue: OpenVenue) -> None:
    venue = await open_venue(holdings=[], starting_capital=10_000)
    portfolio = await venue.portfolio()
    assert (portfolio.positions, portfolio.orders) == ((), ())
    assert cash(portfolio) == settled(portfolio) == portfolio.nav == portfolio.broker_net_liquidation == 10_000
    assert portfolio.available_funds == 10_000
    assert portfolio.buying_power == 20_000
    assert portfolio.unrealized_pnl == portfolio.realized_pnl == 0
    assert (await venue.broker.report(venue.account)).orders == ()


async def test_a_full_account_is_worth_its_cash_and_positions(venue: Venue) -> None:
    portfolio = await venue.portfolio()
    assert len(portfolio.positions) == 12
    assert portfolio.broker_net_liquidation is not None
    assert abs(portfolio.nav - portfolio.broker_net_liquidation) <= CENT
    apple, quote = held(portfolio, venue, "AAPL"), await venue.quote("AAPL")
    assert apple.price == quote.last
    assert (apple.instrument.symbol, apple.instrument.currency) == ("AAPL", "USD")
    stocks = portfolio.nav - portfolio.total_cash
    assert abs(portfolio.available_funds - (portfolio.nav - stocks / 2)) <= CENT
    assert portfolio.buying_power is not None
    assert abs(portfolio.buying_power - 2 * portfolio.available_funds) <= 2 * CENT


async def test_a_purchase_takes_cash_and_commission_and_moves_the_average_cost(venue: Venue) -> None:
    before = await venue.portfolio()
    order = await venue.fill("AAPL", Side.BUY, 30)
    after = await venue.portfolio()
    price, old, new = order.average_price, held(before, venue, "AAPL"), held(after, venue, "AAPL")
    assert price is not None
    assert new.quantity == old.quantity + 30
    cost = (old.quantity * old.average_cost + 30 * price) / new.quantity
    assert new.average_cost == pytest.approx(cost, rel=Decimal("1e-12"))
    assert new.realized_pnl == 0
    assert cash(before) - cash(after) == 30 * price + PLAN.charge(Decimal(30), 30 * price)
    # What was paid is gone at once, settled or not.
    assert settled(before) - settled(after) == cash(before) - cash(after)


async def test_a_sale_of_a_part_keeps_the_average_cost_and_realises_a_profit(venue: Venue) -> None:
    before = await venue.portfolio()
    order = await venue.fill("XOM", Side.SELL, 20)
    after = await venue.portfolio()
    price, old, new = order.average_price, held(before, venue, "XOM"), held(after, venue, "XOM")
    assert price is not None
    assert (new.quantity, new.average_cost) == (old.quantity - 20, old.average_cost)
    assert new.realized_pnl == pytest.approx(20 * (price - old.average_cost), abs=Decimal("1e-9"))
    assert cash(after) - cash(before) == 20 * price - PLAN.charge(Decimal(20), 20 * price)
    assert settled(after) == settled(before)


async def test_a_position_that_is_sold_whole_is_gone(venue: Venue) -> None:
    quantity = held(await venue.portfolio(), venue, "KO").quantity
    await venue.fill("KO", Side.SELL, int(quantity))
    after = await venue.portfolio()
    assert after.position(venue.conid("KO")) is None
    assert after.held(venue.conid("KO")) == 0
    await venue.fill("KO", Side.BUY, 5)
    anew = held(await venue.portfolio(), venue, "KO")
    assert anew.quantity == 5
    assert anew.average_cost == (await venue.quote("KO")).ask


async def test_the_proceeds_of_a_sale_are_settled_in_the_next_session(venue: Venue) -> None:
    await venue.fill("XOM", Side.SELL, 20)
    sold = await venue.portfolio()
    assert settled(sold) < cash(sold)
    await venue.exchange.move(advance_seconds=3600)
    assert settled(await venue.portfolio()) == settled(sold)
    await venue.exchange.move(next_session=True)
    later = await venue.portfolio()
    assert settled(later) == cash(later) == cash(sold)


@pytest.mark.parametrize(("quantity", "charge"), [(50, "1.00"), (201, "1.01"), (1000, "5.00")])
async def test_the_commission_is_half_a_cent_a_share_and_at_least_a_dollar(
    open_venue: OpenVenue, quantity: int, charge: str
) -> None:
    venue = await open_venue(holdings=[], starting_capital=10_000_000)
    order = await venue.fill("AMD", Side.BUY, quantity)
    (trade,) = (await venue.broker.report(venue.account)).trades
    assert (trade.order_id, trade.commission) == (order.order_id, Decimal(charge))


async def test_a_commission_is_never_more_than_a_hundredth_of_the_value(open_venue: OpenVenue) -> None:
    venue = await open_venue(holdings=[], starting_capital=10_000)
    order = await venue.fill("AMD", Side.BUY, 1)
    assert order.average_price is not None
    assert order.average_price < 100
    (trade,) = (await venue.broker.report(venue.account)).trades
    assert trade.commission == PLAN.charge(Decimal(1), order.average_price) < 1


async def test_an_order_that_fills_in_parts_pays_one_orders_commission(open_venue: OpenVenue) -> None:
    venue = await open_venue(holdings=[], starting_capital=1_000_000)
    await venue.fill_half("KO", 100)
    order = await venue.rest("KO", Side.BUY, 100, away="-0.02")
    assert order.status == "Submitted"
    (trade,) = (await venue.broker.report(venue.account)).trades
    assert order.filled_quantity == trade.quantity == 50
    assert trade.commission == 1
    portfolio = await venue.portfolio()
    assert portfolio.held(venue.conid("KO")) == 50
    assert portfolio.open_buys == 50 * (order.limit_price or 0)
    await venue.fill_rest()
    trades = (await venue.broker.report(venue.account)).trades
    assert [trade.quantity for trade in trades] == [50, 50]
    assert sum(trade.commission or 0 for trade in trades) == 1


async def test_a_dividend_is_cash_and_nothing_else(venue: Venue) -> None:
    before = await venue.portfolio()
    await venue.pay_dividend("KO", Decimal("0.37"))
    after = await venue.portfolio()
    paid = held(before, venue, "KO").quantity * Decimal("0.37")
    assert cash(after) - cash(before) == settled(after) - settled(before) == paid
    assert after.positions == before.positions
    assert after.nav - before.nav == paid


async def test_a_dividend_of_a_name_that_is_not_held_pays_nothing(venue: Venue) -> None:
    before = await venue.portfolio()
    await venue.pay_dividend("AMD", Decimal(1))
    assert cash(await venue.portfolio()) == cash(before)


async def test_a_deposit_is_spendable_at_once(venue: Venue) -> None:
    before = await venue.portfolio()
    await venue.deposit(Decimal("1234.56"))
    after = await venue.portfolio()
    assert cash(after) - cash(before) == settled(after) - settled(before) == Decimal("1234.56")


@pytest.mark.parametrize("ratio", ["4", "0.3"])
async def test_a_split_changes_the_count_and_not_the_value(venue: Venue, ratio: str) -> None:
    before = held(await venue.portfolio(), venue, "AAPL")
    resting = await venue.rest("AAPL", Side.SELL, 1)
    await venue.split_overnight("AAPL", Decimal(ratio))
    portfolio = await venue.portfolio()
    after, old = held(portfolio, venue, "AAPL"), before.quantity * before.average_cost
    exact = before.quantity * Decimal(ratio)
    assert after.quantity == int(exact)
    assert after.average_cost == pytest.approx(before.average_cost / Decimal(ratio), rel=Decimal("1e-9"))
    assert after.quantity * after.average_cost <= old + CENT
    quote = await venue.quote("AAPL")
    assert quote.prior_close is not None
    fraction = (exact - after.quantity) * quote.prior_close
    assert abs(cash(portfolio) - cash(await _before(venue)) - fraction) <= CENT
    assert all(order.order_id != resting.order_id or not order.is_open for order in portfolio.orders)


async def _before(venue: Venue) -> Portfolio:
    await venue.exchange.post("reset", {})
    return await venue.exchange.broker.portfolio(venue.account)


async def test_performance_excludes_today_and_knows_yesterday_tomorrow(venue: Venue) -> None:
    first = await venue.broker.performance(venue.account)
    today = venue.exchange.now.date()
    assert len(first) > 200
    assert [day for day, _ in first] == sorted({day for day, _ in first})
    assert first[-1][0] < today
    await venue.fill("AAPL", Side.BUY, 10)
    # The evening: the day's close is known, and still it is today's.
    await venue.exchange.move(to="2022-03-14T20:30:00Z")
    close = (await venue.portfolio()).nav
    assert await venue.broker.performance(venue.account) == first
    await venue.exchange.move(to="2022-03-15T12:00:00Z")
    *earlier, (day, nav) = await venue.broker.performance(venue.account)
    assert day == today
    assert abs(nav - close) <= CENT
    assert [day for day, _ in earlier][-50:] == [day for day, _ in first][-50:]


async def test_in_the_evening_too_performance_ends_before_today(venue: Venue) -> None:
    await venue.exchange.move(to="2022-03-14T22:00:00Z")
    assert (await venue.broker.performance(venue.account))[-1][0].isoformat() == "2022-03-11"


async def test_performance_over_a_weekend_has_each_session_once(venue: Venue) -> None:
    await venue.exchange.move(to="2022-03-18T15:00:00Z")
    await venue.fill("KO", Side.SELL, 3)
    await venue.exchange.move(to="2022-03-21T15:00:00Z")
    days = [day.isoformat() for day, _ in await venue.broker.performance(venue.account)]
    assert days[-5:] == ["2022-03-14", "2022-03-15", "2022-03-16", "2022-03-17", "2022-03-18"]
