"""Every path that the simulated gateway plays, beyond the reads and orders that have tests of their own."""

from datetime import date

import pytest

from api_gateway.simulator import gateway_routes
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, Gateway, error_of, synthetic_world

EXAMPLES = {
    "account": ACCOUNT,
    "conid": str(AAPL),
    "page": "0",
    "order_id": "1370000001",
    "reply_id": "none",
    "alert_id": "1470000001",
    "kind": "SM",
    "notice_id": "2021060100000001",
}
QUERIES = {
    "/iserver/secdef/search": "symbol=AAPL",
    "/iserver/secdef/info": f"conid={AAPL}&sectype=STK",
    "/iserver/secdef/strikes": f"conid={AAPL}&sectype=OPT&month=JAN23",
    "/iserver/secdef/bond-filters": "issuerId=e123",
    "/iserver/currency/pairs": "currency=USD",
    "/iserver/exchangerate": "source=USD&target=USD",
    "/iserver/marketdata/history": f"conid={AAPL}&period=1m",
    "/hmds/history": f"conid={AAPL}&period=1m",
    "/iserver/marketdata/snapshot": f"conids={AAPL}&fields=31",
    "/md/snapshot": f"conids={AAPL}&fields=31",
    "/contract/trading-schedule": f"conid={AAPL}",
    "/trsrv/secdef/schedule": "assetClass=STK&symbol=AAPL",
    "/trsrv/futures": "symbols=ES",
    "/trsrv/stocks": "symbols=AAPL",
    "/trsrv/secdef": f"conids={AAPL}",
    "/portfolio/subaccounts2": "page=0",
    "/forecast/contract/details": f"conid={AAPL}",
    "/forecast/contract/rules": f"conid={AAPL}",
    "/forecast/contract/schedules": f"conid={AAPL}",
    "/forecast/contract/market": f"underlyingConid={AAPL}",
    "/iserver/watchlist": "id=1",
    "/fyi/notifications/more": "id=2021060100000001",
    "/fyi/deliveryoptions/email": "enabled=true",
}
PLAIN = {"conid": AAPL, "orderType": "LMT", "side": "BUY", "tif": "DAY", "quantity": 1, "price": 100.0}
ALERT = {
    "alertName": "trades",
    "alertMessage": "traded",
    "alertRepeatable": 0,
    "outsideRth": 0,
    "tif": "GTC",
    "conditions": [{"conidex": "*", "logicBind": "n", "operator": "", "triggerMethod": "0", "type": 5, "value": "*"}],
}
BODIES: dict[str, object] = {
    "/fyi/settings/{kind}": {"enabled": True},
    "/iserver/account/{account}/alert": ALERT,
    "/iserver/account/{account}/alert/activate": {"alertId": 1470000001, "alertActive": 0},
    "/iserver/watchlist": {"id": "1", "name": "mine", "rows": [{"C": AAPL}, {"H": ""}]},
    "/iserver/account": {"acctId": ACCOUNT},
    "/iserver/account/{account}/orders": {"orders": [PLAIN]},
    "/iserver/account/{account}/orders/whatif": {"orders": [PLAIN]},
    "/iserver/account/{account}/order/{order_id}": PLAIN,
    "/iserver/auth/ssodh/init": {"publish": True, "compete": False},
    "/iserver/contract/rules": {"conid": AAPL, "isBuy": True},
    "/iserver/marketdata/unsubscribe": {"conid": AAPL},
    "/iserver/questions/suppress": {"messageIds": ["o163"]},
    "/iserver/reply/{reply_id}": {"confirmed": True},
    "/iserver/scanner/run": {"instrument": "STK", "type": "MOST_ACTIVE", "location": "STK.US"},
    "/iserver/secdef/search": {"symbol": "AAPL"},
    "/pa/allperiods": {"acctIds": [ACCOUNT]},
    "/pa/performance": {"acctIds": [ACCOUNT], "period": "1M"},
    "/pa/transactions": {"acctIds": [ACCOUNT], "conids": [AAPL]},
    "/portfolio/allocation": {"acctIds": [ACCOUNT]},
}
# Paths that answer with a refusal in a world without orders, questions, event contracts and an opened legacy service.
REFUSED = {
    "/events/contracts": 404,
    "/events/show": 404,
    "/forecast/contract/details": 404,
    "/forecast/contract/market": 404,
    "/forecast/contract/rules": 404,
    "/forecast/contract/schedules": 404,
    "/hmds/history": 404,
    "/hmds/scanner": 404,
    "/iserver/account/order/status/{order_id}": 503,
    "/iserver/account/{account}/order/{order_id}": 400,
    "/iserver/reply/{reply_id}": 400,
}


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
async def gateway(time: FakeTime) -> Gateway:
    gateway = Gateway(synthetic_world(time, pacing=0, as_of=date(2021, 6, 1)), time)
    return await gateway.ready()


def test_every_endpoint_of_the_gateway_that_a_client_may_need_is_played() -> None:
    assert len(gateway_routes()) == 96
    assert {path for _, path in gateway_routes()} >= {*QUERIES, *BODIES, *REFUSED}
    assert ("POST", "/iserver/account/{account}/order/{order_id}") in gateway_routes()


@pytest.mark.parametrize(("method", "template"), sorted(gateway_routes() - {("POST", "/logout")}))
async def test_an_endpoint_answers_json_and_never_with_a_fault_of_its_own(
    gateway: Gateway, method: str, template: str
) -> None:
    await gateway.rows(f"/iserver/marketdata/snapshot?conids={AAPL}&fields=31")
    await gateway.post("/iserver/watchlist", BODIES["/iserver/watchlist"])
    await gateway.post(f"/iserver/account/{ACCOUNT}/alert", ALERT)
    await gateway.post("/simulator/notify", {"kind": "fyi", "text": "told"})
    path = template.format(**EXAMPLES)
    answer = await gateway.send(
        method, f"{path}?{QUERIES.get(template, '')}", BODIES.get(template) if method == "POST" else None
    )
    assert answer.status_code == REFUSED.get(template, 200), answer.text
    assert answer.json() is not None


@pytest.mark.parametrize("path", ["/iserver/marketdata/fields", "/fyi/nothing", "/iserver/secdef/currency"])
async def test_a_path_that_the_gateway_does_not_have_is_not_found(gateway: Gateway, path: str) -> None:
    assert error_of(await gateway.send("GET", path)) == "Resource not found"


async def test_large_logins_list_their_accounts_in_pages(gateway: Gateway) -> None:
    first = await gateway.get("/portfolio/subaccounts2?page=0")
    assert (first["metadata"]["total"], [row["id"] for row in first["subaccounts"]]) == (1, [ACCOUNT])
    assert (await gateway.get("/portfolio/subaccounts2?page=1"))["subaccounts"] == []
    assert (await gateway.send("GET", "/portfolio/subaccounts2")).status_code == 400


async def test_definitions_are_empty_until_the_symbol_was_searched_for_by_symbol(gateway: Gateway) -> None:
    address = f"/iserver/secdef/info?conid={AAPL}&sectype=STK"
    assert await gateway.rows(address) == []
    assert [row["symbol"] for row in await gateway.rows("/iserver/secdef/search?symbol=apple&name=true")] == [
        "AAPL"
    ] * 2
    assert await gateway.rows(address) == []
    await gateway.rows("/iserver/secdef/search?symbol=AAPL")
    assert [row["conid"] for row in await gateway.rows(address)] == [AAPL]
    assert await gateway.rows(f"/iserver/secdef/info?conid={AAPL}&sectype=OPT&month=JAN23") == []
    assert (await gateway.send("GET", f"/iserver/secdef/info?conid={AAPL}&secType=STK")).status_code == 400


async def test_a_schedule_by_symbol_knows_no_smart_routing(gateway: Gateway) -> None:
    address = "/trsrv/secdef/schedule?assetClass=STK&symbol=AAPL"
    assert await gateway.rows(f"{address}&exchange=SMART") == []
    venue = (await gateway.rows(f"{address}&exchange=NASDAQ"))[0]
    open_days = [day["tradingScheduleDate"] for day in venue["schedules"] if day["sessions"]]
    assert len(venue["schedules"]) == 7
    assert open_days == ["20000103", "20000104", "20000105", "20000106", "20000107"]


async def test_the_legacy_history_needs_its_own_login_and_gives_the_same_bars(gateway: Gateway) -> None:
    query = f"conid={AAPL}&period=1m&bar=1d"
    assert (await gateway.send("GET", f"/hmds/history?{query}")).status_code == 404
    await gateway.get("/hmds/auth/init")
    legacy = await gateway.get(f"/hmds/history?{query}")
    assert legacy["data"] == (await gateway.get(f"/iserver/marketdata/history?{query}"))["data"]
    assert (legacy["points"], legacy["startTimeVal"]) == (len(legacy["data"]), legacy["data"][0]["t"])


async def test_balances_are_texts_with_commas_and_a_currency(gateway: Gateway) -> None:
    address = f"/iserver/account/{ACCOUNT}/summary"
    overview = await gateway.get(address)
    funds = (await gateway.get(f"{address}/available_funds"))["total"]
    assert funds["current_available"] == f"{overview['availableFunds']:,.0f} USD"
    balances = await gateway.get(f"{address}/balances")
    assert balances["total"]["cash"] == f"{overview['totalCashValue']:,.0f} USD"
    assert balances["commodities"]["cash"] == "0 USD"
    assert (await gateway.get(f"{address}/margins"))["total"]["current_initial"].endswith(" USD")
    market = await gateway.get(f"{address}/market_value")
    assert market["USD"]["total_cash"] == f"{overview['totalCashValue']:,.0f}"
    assert (await gateway.send("GET", "/iserver/account/DU0000001/summary")).status_code == 500


async def test_all_periods_agree_with_each_of_them(gateway: Gateway) -> None:
    every = (await gateway.post("/pa/allperiods", {"acctIds": [ACCOUNT]}))[ACCOUNT]
    assert every["periods"] == ["1D", "7D", "1M", "3M", "6M", "1Y"]
    for period in every["periods"]:
        one = await gateway.post("/pa/performance", {"acctIds": [ACCOUNT], "period": period})
        assert every[period]["dates"] == one["nav"]["dates"][1:]
        assert every[period]["nav"] == one["nav"]["data"][0]["navs"][1:]
        assert every[period]["cps"] == one["cps"]["data"][0]["returns"][1:]


async def test_transactions_show_the_first_purchase_and_a_sale_with_its_gain(gateway: Gateway) -> None:
    await gateway.quote()
    await gateway.place(side="SELL", orderType="MKT", quantity=10)
    body = {"acctIds": [ACCOUNT], "conids": [AAPL], "currency": "USD"}
    recent = await gateway.post("/pa/transactions", body)
    assert await gateway.post("/pa/transactions", {**body, "conids": [str(AAPL)]}) == recent
    for wrong in ([], [True], ["AAPL"], [1.5], str(AAPL)):
        assert (await gateway.send("POST", "/pa/transactions", {**body, "conids": wrong})).status_code == 400
    assert [(row["type"], row["qty"]) for row in recent["transactions"]] == [("Sell", -10.0)]
    every = await gateway.post("/pa/transactions", {**body, "days": 1000})
    bought, sold = every["transactions"]
    assert (bought["type"], sold["amt"]) == ("Buy", 10 * sold["pr"])
    assert float(every["rpnl"]["amt"]) == pytest.approx(10 * (sold["pr"] - bought["pr"]), abs=1e-4)
    assert sold["rawDate"] == "20210601"


SCAN = {"instrument": "STK", "type": "TOP_PERC_GAIN", "location": "STK.US.MAJOR"}


async def _scan(gateway: Gateway, **changes: object) -> list[str]:
    found = await gateway.post("/iserver/scanner/run", SCAN | changes)
    return [str(row["symbol"]) for row in found["contracts"]]


async def test_a_scan_ranks_the_stocks_by_what_their_quotes_say(gateway: Gateway) -> None:
    gainers = await _scan(gateway)
    assert len(gainers) == 20
    assert await _scan(gateway, type="TOP_PERC_LOSE") == gainers[::-1]
    assert set(await _scan(gateway, location="STK.NYSE")) | set(await _scan(gateway, location="STK.NASDAQ")) == set(
        gainers
    )
    rows = (await gateway.post("/iserver/scanner/run", SCAN))["contracts"]
    assert [("column_name" in row) for row in rows[:2]] == [True, False]
    quote = await gateway.rows(f"/iserver/marketdata/snapshot?conids={rows[0]['con_id']}&fields=83")
    quote = await gateway.rows(f"/iserver/marketdata/snapshot?conids={rows[0]['con_id']}&fields=83")
    assert float(rows[0]["scan_data"].strip("%+")) == pytest.approx(float(quote[0]["83"].strip("%")), abs=0.011)


async def test_scan_filters_take_codes_and_values(gateway: Gateway) -> None:
    every = await _scan(gateway)
    dear = await _scan(gateway, filter=[{"code": "priceAbove", "value": 100}])
    cheap = await _scan(gateway, filter=[{"code": "priceBelow", "value": 100}])
    assert sorted(dear + cheap) == sorted(every)
    assert dear
    above = {"code": "marketCapAbove", "value": 2e11}
    large = await _scan(gateway, filter=[above])
    assert large == await _scan(gateway, filter=[{"code": "marketCapAbove1e6", "value": 2e5}])
    both = await _scan(gateway, filter=[above, {"code": "priceAbove", "value": 100}])
    assert set(both) == set(large) & set(dear)


@pytest.mark.parametrize(
    "wrong",
    [
        {"location": None, "locationCode": "STK.US.MAJOR"},
        {"filter": [{"name": "priceAbove", "value": 1}]},
        {"filter": [{"code": "priceAbove", "value": "much"}]},
        {"filter": {"code": "priceAbove"}},
        {"type": "BEST"},
        {"instrument": "BOND"},
    ],
)
async def test_a_scan_with_names_of_its_own_is_refused(gateway: Gateway, wrong: dict[str, object]) -> None:
    assert (await gateway.send("POST", "/iserver/scanner/run", SCAN | wrong)).status_code == 400


async def test_the_scanner_describes_what_it_takes(gateway: Gateway) -> None:
    described = await gateway.get("/iserver/scanner/params")
    for scan in described["scan_type_list"]:
        assert await _scan(gateway, type=scan["code"])
    codes = {one["code"] for one in described["filter_list"]}
    assert codes == set(described["instrument_list"][0]["filters"])
    for code in codes:
        await _scan(gateway, filter=[{"code": code, "value": 0}])
    for place in described["location_tree"][0]["locations"]:
        assert await _scan(gateway, location=place["type"])
