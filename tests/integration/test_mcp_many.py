"""Five thousand holdings through the tools: asked for a hundred at a time, and no cap on the way."""

from typing import Any, Final

import httpx2
from pydantic import SecretStr

from api_gateway.mcp_server.server import create_app
from api_gateway.settings import Settings
from tests.integration.mcp_desk import TOKEN, connected, served
from tests.unit.gateway.scripted import ScriptedGateway, ok, portal_to, ready_gateway

MOST: Final = 5_000
CONIDS: Final = list(range(1_001, 1_001 + MOST))
SYMBOLS: Final = [f"N{conid}" for conid in CONIDS]
STOCKS, DEFINITIONS, SNAPSHOT = "GET /trsrv/stocks", "GET /trsrv/secdef", "GET /iserver/marketdata/snapshot"
PRICES: Final = {"_updated": 1672239600000, "31": "9.99", "84": "9.98", "86": "10.00", "7741": "9.90", "6509": "RpB"}
SLOW: Final = {"7762": "1,300", "7282": "88.4M", "7289": "2.1B"}


def _asked(request: httpx2.Request, name: str) -> list[str]:
    asked: list[str] = request.url.params[name].split(",")
    assert len(asked) <= 100
    return asked


def _stocks(request: httpx2.Request) -> httpx2.Response:
    def listing(symbol: str) -> dict[str, Any]:
        contract = {"conid": int(symbol[1:]), "exchange": "NYSE", "isUS": True}
        return {"name": symbol, "assetClass": "STK", "contracts": [contract]}

    return ok({symbol: [listing(symbol)] for symbol in _asked(request, "symbols")})


def _definitions(request: httpx2.Request) -> httpx2.Response:
    row = {"currency": "USD", "assetClass": "STK", "listingExchange": "NYSE"}
    return ok({"secdef": [{**row, "conid": int(each), "ticker": f"N{each}"} for each in _asked(request, "conids")]})


def _snapshot(request: httpx2.Request) -> httpx2.Response:
    return ok([{**PRICES, **SLOW, "conid": int(each), "55": f"N{each}"} for each in _asked(request, "conids")])


def gateway_of_many() -> ScriptedGateway:
    return ready_gateway().on(STOCKS, _stocks).on(DEFINITIONS, _definitions).on(SNAPSHOT, _snapshot)


async def test_five_thousand_names_are_resolved_and_quoted_in_one_call_each() -> None:
    gateway = gateway_of_many()
    settings = Settings(trading_mode="off", mcp_token=SecretStr(TOKEN))
    async with served(create_app(settings, portal_to(gateway)), "on") as server, connected(server) as mcp:
        quoted = await mcp.call_tool("quotes", {"conids": CONIDS})
        resolved = await mcp.call_tool("resolve_contracts", {"symbols": SYMBOLS})
        too_many = await mcp.call_tool("quotes", {"conids": [*CONIDS, 7]})
    assert not quoted.is_error
    assert not resolved.is_error
    assert isinstance(quoted.structured_content, dict)
    assert isinstance(resolved.structured_content, dict)
    assert [row["conid"] for row in quoted.structured_content["quotes"]] == CONIDS
    assert [row["conid"] for row in resolved.structured_content["contracts"]] == CONIDS
    assert too_many.is_error
    assert (gateway.count(SNAPSHOT), gateway.count(STOCKS), gateway.count(DEFINITIONS)) == (50, 50, 100)
