"""What the broker's server says, as the desk's own types; what does not fit is no answer."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.broker.connection import McpConnection
from app.broker.mcp import McpBroker, McpMarketData
from app.domain.errors import BrokerUnavailable, DataError, InsufficientHistory, UsageError
from app.domain.instrument import AssetClass, Instrument
from app.domain.market import QuoteKind
from app.domain.order import Order, OrderState, Side
from app.domain.session import SessionState, Simulation
from tests.unit.broker.canned import Canned

NOW = datetime(2022, 3, 14, 15, 0, tzinfo=UTC)
ACCOUNT = "DU1234567"
AAPL = Instrument(265598, "AAPL", "USD", name="Apple", industry="Computers", category="Computers")
ORDER = Order(AAPL, Side.SELL, Decimal(10), Decimal("100.5"), "stop_loss: far", limit_price=Decimal("101.250"))


async def test_the_session_with_and_without_a_simulators_marker(canned: Canned, connection: McpConnection) -> None:
    session = await McpBroker(connection).session()
    assert (session.state, session.accounts, session.paper) == (SessionState.READY, (ACCOUNT,), True)
    assert session.now == NOW
    assert session.simulation == Simulation(date(2022, 3, 14), 7, "sample", 0.1)
    assert session.source == "simulator:sample"
    canned.answers["session_status"] |= {"simulator": None, "state": "COMPETING", "remedy": "Log the other one out"}
    session = await McpBroker(connection).session()
    assert (session.state, session.simulation, session.source) == (SessionState.COMPETING, None, "ibkr")
    assert session.remedy == "Log the other one out"


async def test_the_portfolio_in_decimals(connection: McpConnection) -> None:
    portfolio = await McpBroker(connection).portfolio(ACCOUNT)
    (position,) = portfolio.positions
    assert position.instrument == AAPL
    assert (position.quantity, position.price, position.average_cost) == (Decimal(10), Decimal(101), Decimal("90.125"))
    assert portfolio.nav == Decimal("2010.50")
    assert portfolio.cash[0].settled_cash == 900
    (order,) = portfolio.orders
    assert order.is_ours
    assert order.state is OrderState.PARTIAL
    assert portfolio.as_of == NOW


async def test_a_portfolio_of_another_account_is_no_answer(connection: McpConnection) -> None:
    with pytest.raises(BrokerUnavailable, match="answered for another account"):
        await McpBroker(connection).portfolio("DU7654321")


async def test_performance_is_by_date(connection: McpConnection) -> None:
    points = await McpBroker(connection).performance(ACCOUNT)
    assert points == ((date(2022, 3, 10), Decimal("1990.1")), (date(2022, 3, 11), Decimal(2000)))


async def test_a_preview_names_its_order_in_plain_numbers(canned: Canned, connection: McpConnection) -> None:
    what_if = await McpBroker(connection).preview(ACCOUNT, ORDER, "DAY")
    assert (what_if.amount, what_if.commission, what_if.warnings) == (Decimal("1012.50"), Decimal(1), ("a warning",))
    assert what_if.initial_margin_after is None
    assert canned.arguments["preview_order"] == {
        "account": ACCOUNT,
        "conid": 265598,
        "side": "SELL",
        "quantity": "10",
        "limit_price": "101.25",
        "tif": "DAY",
    }


async def test_a_preview_needs_a_limit_price(canned: Canned, connection: McpConnection) -> None:
    order = Order(AAPL, Side.SELL, Decimal(10), Decimal(100), "stop_loss: far")
    with pytest.raises(UsageError, match="needs a limit price"):
        await McpBroker(connection).preview(ACCOUNT, order, "DAY")
    assert canned.calls["preview_order"] == 0


async def test_the_report_finds_an_order_by_our_id(canned: Canned, connection: McpConnection) -> None:
    report = await McpBroker(connection).report(ACCOUNT)
    found = report.find("PM0123456789abcdef0123")
    assert found is not None
    assert (found.order_id, found.average_price) == ("9001", Decimal("100.25"))
    assert report.find("PM0000") is None
    assert (report.trades[0].price, report.trades[0].commission) == (Decimal("100.25"), None)
    row = await McpBroker(connection).order(ACCOUNT, "9001")
    assert row == found
    assert canned.arguments["order_status"] == {"account": ACCOUNT, "order_id": "9001"}


async def test_instruments_with_the_reasons_of_those_that_are_not(canned: Canned, connection: McpConnection) -> None:
    found, unresolved = await McpMarketData(connection).instruments(("AAPL", "NOPE"), AssetClass.STOCK)
    assert found == {"AAPL": AAPL}
    assert unresolved == {"NOPE": "no such contract"}
    assert canned.arguments["resolve_contracts"] == {"symbols": ["AAPL", "NOPE"], "asset_class": "STK"}


async def test_a_preferred_share_is_no_instrument_and_an_index_needs_no_type(
    canned: Canned, connection: McpConnection
) -> None:
    row = {"symbol": "BAC PRL", "conid": 7, "name": None, "currency": "USD", "asset_class": "STK", "type": "PUBLIC"}
    index = {"symbol": "VIX", "conid": 8, "name": None, "currency": "USD", "asset_class": "IND"}
    canned.answers["resolve_contracts"] = {"contracts": [row], "unresolved": []}
    found, unresolved = await McpMarketData(connection).instruments(("BAC PRL",))
    assert found == {}
    assert unresolved == {"BAC PRL": "a preferred share or a note: only stocks and funds are managed"}
    canned.answers["resolve_contracts"] = {"contracts": [index], "unresolved": []}
    found, _ = await McpMarketData(connection).instruments(("VIX",), AssetClass.INDEX)
    assert found["VIX"].asset_class is AssetClass.INDEX


async def test_however_many_names_there_are_they_are_asked_for_in_parts(
    canned: Canned, connection: McpConnection
) -> None:
    data = McpMarketData(connection)
    await data.quotes(range(1, 1202))
    await data.instruments([f"N{number}" for number in range(501)])
    assert (canned.calls["quotes"], canned.calls["resolve_contracts"]) == (3, 2)
    assert await data.quotes(()) == ({}, {})
    assert canned.arguments["quotes"] == {"conids": list(range(1001, 1202))}


async def test_quotes_with_what_is_missing_missing(connection: McpConnection) -> None:
    quotes, missing = await McpMarketData(connection).quotes((265598, 4711))
    quote = quotes[265598]
    assert (quote.bid, quote.ask, quote.last) == (Decimal("100.99"), Decimal("101.01"), None)
    assert (quote.kind, quote.as_of, quote.marks) == (QuoteKind.DELAYED, NOW, ("simulated",))
    assert quote.market_cap is None
    assert missing == {4711: "no market data subscription"}


async def test_history_ends_before_the_session(connection: McpConnection) -> None:
    series = await McpMarketData(connection).history(265598, date(2022, 3, 14))
    assert series.dates == (date(2022, 3, 10), date(2022, 3, 11))
    assert series.closes.tolist() == [98.5, 99.5]
    with pytest.raises(InsufficientHistory, match="no close before 2022-03-10"):
        await McpMarketData(connection).history(265598, date(2022, 3, 10))


@pytest.mark.parametrize("closes", [[98.5, 99.5], [98.5, -1.0, 101.0], [98.5, 0.0, 101.0]])
async def test_a_history_that_cannot_be_is_a_data_error(
    canned: Canned, connection: McpConnection, closes: list[float]
) -> None:
    canned.answers["history"]["closes"] = closes
    with pytest.raises(DataError, match="no price history of conid 265598"):
        await McpMarketData(connection).history(265598, date(2022, 3, 15))


async def test_a_history_that_the_server_does_not_have_is_a_data_error(
    canned: Canned, connection: McpConnection
) -> None:
    canned.errors["history"] = "no data of type EODChart"
    with pytest.raises(DataError, match="no data of type EODChart"):
        await McpMarketData(connection).history(265598, date(2022, 3, 15))


async def test_contract_rules_and_a_contract_that_may_not_be_traded(canned: Canned, connection: McpConnection) -> None:
    rules = await McpMarketData(connection).rules(265598, Side.BUY)
    assert rules.floor(Decimal("100.999")) == Decimal("100.99")
    canned.answers["contract_rules"]["can_trade"] = False
    with pytest.raises(DataError, match="may not trade conid 265598"):
        await McpMarketData(connection).rules(265598, Side.BUY)


@pytest.mark.parametrize(
    ("tool", "change", "where"),
    [
        ("session_status", {"state": "SLEEPING"}, "state"),
        ("session_status", {"now": "2022-03-14T15:00:00"}, "now"),
        ("portfolio", {"available_funds": "C168.42"}, "available_funds"),
        ("portfolio", {"cash": None}, "cash"),
        ("portfolio", {"available_funds": "NaN"}, "available_funds"),
    ],
)
async def test_an_answer_of_another_shape_is_no_answer(
    canned: Canned, connection: McpConnection, tool: str, change: dict[str, object], where: str
) -> None:
    canned.answers[tool] |= change
    broker = McpBroker(connection)
    with pytest.raises(BrokerUnavailable, match=rf"the answer of {tool} is not of the agreed shape \({where}"):
        await (broker.session() if tool == "session_status" else broker.portfolio(ACCOUNT))


async def test_a_field_that_is_missing_is_no_answer(canned: Canned, connection: McpConnection) -> None:
    del canned.answers["portfolio"]["net_liquidation"]
    with pytest.raises(BrokerUnavailable, match="net_liquidation: Field required"):
        await McpBroker(connection).portfolio(ACCOUNT)


async def test_text_without_structure_is_no_answer(canned: Canned, connection: McpConnection) -> None:
    canned.answers["portfolio"] = "all is well"
    with pytest.raises(BrokerUnavailable, match="without structured content"):
        await McpBroker(connection).portfolio(ACCOUNT)


async def test_a_tools_error_says_why_in_one_line(canned: Canned, connection: McpConnection) -> None:
    canned.errors["portfolio"] = "the gateway is logged out. Log in at the gateway."
    with pytest.raises(BrokerUnavailable) as caught:
        await McpBroker(connection).portfolio(ACCOUNT)
    assert str(caught.value) == "the gateway is logged out. Log in at the gateway."
