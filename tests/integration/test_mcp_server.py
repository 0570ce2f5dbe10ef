"""The MCP server as its callers see it: over HTTP, with a token, in front of a gateway that behaves."""

import asyncio
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api_gateway.mcp_server.registry import TOOLS
from app.commands.processes import free_ports, mcp_server, private_directory
from tests.integration.mcp_desk import KEY, TOKEN, Desk, connected, desk, signed, ticket

READS = {
    "session_status",
    "portfolio",
    "performance",
    "cash_rows",
    "resolve_contracts",
    "contract_rules",
    "quotes",
    "history",
    "preview_order",
    "order_report",
    "order_status",
    "trade_boundary",
    *(tool.name for tool in TOOLS if tool.kind != "trade"),
}
SESSION = {tool.name for tool in TOOLS if tool.kind == "session"}
TRADES = {"place_order", "cancel_order", *(tool.name for tool in TOOLS if tool.kind == "trade")}
AAPL = 265598
PLACE = "POST /iserver/account/{account}/orders"


async def test_without_trading_there_is_no_tool_that_can_send_an_order() -> None:
    async with desk("off") as here:
        tools = {tool.name: tool for tool in (await here.mcp.list_tools()).tools}
        assert set(tools) == READS
        for tool in tools.values():
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is (tool.name not in SESSION)
            assert tool.annotations.destructive_hint is False
            assert tool.output_schema is not None
            assert tool.description
        assert "Unknown tool" in await here.error("place_order", **signed(ticket("DU7654321")))
        assert (await here.read("session_status"))["trading_mode"] == "off"


async def test_with_trading_the_tools_that_trade_say_so() -> None:
    async with desk("paper") as here:
        tools = {tool.name: tool for tool in (await here.mcp.list_tools()).tools}
        assert set(tools) == READS | TRADES
        for name in TRADES:
            annotations = tools[name].annotations
            assert annotations is not None
            assert annotations.destructive_hint is True
            assert annotations.read_only_hint is False
            assert annotations.idempotent_hint is False


async def test_a_request_without_the_right_token_is_refused() -> None:
    async with desk("off") as here, httpx2.AsyncClient(base_url=here.server, timeout=60, trust_env=False) as http:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            answer = await http.post("/mcp", json={}, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
        health = await http.get("/health")
        assert (health.status_code, health.json()) == (200, {"status": "ok"})


async def test_a_foreign_host_or_origin_is_refused_even_with_the_token() -> None:
    token = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        desk("off") as here,
        httpx2.AsyncClient(base_url=here.server, headers=token, timeout=60, trust_env=False) as http,
    ):
        assert (await http.post("/mcp", json={}, headers={"Host": "evil.example"})).status_code == 421
        assert (await http.post("/mcp", json={}, headers={"Origin": "https://evil.example"})).status_code == 403


async def test_the_session_tells_the_simulators_world_and_its_market_time() -> None:
    async with desk("paper") as here:
        status = await here.read("session_status")
    assert (status["state"], status["remedy"], status["paper"]) == ("READY", None, True)
    assert status["simulator"] == {"as_of": "2022-12-28", "seed": 7, "data": "sample", "pacing": 0.001}
    assert status["now"].startswith("2022-12-28T15:00:")
    assert status["source"] == "simulator"
    assert len(status["accounts"]) == 1


async def test_a_portfolio_adds_up_and_its_money_is_text() -> None:
    async with desk("off") as here:
        account = await here.account()
        portfolio = await here.read("portfolio", account=account)
        performance = await here.read("performance", account=account)
    assert len(portfolio["positions"]) == 12
    held = sum(Decimal(row["market_value"]) for row in portfolio["positions"])
    cash = sum(Decimal(row["cash"]) for row in portfolio["cash"])
    assert held + cash == pytest.approx(Decimal(portfolio["net_liquidation"]), abs=Decimal("0.02"))
    assert portfolio["account_type"] == "margin"
    assert portfolio["orders"] == []
    assert performance["points"][-1]["date"] == "2022-12-27"
    assert len(performance["points"]) > 200


async def test_an_account_that_is_not_listed_cannot_be_read() -> None:
    async with desk("off") as here:
        for tool in ("portfolio", "performance", "order_report"):
            assert "IBKR_ACCOUNT_ID" in await here.error(tool, account="DU0000001")
    async with desk("off", accounts=("DU0000001",)) as here:
        status = await here.read("session_status")
        assert status["accounts"] == []
        assert "IBKR_ACCOUNT_ID" in status["remedy"]


async def test_contracts_resolve_to_the_us_listing_and_the_rest_says_why_not() -> None:
    async with desk("off") as here:
        stocks = await here.read("resolve_contracts", symbols=["AAPL", "NOPE"])
        indices = await here.read("resolve_contracts", symbols=["VIX", "SPX"], asset_class="IND")
        rules = await here.read("contract_rules", conid=AAPL, side="BUY")
    assert [(row["conid"], row["exchange"]) for row in stocks["contracts"]] == [(AAPL, "NASDAQ")]
    assert [row["symbol"] for row in stocks["unresolved"]] == ["NOPE"]
    assert [row["symbol"] for row in indices["contracts"]] == ["VIX", "SPX"]
    assert rules["can_trade"] is True
    assert {row["increment"] for row in rules["increments"]} == {"0.01", "0.0001"}


async def test_quotes_are_warm_on_the_first_call_and_say_what_is_made_up() -> None:
    async with desk("off") as here:
        indices = await here.read("resolve_contracts", symbols=["VIX"], asset_class="IND")
        vix = indices["contracts"][0]["conid"]
        answer = await here.read("quotes", conids=[AAPL, vix, 999_999])
    stock, index = answer["quotes"]
    assert Decimal(stock["bid"]) < Decimal(stock["ask"])
    assert stock["kind"] == "live"
    assert stock["as_of"].startswith("2022-12-28T15:00:")
    assert {"simulated", "fictional:market_cap"} <= set(stock["marks"])
    assert stock["market_cap"] is not None
    assert (index["bid"], index["ask"]) == (None, None)
    assert "derived" in index["marks"]
    assert [row["conid"] for row in answer["missing"]] == [999_999]


async def test_a_history_ends_with_the_last_completed_session() -> None:
    async with desk("off") as here:
        history = await here.read("history", conid=AAPL)
        assert "error" not in history
        assert "pattern" in await here.error("history", conid=AAPL, period="2Y")
        assert "no contract with this conid" in await here.error("history", conid=424242)
    assert history["dates"][-1] == "2022-12-27"
    assert len(history["dates"]) == len(history["closes"]) > 480
    assert (history["adjusted"], history["origin"], history["source"]) == (True, "sample", "simulator")


async def test_a_preview_costs_an_order_and_sends_none() -> None:
    async with desk("off") as here:
        account = await here.account()
        await here.read("quotes", conids=[AAPL])
        preview = await here.read(
            "preview_order", account=account, conid=AAPL, side="BUY", quantity="10", limit_price="131"
        )
        assert await here.orders_at_the_gateway() == []
    assert (preview["amount"], preview["currency"], preview["error"]) == ("1310", "USD", None)
    assert Decimal(preview["commission"]) >= 1
    assert preview["equity_after"] is not None


async def test_a_ticket_places_one_order_that_fills_and_is_reported() -> None:
    async with desk() as here:
        account = await here.account()
        quotes = await here.read("quotes", conids=[AAPL])
        before = await here.read("portfolio", account=account)
        placed = await here.read("place_order", **signed(ticket(account)))
        assert (placed["outcome"], placed["questions"]) == ("accepted", [])
        order = await here.read("order_status", account=account, order_id=placed["order_id"])
        report = await here.read("order_report", account=account)
        after = await here.read("portfolio", account=account)
        (arrived,) = await here.orders_at_the_gateway()
    assert (order["status"], order["filled_quantity"], order["remaining_quantity"]) == ("Filled", "10.0", "0.0")
    assert Decimal(order["average_price"]) <= 131
    assert [row["coid"] for row in report["orders"]] == ["PM0123456789abcdef0123"]
    (trade,) = report["trades"]
    assert (trade["order_id"], trade["coid"]) == (placed["order_id"], "PM0123456789abcdef0123")
    assert Decimal(trade["commission"]) == 1
    assert _held(after) - _held(before) == 10
    assert (arrived["arrivals"], arrived["state"]) == (1, "Filled")
    assert quotes["missing"] == []


def _held(portfolio: dict[str, Any], conid: int = AAPL) -> Decimal:
    return sum((Decimal(row["quantity"]) for row in portfolio["positions"] if row["conid"] == conid), Decimal(0))


async def _refused(here: Desk, arguments: dict[str, Any], reason: str) -> None:
    result = await here.read("place_order", **arguments)
    assert result["outcome"] == "refused", result
    assert reason in result["message"]


async def test_no_bad_ticket_makes_an_order_reach_the_gateway() -> None:
    async with desk() as here:
        account = await here.account()
        now = int(time.time())
        good = signed(ticket(account))
        for field, value in (("quantity", "11"), ("limit_price", "999"), ("account", "DU0000001"), ("side", "SELL")):
            await _refused(here, {**good, "ticket": {**good["ticket"], field: value}}, "signature")
        await _refused(here, {**good, "signature": "0" * 64}, "signature")
        await _refused(here, {**good, "signature": ""}, "signature")
        await _refused(here, signed(ticket(account), "another key"), "signature")
        await _refused(here, signed(ticket(account, expires=now - 1)), "expired")
        await _refused(here, signed(ticket(account, expires=now + 3600)), "at most 120 s")
        await _refused(here, signed(ticket(account, expires=now + 30)), "before this server started")
        await _refused(here, signed(ticket(account, version=3)), "version")
        await _refused(here, signed(ticket(account, quantity="10.0")), "plain notation")
        await _refused(here, signed(ticket(account, quantity="1e2")), "plain notation")
        await _refused(here, signed(ticket(account, quantity="0")), "positive")
        await _refused(here, signed(ticket(account, quantity="0.5")), "whole shares")
        await _refused(here, signed(ticket(account, limit_price="NaN")), "plain notation")
        await _refused(here, signed(ticket(account, time_in_force="GTC")), "DAY")
        await _refused(here, signed(ticket(account, side="HOLD")), "BUY nor SELL")
        await _refused(here, signed(ticket(account, coid="")), "cOID")
        assert await here.orders_at_the_gateway() == []


async def test_the_servers_own_caps_hold_whatever_a_valid_ticket_says() -> None:
    async with desk(max_order_value=1_000) as here:
        account = await here.account()
        held = _held(await here.read("portfolio", account=account))
        vix = (await here.read("resolve_contracts", symbols=["VIX"], asset_class="IND"))["contracts"][0]["conid"]
        await _refused(here, signed(ticket(account, coid="PM1")), "max_order_value")
        await _refused(here, signed(ticket("DU0000001", quantity="1", coid="PM2")), "account")
        await _refused(here, signed(ticket(account, side="SELL", quantity=f"{held + 1:.0f}", coid="PM3")), "no_short")
        await _refused(here, signed(ticket(account, conid=vix, quantity="1", coid="PM4")), "asset_class")
        await _refused(here, signed(ticket(account, conid=424242, quantity="1", coid="PM5")), "refused")
        assert await here.orders_at_the_gateway() == []


async def test_a_sell_of_more_than_the_cap_on_buys_goes_through_up_to_the_holding() -> None:
    async with desk(max_order_value=1_000) as here:
        account = await here.account()
        held = _held(await here.read("portfolio", account=account))
        await here.read("quotes", conids=[AAPL])
        exit_all = ticket(account, side="SELL", quantity=f"{held:.0f}", limit_price="127")
        placed = await here.read("place_order", **signed(exit_all))
        assert placed["outcome"] == "accepted"
        assert _held(await here.read("portfolio", account=account)) == 0


async def test_shares_in_an_open_sell_are_not_sold_twice() -> None:
    async with desk() as here:
        account = await here.account()
        held = _held(await here.read("portfolio", account=account))
        await here.read("quotes", conids=[AAPL])
        resting = ticket(account, side="SELL", quantity=f"{held:.0f}", limit_price="132", coid="PM1")
        assert (await here.read("place_order", **signed(resting)))["outcome"] == "accepted"
        again = ticket(account, side="SELL", quantity="1", limit_price="132", coid="PM2")
        await _refused(here, signed(again), "already being sold")
        assert len(await here.orders_at_the_gateway()) == 1


async def test_a_ticket_is_good_for_one_order_however_often_it_is_shown() -> None:
    async with desk() as here:
        account = await here.account()
        await here.read("quotes", conids=[AAPL])
        arguments = signed(ticket(account))
        results = await asyncio.gather(*(here.read("place_order", **arguments) for _ in range(10)))
        assert sorted(result["outcome"] for result in results) == ["accepted"] + ["already_registered"] * 9
        again = await here.read("place_order", **signed(ticket(account, quantity="5")))
        assert (again["outcome"], "already used" in again["message"]) == ("already_registered", True)
        (arrived,) = await here.orders_at_the_gateway()
        assert arrived["arrivals"] == 1


async def test_an_order_that_the_broker_already_has_is_told_and_not_repeated() -> None:
    async with desk() as first:
        account = await first.account()
        await first.read("quotes", conids=[AAPL])
        body = {"acctId": account, "conid": AAPL, "orderType": "LMT", "side": "BUY", "tif": "DAY"}
        earlier = {"orders": [{**body, "quantity": 1, "price": 131, "cOID": "PM0123456789abcdef0123"}]}
        await first.admin.post(f"/v1/api/iserver/account/{account}/orders", json=earlier)
        result = await first.read("place_order", **signed(ticket(account)))
        assert result["outcome"] == "already_registered"


async def test_an_answer_that_is_lost_leaves_the_outcome_unknown_and_sends_nothing_again() -> None:
    async with desk() as here:
        account = await here.account()
        await here.read("quotes", conids=[AAPL])
        await here.spoil("/iserver/account/*/orders", method="POST", kind="drop_after", times=1)
        result = await here.read("place_order", **signed(ticket(account)))
        assert (result["outcome"], result["order_id"]) == ("unknown", None)
        assert await here.calls(PLACE) == 1
        report = await here.read("order_report", account=account)
        assert [row["coid"] for row in report["orders"]] == ["PM0123456789abcdef0123"]


async def test_a_question_about_the_price_is_left_to_a_person() -> None:
    async with desk() as here:
        account = await here.account()
        await here.read("quotes", conids=[AAPL])
        result = await here.read("place_order", **signed(ticket(account, limit_price="150")))
        assert result["outcome"] == "unknown"
        assert [(each["message_ids"], each["confirmed"]) for each in result["questions"]] == [(["o163"], False)]
        assert await here.calls("POST /iserver/reply/{id}") == 0
        assert (await here.read("order_report", account=account))["orders"] == []


async def test_a_question_about_the_total_value_is_confirmed_within_the_servers_own_cap() -> None:
    async with desk(max_order_value=200_000) as here:
        account = await here.account()
        await here.read("quotes", conids=[AAPL])
        result = await here.read("place_order", **signed(ticket(account, quantity="800")))
        assert result["outcome"] == "accepted"
        assert [(each["message_ids"], each["confirmed"]) for each in result["questions"]] == [(["o451"], True)]


async def test_live_mode_refuses_a_simulator_in_every_tool() -> None:
    async with desk("live", accounts=("DU7654321",)) as here:
        status = await here.read("session_status")
        assert (status["state"], status["accounts"]) == ("DOWN", [])
        assert "live mode refuses a simulator" in status["message"]
        for tool in ("portfolio", "performance", "order_report"):
            assert "live mode refuses a simulator" in await here.error(tool, account="DU7654321")
        assert "live mode refuses a simulator" in await here.error("quotes", conids=[AAPL])
        assert "live mode refuses a simulator" in await here.error("history", conid=AAPL)
        await _refused(here, signed(ticket("DU7654321")), "live mode refuses a simulator")
        assert await here.orders_at_the_gateway() == []


@pytest.mark.parametrize(
    ("kind", "state"),
    [("logged_out", "LOGIN_REQUIRED"), ("no_bridge", "NO_BRIDGE"), ("competing", "COMPETING"), ("malformed", "DOWN")],
)
async def test_a_session_in_trouble_is_told_and_no_read_invents_an_empty_account(kind: str, state: str) -> None:
    async with desk("off") as here:
        account = await here.account()
        reads = ("summary", "ledger")
        paths = [f"/portfolio/*/{read}" for read in reads] + ["/portfolio2/*/positions", "/iserver/auth/status"]
        await here.spoil(*paths, kind=kind, times=1_000)
        status = await here.read("session_status")
        assert await here.error("portfolio", account=account)
        assert status["state"] == state
        assert status["remedy"]
        await here.admin.delete("/simulator/faults")


async def test_two_clients_share_one_server_and_its_single_status_read() -> None:
    async with desk("off", pacing=1.0) as here, connected(here.server) as other:
        await here.read("session_status")
        before = await here.calls("POST /iserver/auth/status")
        await asyncio.gather(*(session.call_tool("session_status", {}) for session in (here.mcp, other) * 25))
        assert await here.calls("POST /iserver/auth/status") <= before + 1


def test_the_key_and_the_token_of_the_tests_differ() -> None:
    assert KEY != TOKEN


def test_the_server_is_reachable_on_loopback_alone_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    with mcp_server(private_directory(tmp_path), free_ports().mcp, "http://127.0.0.1:9", "off") as shared:
        address = httpx2.URL(shared["MCP_URL"])
        assert httpx2.get(address.copy_with(path="/health"), timeout=60, trust_env=False).status_code == 200
        # Another address of the same machine, which a server that listens everywhere would answer, too.
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(address.copy_with(host="127.0.0.2", path="/health"), timeout=60, trust_env=False)


STRANGE: dict[str, tuple[dict[str, str], bytes]] = {
    "a host that is none": ({"Host": "[bad"}, b"{}"),
    "another": ({"Host": "a]b"}, b"{}"),
    "an origin that is none": ({"Origin": "http://[bad"}, b"{}"),
    "a page without an origin": ({"Origin": "null"}, b"{}"),
    "half a character": ({}, b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}'),
    "half a character as id": ({}, b'{"jsonrpc":"2.0","id":"\\ud800","method":"tools/list"}'),
    "not UTF-8": ({}, b"\xff"),
    "too deep": ({}, b"[" * 100_000),
    "a number of 5,000 digits": ({}, b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"tools/list"}'),
    "cut off": ({}, b'{"jsonrpc":'),
    "six million bytes": ({}, b" " * 6_000_000),
}


async def test_what_no_client_means_is_refused_and_no_fault() -> None:
    sent = {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    async with (
        desk("off") as here,
        httpx2.AsyncClient(base_url=here.server, headers=sent, timeout=60, trust_env=False) as http,
    ):
        for kind, (headers, body) in STRANGE.items():
            answer = await http.post("/mcp", content=body, headers=headers)
            assert 400 <= answer.status_code < 500, (kind, answer.text)
        for token in (b"Bearer \xff\xfe", "Bearer tökén".encode(), b""):
            assert (await http.post("/mcp", content=b"{}", headers={b"Authorization": token})).status_code == 401
