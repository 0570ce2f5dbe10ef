"""An investor in euros who holds shares in dollars: accounts on both brokers, and whole days checked by hand."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from api_gateway.simulator import application
from api_gateway.simulator.world import Options
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.errors import BrokerUnavailable, PolicyError
from app.domain.order import Outcome, Side
from app.domain.policy import Policy
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.contract.conftest import AS_OF, OpenExchange, OpenVenue
from tests.contract.desks import desk_at
from tests.contract.venue import McpVenue, Venue
from tests.support.fakes import policy
from tests.unit.simulator.worlds import world_of

HELD = ("JPM", "JNJ", "XOM", "PG")
EURO: dict[str, object] = {
    "currency": "EUR",
    "holdings": [{"symbol": symbol, "weight_pct": 8 if symbol == "PG" else 10} for symbol in HELD],
    "cash": [{"currency": "USD", "weight_pct": 25}],
}
CENT = Decimal("0.01")


def in_euros(max_order_value: Decimal = Decimal(25000)) -> Policy:
    return policy(max_order_value=max_order_value).model_copy(update={"currency": "EUR"})


async def day(venue: Venue, ledger: SqlLedger, rules: Policy) -> Mapping[str, Any]:
    """The report of the session's run."""
    result = await run_daily(desk_at(venue, ledger, rules), RunRequest())
    assert result.report is not None
    return result.report


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    opened = open_ledger(f"sqlite:///{tmp_path / 'euros.db'}")
    yield opened
    opened.dispose()


@pytest.fixture
async def venue(open_venue: OpenVenue) -> Venue:
    return await open_venue(symbols=policy().universe.symbols, **EURO)


@dataclass(frozen=True)
class Truth:
    """What the simulator itself says of its account, added up here by hand."""

    rate: Decimal
    euros: Decimal
    dollars: Decimal
    shares: Mapping[str, tuple[Decimal, Decimal]]

    @property
    def cash(self) -> Decimal:
        return self.euros + self.dollars * self.rate

    def worth(self, symbol: str) -> Decimal:
        quantity, price = self.shares[symbol]
        return quantity * price * self.rate

    @property
    def nav(self) -> Decimal:
        return self.cash + sum(map(self.worth, self.shares))


async def truth(venue: Venue) -> Truth:
    state = await venue.exchange.state()
    money = state["currencies"]
    assert money["EUR"]["rate"] == "1"
    shares = {row["symbol"]: (Decimal(row["quantity"]), Decimal(row["price"])) for row in state["positions"]}
    return Truth(Decimal(money["USD"]["rate"]), Decimal(money["EUR"]["cash"]), Decimal(money["USD"]["cash"]), shares)


async def test_cash_by_currency_shares_in_dollars_and_everything_together_in_euros(venue: Venue) -> None:
    true, portfolio = await truth(venue), await venue.portfolio()
    assert (true.rate > 0, true.rate != 1) == (True, True)
    assert portfolio.currency == "EUR"
    found = {one.currency: (one.cash, one.settled_cash, one.exchange_rate) for one in portfolio.cash}
    assert found == {"EUR": (true.euros, true.euros, 1), "USD": (true.dollars, true.dollars, true.rate)}
    assert {one.instrument.currency for one in portfolio.positions} == {"USD"}
    assert {one.instrument.symbol for one in portfolio.positions} == set(HELD)
    assert portfolio.nav.quantize(CENT) == true.nav.quantize(CENT)
    assert (portfolio.broker_net_liquidation or Decimal(0)).quantize(CENT) == true.nav.quantize(CENT)


async def test_a_purchase_takes_dollars_and_a_sale_brings_them(venue: Venue) -> None:
    before = await venue.portfolio()
    await venue.fill("KO", Side.BUY, 10)
    bought = await venue.portfolio()
    assert bought.cash[0] == before.cash[0]
    assert bought.cash[1].cash < before.cash[1].cash
    await venue.fill("XOM", Side.SELL, 5)
    sold = await venue.portfolio()
    assert sold.cash[0] == before.cash[0]
    assert sold.cash[1].cash > bought.cash[1].cash
    order = await venue.rest("KO", Side.BUY, 7)
    assert order.currency == "USD"
    held = await venue.portfolio()
    assert held.open_buys == 7 * (order.limit_price or 0) * held.rate("USD")


@pytest.mark.parametrize(("account_type", "outcome"), [("margin", Outcome.ACCEPTED), ("cash", Outcome.REJECTED)])
async def test_without_dollars_a_margin_account_borrows_them_and_a_cash_account_buys_nothing(
    open_venue: OpenVenue, account_type: str, outcome: Outcome
) -> None:
    venue = await open_venue(**{**EURO, "account_type": account_type, "cash": []})
    assert (await venue.portfolio()).cash[0].cash > 100_000
    price = await venue.price("KO", Side.BUY)
    assert (await venue.send("KO", Side.BUY, 10, price)).outcome is outcome
    dollars = (await venue.portfolio()).cash[1].cash
    assert dollars < 0 if outcome is Outcome.ACCEPTED else dollars == 0


async def test_a_preview_names_dollars_for_the_order_and_euros_for_the_account(venue: Venue) -> None:
    true = await truth(venue)
    price = await venue.price("KO", Side.BUY)
    found = await venue.preview("KO", Side.BUY, 10, price)
    assert (found.amount, found.commission) == (10 * price, Decimal(1))
    assert found.error is None
    shares = true.nav - true.cash
    assert found.equity_after is not None
    assert found.initial_margin_after is not None
    assert abs(found.equity_after - (true.nav - true.rate)) <= CENT
    assert abs(found.initial_margin_after - (shares + 10 * price * true.rate) / 2) <= CENT


async def test_weights_cash_and_losses_of_the_day_are_those_worked_out_by_hand(venue: Venue, ledger: SqlLedger) -> None:
    true = await truth(venue)
    report = await day(venue, ledger, in_euros())
    portfolio, evaluation = report["portfolio"], report["evaluation"]
    assert (portfolio["currency"], Decimal(portfolio["nav"])) == ("EUR", true.nav.quantize(CENT))
    assert Decimal(portfolio["cash"]) == true.cash.quantize(CENT)
    assert {c: Decimal(amount) for c, amount in portfolio["balances"].items()} == {
        "EUR": true.euros,
        "USD": true.dollars,
    }
    assert portfolio["fx_rates"] == {"USD": str(true.rate)}
    for row in portfolio["positions"]:
        assert row["currency"] == "USD"
        assert row["weight"] == pytest.approx(float(true.worth(row["symbol"]) / true.nav), abs=1e-9)
    measured = {metric["name"]: metric["value"] for metric in evaluation["metrics"]}
    largest = max(true.worth(symbol) for symbol in HELD)
    assert measured["max_position"] == pytest.approx(float(largest / true.nav), abs=1e-9)
    assert measured["cash_reserve"] == pytest.approx(float(true.cash / true.nav), abs=1e-9)
    assert measured["exposure"] == pytest.approx(1 - float(true.cash / true.nav), abs=1e-9)
    # What the account lost before it was taken over counts for nothing.
    assert (measured["daily_loss"], measured["drawdown"]) == (0, 0)


async def test_orders_in_dollars_are_sized_in_euros(venue: Venue, ledger: SqlLedger) -> None:
    true = await truth(venue)
    rules = in_euros()
    orders = {row["side"]: row for row in (await day(venue, ledger, rules))["orders"]}
    assert {row["state"] for row in orders.values()} == {"FILLED"}
    # The rotation moves a share of NAV in each direction.
    move = Decimal(str(rules.strategies.sector_rotation.move)) * true.nav
    for row in orders.values():
        price = Decimal(row["reference_price"]) * true.rate
        assert move - 2 * price < Decimal(row["quantity"]) * price <= move * Decimal("1.0001")
    after = {balance.currency: balance.cash for balance in (await venue.portfolio()).cash}
    signed = {"BUY": -1, "SELL": 1}
    traded = sum(
        signed[side] * Decimal(row["filled_quantity"]) * Decimal(row["average_price"]) for side, row in orders.items()
    )
    # A dollar of commission for each.
    assert after == {"EUR": true.euros, "USD": true.dollars + traded - 2}


async def test_the_largest_order_value_is_in_euros(venue: Venue, ledger: SqlLedger) -> None:
    rate = (await truth(venue)).rate
    most = Decimal(5000)
    orders = (await day(venue, ledger, in_euros(max_order_value=most)))["orders"]
    values = {row["side"]: Decimal(row["quantity"]) * Decimal(row["limit_price"]) * rate for row in orders}
    assert max(values.values()) <= most
    one = next(Decimal(row["limit_price"]) * rate for row in orders if row["side"] == "SELL")
    assert most - values["SELL"] < one * Decimal("1.01")


async def test_a_cash_account_without_dollars_plans_no_purchase_from_the_same_days_sale(
    open_venue: OpenVenue, ledger: SqlLedger
) -> None:
    terms: dict[str, object] = {**EURO, "account_type": "cash", "cash": []}
    venue = await open_venue(symbols=policy().universe.symbols, **terms)
    report = await day(venue, ledger, in_euros())
    planned = [order for plan in report["plans"] for order in plan["orders"]]
    assert {order["side"] for order in planned} <= {"SELL"}
    assert {order["state"] for order in report["orders"]} <= {"FILLED"}


async def test_a_policy_in_another_currency_than_the_account_is_refused(venue: Venue, ledger: SqlLedger) -> None:
    with pytest.raises(PolicyError, match="the policy is in USD, the account's base currency is EUR"):
        await day(venue, ledger, policy())


async def test_without_a_balance_in_dollars_there_is_no_run(
    market: ASGIApp, open_on: OpenExchange, ledger: SqlLedger
) -> None:
    venue = McpVenue(await open_on(market, **EURO))
    await venue.exchange.post("faults", [{"kind": "omit", "path": "/portfolio/*/ledger", "keys": ["USD"], "times": 99}])
    with pytest.raises(BrokerUnavailable):
        await day(venue, ledger, in_euros())


async def test_without_a_rate_nothing_is_ordered_and_dollars_are_never_worth_a_euro(
    market: ASGIApp, open_on: OpenExchange, ledger: SqlLedger
) -> None:
    venue = McpVenue(await open_on(market, **EURO))
    rule = {"kind": "omit", "path": "/portfolio/*/ledger", "keys": ["USD.exchangerate"], "times": 99}
    await venue.exchange.post("faults", [rule])
    report = await day(venue, ledger, in_euros())
    account = report["portfolio"]
    assert (report["orders"], account["positions"], account["fx_rates"]) == ([], [], {})
    assert account["nav_parts"]["unmanaged"] == "0.00"
    assert {row["value"] for row in account["unmanaged"]} == {None}
    assert all("no rate of exchange" in row["reason"] for row in account["unmanaged"])
    assert report["evaluation"]["drawdown"] is None


@pytest.fixture(scope="module")
def running() -> ASGIApp:
    """The same market; time passes, so that what is traded is later than what was read."""
    options = Options(AS_OF, 7, 0, data="synthetic")
    return application.create_app(world_of(options, time.monotonic))


async def test_rates_that_moved_over_night_are_no_money_from_outside(
    running: ASGIApp, open_on: OpenExchange, ledger: SqlLedger
) -> None:
    venue = McpVenue(await open_on(running, symbols=policy().universe.symbols, **EURO))
    first = await day(venue, ledger, in_euros())
    assert {row["state"] for row in first["orders"]} == {"FILLED"}
    await venue.trade_elsewhere("XOM", Side.SELL, int(Decimal(_held(first, "XOM"))))
    await venue.exchange.move(next_session=True)
    second = await day(venue, ledger, in_euros())
    assert first["portfolio"]["fx_rates"] != second["portfolio"]["fx_rates"]
    assert "XOM" not in {row["symbol"] for row in second["portfolio"]["positions"]}
    assert abs(Decimal(second["continuity"]["detected_flows"])) < Decimal("0.05")
    assert second["continuity"]["quarantine"] == []
    await venue.exchange.post("cash", {"amount": "5000", "currency": "USD"})
    await venue.exchange.move(next_session=True)
    third = await day(venue, ledger, in_euros())
    rate = Decimal(third["portfolio"]["fx_rates"]["USD"])
    (deposit,) = third["continuity"]["rows"]
    assert (deposit["kind"], Decimal(deposit["amount"])) == ("deposit", (5000 * rate).quantize(Decimal("0.01")))
    assert third["continuity"]["unexplained_flow"] == "0"


def _held(report: Mapping[str, Any], symbol: str) -> str:
    return next(str(row["quantity"]) for row in report["portfolio"]["positions"] if row["symbol"] == symbol)
