"""Prices are in the currency, whatever unit the exchange quotes in: converted once each way."""

from decimal import Decimal
from typing import Final

import httpx2
import pytest

from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.records import Limit, MissingQuote, Quote
from tests.unit.gateway.scripted import ACCOUNT, RULES, ScriptedGateway, ok, portal_to, ready_gateway

CONID: Final = 35151400
RULES_OF: Final = "POST /iserver/contract/rules"
DEFINITIONS: Final = "GET /trsrv/secdef"
SNAPSHOT: Final = "GET /iserver/marketdata/snapshot"
PLACE: Final = f"POST /iserver/account/{ACCOUNT}/orders"
WHAT_IF: Final = f"{PLACE}/whatif"
STATUS: Final = "GET /iserver/account/order/status/11"
PENCE: Final = {"cashCcy": "GBP", "priceMagnifier": 100, "increment": 0.5, "incrementRules": []}


def quoted(bid: str = "2395", ask: str = "2405", last: str = "2400") -> httpx2.Response:
    row = {"conid": CONID, "conidEx": str(CONID), "_updated": 1672239600000, "6509": "RpB", "7741": "2410"}
    return ok([{**row, "31": last, "84": bid, "86": ask, "7762": "1", "7282": "1", "7289": "1M"}])


def listed_in(
    currency: object, exchange: str | None = "LSE", asset_class: str = "STK", **rules: object
) -> ScriptedGateway:
    """A gateway with one contract, quoted at 2395 to 2405."""
    row = {"conid": CONID, "currency": currency, "listingExchange": exchange, "assetClass": asset_class}
    gateway = ready_gateway().on(DEFINITIONS, ok({"secdef": [row]})).on(SNAPSHOT, quoted())
    return gateway.on(RULES_OF, ok({**RULES, **PENCE, "cashCcy": currency, **rules}))


async def quote_of(gateway: ScriptedGateway) -> Quote | MissingQuote:
    quotes, missing = await portal_to(gateway).market.quotes([CONID])
    return quotes[0] if quotes else missing[0]


@pytest.mark.parametrize(
    ("gateway", "bid", "magnifier"),
    [
        (listed_in("GBP"), "23.95", 100),
        (listed_in("GBP", priceMagnifier="100"), "23.95", 100),
        (listed_in("GBP", priceMagnifier=1), "2395", 1),
        (listed_in("GBX", priceMagnifier=None), "23.95", 100),
        (listed_in("GBp", priceMagnifier=None), "23.95", 100),
        (listed_in("ILS", "TASE"), "23.95", 100),
        (listed_in("ILA", "TASE", priceMagnifier=None), "23.95", 100),
        (listed_in("ZAR", "JSE"), "23.95", 100),
        (listed_in("ZAC", "JSE", priceMagnifier=""), "23.95", 100),
        (listed_in("EUR", "IBIS", priceMagnifier=None), "2395", 1),
        (listed_in("EUR", "IBIS", error="No trading permissions"), "2395", 1),
        (listed_in("USD", "NASDAQ", error="No trading permissions"), "2395", 1),
        (listed_in("USD", "LSE", priceMagnifier=None), "2395", 1),
        (listed_in("USD", "LSE"), "23.95", 100),
        (listed_in("USD", None, priceMagnifier=None), "2395", 1),
        (listed_in("USD", "CBOT", "FUT"), "23.95", 100),
        (listed_in("USD", "CME", "FUT", priceMagnifier=None), "2395", 1),
        (listed_in("KWD", "KSE", priceMagnifier=1000), "2.395", 1000),
    ],
)
async def test_a_quote_is_in_the_currency_of_the_contract(gateway: ScriptedGateway, bid: str, magnifier: int) -> None:
    found = await quote_of(gateway)
    assert isinstance(found, Quote)
    assert (found.bid, found.price_magnifier) == (Decimal(bid), magnifier)
    assert (found.ask, found.last, found.prior_close) == tuple(
        Decimal(each) / magnifier for each in ("2405", "2400", "2410")
    )


@pytest.mark.parametrize(
    ("gateway", "reason"),
    [
        (listed_in("GBP", priceMagnifier=None), "priceMagnifier is missing, and quotes in GBP"),
        (listed_in("GBP", priceMagnifier=0), "priceMagnifier is missing"),
        (listed_in("GBP", priceMagnifier=7), "a priceMagnifier of 7"),
        (listed_in("GBP", priceMagnifier="many"), "priceMagnifier: not a number"),
        (listed_in("ILS", "TASE", priceMagnifier=None), "quotes in ILS"),
        (listed_in("GBP", error="No trading permissions"), "No trading permissions"),
        (listed_in(None, "", cashCcy=None, priceMagnifier=None), "a currency that is not named"),
    ],
)
async def test_a_quote_whose_unit_nobody_tells_is_missing_with_the_reason(
    gateway: ScriptedGateway, reason: str
) -> None:
    found = await quote_of(gateway)
    assert isinstance(found, MissingQuote)
    assert reason in found.reason


async def test_one_contract_without_a_unit_costs_no_other_its_quote() -> None:
    row = {"conidEx": "", "_updated": 1672239600000, "6509": "RpB", "31": "5", "84": "5", "86": "5", "7741": "5"}
    slow = {"7762": "1", "7282": "1", "7289": "1M"}
    gateway = listed_in("GBP", priceMagnifier=None).on(
        SNAPSHOT, ok([{**row, **slow, "conid": CONID}, {**row, **slow, "conid": 265598}, {"6119": "no id"}])
    )
    dollars = {"conid": 265598, "currency": "USD", "assetClass": "STK"}
    gateway.on(DEFINITIONS, ok({"secdef": [{"conid": CONID, "currency": "GBP", "assetClass": "STK"}, dollars]}))
    quotes, missing = await portal_to(gateway).market.quotes([CONID, 265598])
    assert ([each.conid for each in quotes], [each.conid for each in missing]) == ([265598], [CONID])


async def test_the_unit_is_asked_for_once_a_session_date_and_of_a_us_share_never() -> None:
    gateway = listed_in("GBP")
    market = portal_to(gateway).market
    for _ in range(3):
        await market.quotes([CONID])
    assert (gateway.count(DEFINITIONS), gateway.count(RULES_OF)) == (1, 1)
    at_home = listed_in("USD", "NASDAQ")
    await portal_to(at_home).market.quotes([CONID])
    assert at_home.count(RULES_OF) == 0


async def test_bars_are_in_the_currency_and_the_chart_that_has_no_unit_is_an_error() -> None:
    day = 86_400_000
    bars = [{"c": 2400.0, "t": 1672239600000}, {"c": 2410.5, "t": 1672239600000 - day}]
    answer = ok({"symbol": "GAW", "data": bars, "priceFactor": 100})
    found = await portal_to(listed_in("GBP").on("GET /iserver/marketdata/history", answer)).market.history(CONID, "1m")
    assert (found.closes, found.price_magnifier) == ((24.105, 24.0), 100)
    unknown = listed_in("GBP", priceMagnifier=None).on("GET /iserver/marketdata/history", answer)
    with pytest.raises(Malformed, match="priceMagnifier"):
        await portal_to(unknown).market.history(CONID, "1m")


def sale(price: str) -> Limit:
    fields = {"account": ACCOUNT, "conid": CONID, "side": "SELL", "quantity": 100, "time_in_force": "DAY"}
    return Limit.model_validate({**fields, "limit_price": Decimal(price), "coid": "PM01"})


def sent(gateway: ScriptedGateway, route: str) -> object:
    body = gateway.bodies[gateway.calls.index(route)]
    assert isinstance(body, dict)
    return body["orders"][0]["price"]


async def test_a_price_in_pounds_goes_out_in_pence_once() -> None:
    gateway = listed_in("GBP").on(PLACE, ok([{"order_id": "1", "order_status": "Submitted"}]))
    assert (await portal_to(gateway).orders.place_once(sale("23.955"))).outcome == "accepted"
    assert sent(gateway, PLACE) == 2395.5
    refused = await portal_to(gateway).orders.place_once(sale("23.952"))
    assert (refused.outcome, gateway.count(PLACE)) == ("not_sent", 1)
    assert "price grid" in str(refused.message)


async def test_an_order_whose_unit_nobody_tells_does_not_leave() -> None:
    gateway = listed_in("GBP", priceMagnifier=None)
    placed = await portal_to(gateway).orders.place_once(sale("23.955"))
    assert (placed.outcome, gateway.count(PLACE)) == ("not_sent", 0)
    assert "priceMagnifier" in str(placed.message)


async def test_the_rules_of_a_contract_are_in_its_currency() -> None:
    ladder = [{"lowerEdge": 0, "increment": 0.5}, {"lowerEdge": 5000, "increment": 1}]
    found = await portal_to(listed_in("GBP", incrementRules=ladder)).contracts.rules(CONID, "SELL")
    steps = [(each.lower_edge, each.increment) for each in found.increments]
    assert steps == [(Decimal(0), Decimal("0.005")), (Decimal(50), Decimal("0.01"))]
    assert (found.currency, found.price_magnifier) == ("GBP", 100)


@pytest.mark.parametrize("amount", ["2,395.50 GBP (100 Shares)", "239,550 GBX (100 Shares)"])
async def test_a_preview_asks_in_pence_and_tells_in_pounds(amount: str) -> None:
    answer = {"amount": {"amount": amount, "commission": "3 GBP"}, "error": None, "warn": None}
    gateway = listed_in("GBP").on(WHAT_IF, ok(answer))
    found = await portal_to(gateway).orders.preview(sale("23.955"))
    assert (sent(gateway, WHAT_IF), found.amount, found.currency) == (2395.5, Decimal("2395.50"), "GBP")


async def test_orders_and_executions_are_in_pounds() -> None:
    row = {"acct": ACCOUNT, "account": ACCOUNT, "conid": CONID, "side": "SELL", "order_ref": "PM01"}
    sizes = {"filledQuantity": 10, "remainingQuantity": 0, "totalSize": 10}
    live = {**row, **sizes, "orderId": 11, "status": "Filled", "cashCcy": "GBP", "price": "2395.5", "avgPrice": "2396"}
    status = {
        **row,
        "order_id": 11,
        "order_status": "Filled",
        "size": "0",
        "total_size": "10",
        "cum_fill": "10",
        "currency": "GBP",
        "limit_price": "2395.5",
        "average_price": "2396",
    }
    trade = {
        **row,
        "execution_id": "e1",
        "order_id": 11,
        "symbol": "GAW",
        "size": 10,
        "price": "2396",
        "sec_type": "STK",
        "listing_exchange": "LSE",
        "trade_time_r": 1671830400000,
        "net_amount": 239.6,
    }
    gateway = listed_in("GBP").on("GET /iserver/account/orders", ok({"orders": [live], "snapshot": True}))
    gateway.on("GET /iserver/account/trades", ok([trade])).on(STATUS, ok(status))
    orders = portal_to(gateway).orders
    found, executed = await orders.report(ACCOUNT)
    for each in (found.orders[0], await orders.status(ACCOUNT, "11")):
        assert (each.limit_price, each.average_price) == (Decimal("23.955"), Decimal("23.96"))
        assert (each.price_magnifier, each.currency) == (100, "GBP")
    (execution,) = executed.trades
    assert (execution.price, execution.net_amount, execution.currency) == (Decimal("23.96"), Decimal("239.6"), "GBP")


async def test_an_order_of_somebody_in_a_unit_that_nobody_tells_has_no_price_and_one_of_ours_raises() -> None:
    def listing(**changes: object) -> ScriptedGateway:
        sizes = {"filledQuantity": 0, "remainingQuantity": 10, "totalSize": 10}
        row = {"acct": ACCOUNT, "conid": CONID, "side": "SELL", "orderId": 11, "status": "Submitted", **sizes}
        answer = ok({"orders": [{**row, "cashCcy": "GBP", "price": "2395.5", **changes}], "snapshot": True})
        return listed_in("GBP", priceMagnifier=None).on("GET /iserver/account/orders", answer)

    (found,) = (await portal_to(listing()).orders.live(ACCOUNT)).orders
    assert (found.limit_price, found.quantity) == (None, Decimal(10))
    with pytest.raises(Malformed, match="its unit is not known"):
        await portal_to(listing(order_ref="PM01")).orders.live(ACCOUNT)


async def test_a_us_share_with_a_magnifier_contradicts_itself_and_no_order_for_it_leaves() -> None:
    gateway = listed_in("USD", "NASDAQ", priceMagnifier=100)
    placed = await portal_to(gateway).orders.place_once(sale("23.955"))
    assert (placed.outcome, gateway.count(PLACE)) == ("not_sent", 0)
    assert "priceMagnifier of 100" in str(placed.message)
