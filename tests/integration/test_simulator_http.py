"""The simulated gateway over HTTP: priming, first reads, market data and the account, as a client meets them."""

from datetime import UTC, date, datetime

import pytest

from tests.unit.simulator.worlds import AAPL, ACCOUNT, VIX, FakeTime, Gateway, error_of, instant, synthetic_world


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def gateway(time: FakeTime) -> Gateway:
    return Gateway(synthetic_world(time, as_of=date(2021, 6, 1)), time)


async def test_the_status_carries_the_marker_of_a_simulator(gateway: Gateway) -> None:
    for method in ("GET", "POST"):
        status = (await gateway.answered(method, "/iserver/auth/status")).json()
        assert (status["authenticated"], status["connected"], status["competing"]) == (True, True, False)
        assert status["serverInfo"]["serverName"] == "SIMULATOR"
        marker = status["simulator"]
        assert (marker["as_of"], marker["seed"], marker["data"]) == ("2021-06-01", 7, "synthetic")
        assert instant(marker["now"]).isoformat().startswith("2021-06-01T14:00:0")  # 10:00 in New York


async def test_a_brokerage_read_before_the_primer_is_refused(gateway: Gateway) -> None:
    answer = await gateway.send("GET", "/iserver/account/orders")
    assert (answer.status_code, error_of(answer)) == (500, "Please query /accounts first")
    assert (await gateway.get("/iserver/accounts"))["isPaper"] is True
    assert (await gateway.get("/iserver/account/orders"))["snapshot"] is False


async def test_a_portfolio_read_before_its_primer_is_refused(gateway: Gateway) -> None:
    assert (await gateway.send("GET", f"/portfolio/{ACCOUNT}/summary")).status_code == 400
    rows = await gateway.rows("/portfolio/subaccounts")
    assert rows[0]["type"] == "DEMO"
    assert "netliquidation" in await gateway.get(f"/portfolio/{ACCOUNT}/summary")


async def test_an_unknown_account_and_an_unknown_path_are_refused(gateway: Gateway) -> None:
    await gateway.ready()
    answer = await gateway.send("GET", "/portfolio/DU0000001/ledger")
    assert (answer.status_code, error_of(answer)) == (500, "Invalid account ID")
    missing = await gateway.send("GET", "/no/such/path")
    assert missing.status_code == 404
    assert missing.json() == {"error": "Resource not found", "statusCode": 404}


async def test_doubled_and_trailing_slashes_and_missing_bodies_are_tolerated(gateway: Gateway) -> None:
    assert (await gateway.send("GET", "//iserver/accounts/")).status_code == 200
    assert (await gateway.send("POST", "/tickle/")).status_code == 200


async def test_a_brokerage_session_opens_only_with_publish_in_the_body(gateway: Gateway) -> None:
    assert (await gateway.send("POST", "/iserver/auth/ssodh/init?publish=true")).status_code == 500
    answer = await gateway.post("/iserver/auth/ssodh/init", {"publish": True, "compete": False})
    assert answer["passed"] is True


async def test_after_a_logout_a_person_must_log_in_and_every_primer_is_gone(gateway: Gateway) -> None:
    await gateway.ready()
    assert await gateway.post("/logout") == {"status": True}
    status = await gateway.get("/iserver/auth/status")
    assert (status["authenticated"], status["connected"]) == (False, False)
    assert await gateway.get("/tickle") == {"error": "no session"}
    assert (await gateway.send("GET", "/portfolio/accounts")).status_code == 401
    await gateway.post("/simulator/login")
    assert (await gateway.send("GET", "/iserver/account/orders")).status_code == 500


async def test_first_reads_are_plausibly_empty(gateway: Gateway) -> None:
    await gateway.get("/iserver/accounts")
    await gateway.rows("/portfolio/accounts")
    assert await gateway.get("/iserver/account/pnl/partitioned") == {"upnl": {}}
    assert f"{ACCOUNT}.Core" in (await gateway.get("/iserver/account/pnl/partitioned"))["upnl"]
    assert await gateway.rows("/iserver/account/trades") == []
    first = (await gateway.rows(f"/portfolio/{ACCOUNT}/positions/0"))[0]
    second = (await gateway.rows(f"/portfolio/{ACCOUNT}/positions/0"))[0]
    assert len(first) == 21
    assert "name" not in first
    assert first["strike"] == 0.0
    assert len(second) == 46
    assert (second["ticker"], second["strike"]) == (second["contractDesc"], "0")
    assert await gateway.rows(f"/portfolio/{ACCOUNT}/positions/1") == []


async def test_a_snapshot_warms_up_over_three_reads(gateway: Gateway) -> None:
    await gateway.get("/iserver/accounts")
    address = f"/iserver/marketdata/snapshot?conids={AAPL},{VIX}&fields=31,84,86,85,7282,7289,6509"
    cold, fast, slow = [await gateway.rows(address) for _ in range(3)]
    assert cold == [{"conid": AAPL, "conidEx": str(AAPL)}, {"conid": VIX, "conidEx": str(VIX)}]
    assert float(fast[0]["84"]) < float(fast[0]["86"])
    assert fast[0]["6509"] == "RpB"
    assert "7282" not in fast[0]
    assert slow[0]["7282"].endswith("M")
    assert set(slow[0]["simulator"]["fictional"]) == {"85", "7282", "7289"}
    assert slow[1]["simulator"]["derived"] == ["31"]
    assert "84" not in slow[1]


async def test_after_the_close_the_last_price_is_marked_as_a_close(gateway: Gateway) -> None:
    await gateway.get("/iserver/accounts")
    await gateway.post("/simulator/clock", {"to": "2021-06-01T20:30:00Z"})
    quote = await gateway.quote()
    close = gateway.world.market.closes(AAPL)[gateway.world.moment().session]
    assert quote["31"].startswith("C")
    assert float(quote["31"][1:]) == close
    assert "84" not in quote


async def test_unknown_contracts_are_left_out_and_too_many_are_refused(gateway: Gateway) -> None:
    await gateway.get("/iserver/accounts")
    assert await gateway.rows("/iserver/marketdata/snapshot?conids=1&fields=31") == []
    many = ",".join(str(number) for number in range(1, 102))
    assert (await gateway.send("GET", f"/iserver/marketdata/snapshot?conids={many}&fields=31")).status_code == 400
    assert (await gateway.send("GET", "/iserver/marketdata/snapshot?conids=²&fields=31")).status_code == 400


async def test_history_ends_with_the_forming_bar_of_today(gateway: Gateway) -> None:
    answer = await gateway.get(f"/iserver/marketdata/history?conid={AAPL}&period=2y&bar=1d")
    assert 500 <= answer["points"] == len(answer["data"]) <= 507
    assert answer["simulator"] == {"origin": "synthetic", "derived": False}
    opened = gateway.world.market.calendar.opening(gateway.world.moment().session)
    assert answer["data"][-1]["t"] == opened.timestamp() * 1000
    quote = await gateway.ready()
    assert answer["data"][-1]["c"] == float((await quote.quote())["31"])


async def test_the_start_of_a_history_request_is_the_end_of_its_window(gateway: Gateway) -> None:
    address = f"/iserver/marketdata/history?conid={VIX}&period=5d&bar=1d&startTime=20200316-21:00:00"
    answer = await gateway.get(address)
    days = [datetime.fromtimestamp(bar["t"] / 1000, UTC).date() for bar in answer["data"]]
    assert days[-1] == date(2020, 3, 16)
    assert answer["simulator"]["derived"] is True


async def test_an_empty_window_has_a_placeholder_bar_and_an_unknown_contract_an_error(gateway: Gateway) -> None:
    empty = await gateway.get(f"/iserver/marketdata/history?conid={AAPL}&period=5d&bar=1d&startTime=19800101-00:00:00")
    assert (empty["points"], empty["data"]) == (0, [{"o": 0.0, "c": 0.0}])
    answer = await gateway.send("GET", "/iserver/marketdata/history?conid=999&period=1y&bar=1d")
    assert (answer.status_code, error_of(answer)) == (500, "Chart data unavailable")


async def test_taking_the_first_listing_of_a_ticker_takes_the_wrong_one(gateway: Gateway) -> None:
    listed = (await gateway.get("/trsrv/stocks?symbols=AAPL,NOPE"))["AAPL"]
    conids = {one["contracts"][0]["isUS"]: one["contracts"][0]["conid"] for one in listed}
    assert listed[0]["contracts"][0]["isUS"] is False
    assert conids[True] == AAPL
    found = await gateway.rows("/iserver/secdef/search?symbol=AAPL")
    assert found[0]["description"] == "MEXI"
    index = await gateway.rows("/iserver/secdef/search?symbol=VIX&secType=IND")
    assert [one["conid"] for one in index] == [str(VIX)]


async def test_contract_rules_give_the_ticks_and_who_may_trade(gateway: Gateway) -> None:
    rules = await gateway.post("/iserver/contract/rules", {"conid": AAPL, "isBuy": True})
    assert rules["incrementRules"] == [{"lowerEdge": 0.0, "increment": 0.0001}, {"lowerEdge": 1.0, "increment": 0.01}]
    assert rules["canTradeAcctIds"] == [ACCOUNT]
    info = await gateway.get(f"/iserver/contract/{AAPL}/info-and-rules")
    assert (info["con_id"], info["rules"]["increment"]) == (AAPL, rules["increment"])
    assert (await gateway.post("/iserver/contract/rules", {"conid": VIX}))["canTradeAcctIds"] == []


async def test_the_schedule_knows_the_coming_sessions(gateway: Gateway) -> None:
    schedules = (await gateway.get(f"/contract/trading-schedule?conid={AAPL}"))["schedules"]
    hours = schedules["20210601"]["liquid_hours"][0]
    assert hours["closing"] - hours["opening"] == 390 * 60
    assert "20210605" not in schedules


async def test_positions_cash_and_net_liquidation_agree_everywhere(gateway: Gateway) -> None:
    await gateway.ready()
    positions = await gateway.rows(f"/portfolio/{ACCOUNT}/positions/0")
    fresh = await gateway.rows(f"/portfolio2/{ACCOUNT}/positions")
    summary = await gateway.get(f"/portfolio/{ACCOUNT}/summary")
    ledger = await gateway.get(f"/portfolio/{ACCOUNT}/ledger")
    allocation = await gateway.get(f"/portfolio/{ACCOUNT}/allocation")
    value = sum(row["mktValue"] for row in positions)
    assert [row["conid"] for row in fresh] == [str(row["conid"]) for row in positions]
    assert ledger["USD"]["stockmarketvalue"] == pytest.approx(value)
    assert ledger["BASE"]["cashbalance"] + value == pytest.approx(ledger["BASE"]["netliquidationvalue"])
    assert summary["netliquidation"]["amount"] == pytest.approx(ledger["BASE"]["netliquidationvalue"], abs=0.01)
    assert summary["accountcode"]["value"] == ACCOUNT
    assert allocation["assetClass"]["long"]["STK"] == pytest.approx(value)


async def test_performance_ends_at_the_close_before_the_running_session(gateway: Gateway) -> None:
    answer = await gateway.post("/pa/performance", {"acctIds": [ACCOUNT], "period": "1Y"})
    nav = answer["nav"]
    assert nav["dates"][-1] == "20210528"  # Memorial Day lies between
    assert len(nav["dates"]) == len(nav["data"][0]["navs"]) == 252
    assert nav["data"][0]["startNAV"]["val"] == pytest.approx(250_000, abs=0.01)
    assert (await gateway.send("POST", "/pa/performance", {"period": "1Y"})).status_code == 400
