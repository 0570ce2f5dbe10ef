"""With TRADING_MODE=off nothing changes the simulator's orders: no tool, verb, path or form of JSON-RPC."""

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx2

from api_gateway.mcp_server.registry import TOOLS
from tests.integration.mcp_desk import TOKEN, Desk, desk, signed, ticket
from tests.integration.registry_calls import AAPL, trading, valid

VERBS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
HEADERS: Final = {
    "Authorization": f"Bearer {TOKEN}",
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
}
OPEN: Final = ("/mcp", "/mcp/", "/health", "/ready")
CHANGING: Final = ("/orders", "/order/{id}", "/reply/", "/questions/", "/logout", "ssodh", "/iserver/account")


async def _resting(here: Desk, account: str) -> str:
    """An order that somebody else left open, which the server could change or cancel if it could do anything."""
    order = {"acctId": account, "conid": AAPL, "orderType": "LMT", "side": "BUY", "tif": "DAY", "quantity": 1}
    await here.read("quotes", conids=[AAPL])
    placed = await here.admin.post(
        f"/v1/api/iserver/account/{account}/orders", json={"orders": [{**order, "price": 127, "cOID": "PM0"}]}
    )
    return str(placed.json()[0]["order_id"])


async def _changing_calls(here: Desk) -> dict[str, int]:
    calls = (await here.admin.get("/simulator/calls")).json()["calls"]
    return {
        call: count
        for call, count in calls.items()
        if not call.startswith("GET ") and any(part in call for part in CHANGING) and "whatif" not in call
    }


def _envelopes(name: str, arguments: dict[str, Any]) -> Iterator[object]:
    """One call in the forms in which JSON-RPC and its neighbours could carry it."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    yield call
    yield [call, call]
    yield {**call, "id": None}
    yield {key: value for key, value in call.items() if key != "id"}
    yield {**call, "method": name, "params": arguments}
    yield {**call, "method": "tools/call/", "params": [name, arguments]}


async def test_no_request_of_any_kind_changes_the_orders() -> None:
    async with desk("off", pacing=0) as here:
        account = await here.account()
        order_id = await _resting(here, account)
        orders, before = await here.orders_at_the_gateway(), await _changing_calls(here)
        good = signed(ticket(account))
        names = {
            **{name: dict(arguments) for name, arguments in valid(account, order_id).items()},
            "place_order": good,
            "cancel_order": {"account": account, "order_id": order_id},
        }
        trade = {"place_order", "cancel_order", *trading(account, order_id)}
        assert {tool.name for tool in TOOLS} <= set(names)
        for name, arguments in names.items():
            variants = [arguments, {}, {**arguments, **good}, {**arguments, "TRADING_MODE": "paper", "force": True}]
            for variant in variants if name in trade else variants[:3]:
                result = await here.call(name, **variant)
                assert not (name in trade and not result.is_error), name
        async with httpx2.AsyncClient(base_url=here.server, headers=HEADERS, timeout=60, trust_env=False) as http:
            for name in sorted(trade):
                for envelope in _envelopes(name, names[name]):
                    await http.post("/mcp", content=json.dumps(envelope))
            for path in _paths(account, order_id):
                for verb in VERBS:
                    body = json.dumps({"orders": [{}], "confirmed": True})
                    # A stream of events may stay open: only its beginning is waited for.
                    async with http.stream(verb, path, content=body) as answer:
                        assert answer.status_code >= 400 or path in OPEN, (verb, path)
        assert await here.orders_at_the_gateway() == orders
        assert await _changing_calls(here) == before
        assert [row["state"] for row in orders] == ["Submitted"]


def _paths(account: str, order_id: str) -> Iterator[str]:
    """Of this server, and of the gateway in case anything here passed them on."""
    yield from ("/", "/mcp", "/mcp/", "/health", "/ready", "/sse", "/messages", "/tools/place_order", "/v1/api")
    for base in ("", "/v1/api", "/mcp", "/mcp/v1/api"):
        yield f"{base}/iserver/account/{account}/orders"
        yield f"{base}/iserver/account/{account}/order/{order_id}"
        yield f"{base}/iserver/reply/a1b2c3d4-0000-4000-8000-000000000000"
        yield f"{base}/logout"
    yield f"/mcp/../v1/api/iserver/account/{account}/orders"
    yield f"/simulator/orders?account={account}"
