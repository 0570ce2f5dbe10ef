"""What the gateway tools make of answers: odd ones are errors, cold ones are repeated, nobody else's are shown."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from mcp.server.mcpserver.context import Context
from mcp.types import CallToolResult

from api_gateway.mcp_server.admission import Admission
from api_gateway.mcp_server.boundary import Boundary
from api_gateway.mcp_server.order_gate import OrderGate
from api_gateway.mcp_server.raw_tools import gateway_tools
from api_gateway.mcp_server.registry import TOOLS
from api_gateway.mcp_server.registry.tool import Surroundings
from api_gateway.mcp_server.tickets import TicketVerifier
from tests.integration.mcp_desk import KEY, signed, ticket
from tests.integration.registry_calls import valid
from tests.unit.gateway.scripted import ACCOUNT, ScriptedGateway, ok, portal_to, raw, ready_gateway

OTHER = "DU9999999"
STARTED = 1_800_000_000
READS = [tool for tool in TOOLS if tool.is_served and tool.kind in ("read", "session")]
NO_ANSWERS = [
    raw("null"),
    raw('"text"'),
    raw("5"),
    raw("true"),
    raw(""),
    raw("<html>Access Denied</html>"),
    raw('{"data": [1, 2'),
    ok([1]),
    ok([[]]),
    ok({"error": "something"}),
    ok({"error": "something", "statusCode": 500}, 500),
    ok([{"conid": "x", "position": "many", "con_id": None, "orderId": {}, "execution_id": []}]),
]


async def answered(
    gateway: ScriptedGateway, name: str, listed: tuple[str, ...] = (), **arguments: object
) -> CallToolResult:
    portal = portal_to(gateway)
    made = gateway_tools(Surroundings(portal, Admission(portal, listed)), Boundary(), trading=False)
    (tool,) = [each for each in made if each.name == name]
    result = await tool.run(arguments, Context())
    assert isinstance(result, CallToolResult)
    return result


def told(result: CallToolResult) -> Mapping[str, Any]:
    content = result.structured_content
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("name", [tool.name for tool in READS])
async def test_what_is_no_answer_is_an_error_with_a_remedy(name: str) -> None:
    (tool,) = [each for each in READS if each.name == name]
    arguments = valid(ACCOUNT, "1")[name]
    verb, path = tool.route
    for placeholder in tool.placeholders:
        path = path.replace(f"{{{placeholder}}}", str(arguments[placeholder]))
    for answer in NO_ANSWERS:
        gateway = ready_gateway()
        gateway.on("GET /iserver/contract/265598/info", ok({"symbol": "AAPL", "con_id": 265598}))
        gateway.on("GET /iserver/secdef/search", ok([]))
        # The session reads some of these endpoints itself, and rightly.
        first = (
            gateway.answers.get(f"{verb} {path}", []) if path in ("/portfolio/accounts", "/iserver/accounts") else []
        )
        gateway.on(f"{verb} {path}", *first, answer)
        result = await answered(gateway, name, **arguments)
        assert result.is_error, (answer.content, told(result))
        error = told(result)["error"]
        assert error["cause"], answer.content
        assert error["remedy"], answer.content


async def test_an_account_that_is_not_listed_is_masked_even_in_a_text() -> None:
    gateway = ready_gateway()
    gateway.on("GET /iserver/accounts", ok({"accounts": [ACCOUNT, OTHER], "isPaper": True}))
    row = {"orderId": 1, "conid": 1, "side": "BUY", "status": "Filled", "remainingQuantity": 0, "filledQuantity": 1}
    rows = [
        {**row, "acct": ACCOUNT, "orderDesc": f"with {OTHER}"},
        {**row, "orderId": 2, "acct": OTHER},
        {**row, "orderId": 3},
    ]
    gateway.on("GET /iserver/account/orders", ok({"orders": rows, "snapshot": True}))
    result = await answered(gateway, "get_live_orders_iserver_account_orders_get", (ACCOUNT,))
    (shown,) = told(result)["data"]
    assert shown["orderDesc"] == "with ***"


async def test_positions_of_another_account_are_an_error_and_not_an_empty_list() -> None:
    numbers = dict.fromkeys(("mktPrice", "mktValue", "avgCost", "avgPrice", "realizedPnl", "unrealizedPnl"), 1)
    row = {"acctId": OTHER, "conid": 1, "position": 1, "currency": "USD", "ticker": "X", **numbers}
    gateway = ready_gateway().on(f"GET /portfolio/{ACCOUNT}/positions/0", ok([row]))
    result = await answered(gateway, "get_positions_portfolio", accountId=ACCOUNT, pageId=0)
    assert result.is_error
    assert told(result)["error"]["kind"] == "Malformed"


async def test_an_empty_first_page_is_believed_only_when_the_uncached_positions_are_empty_too() -> None:
    held = {"conid": "1", "description": "X", "secType": "STK", "currency": "USD", "position": 1}
    numbers = dict.fromkeys(("marketPrice", "marketValue", "avgCost", "unrealizedPnl", "realizedPnl"), 1)
    gateway = ready_gateway().on(f"GET /portfolio/{ACCOUNT}/positions/0", ok([]))
    gateway.on(f"GET /portfolio2/{ACCOUNT}/positions", ok([{**held, **numbers}]))
    cold = await answered(gateway, "get_positions_portfolio", accountId=ACCOUNT, pageId=0)
    assert cold.is_error


async def test_first_reads_that_lack_something_are_repeated() -> None:
    gateway = ready_gateway()
    cold: dict[str, object] = {"upnl": {}}
    warm = {"upnl": {f"{ACCOUNT}.Core": {"dpl": "1,300.5", "nl": 2}}}
    gateway.on("GET /iserver/account/pnl/partitioned", ok(cold), ok(warm))
    result = await answered(gateway, "get_pnl_partitioned_iserver_account_pnl_partitioned_get")
    assert told(result)["data"] == {"upnl": {f"{ACCOUNT}.Core": {"dpl": "1300.5", "nl": "2"}}}
    gateway.on("GET /iserver/account/pnl/partitioned", ok(cold))
    again = await answered(gateway, "get_pnl_partitioned_iserver_account_pnl_partitioned_get")
    assert told(again)["error"]["kind"] == "Incomplete"


async def test_the_placeholder_of_an_empty_history_is_no_bar() -> None:
    name, path = "get_marketdata_history_iserver_marketdata_history_get", "GET /iserver/marketdata/history"
    bar = {"o": 1.5, "h": 2, "l": 1, "c": 1.75, "v": 10, "t": 1_700_000_000_000}
    gateway = ready_gateway().on(path, ok({"points": 0, "data": [{"o": 0.0, "c": 0.0}]}))
    assert told(await answered(gateway, name, conid=1, period="1d"))["error"]["kind"] == "Incomplete"
    gateway.on(path, ok({"error": "Chart data unavailable"}, 500), ok({"points": 2, "data": [{"o": 0.0}, bar]}))
    data = told(await answered(gateway, name, conid=1, period="1d"))["data"]
    assert data["points"] == 1
    assert data["data"] == [{"o": "1.5", "h": "2", "l": "1", "c": "1.75", "v": "10", "t": "2023-11-14T22:13:20Z"}]


async def test_a_snapshot_marks_a_previous_close_and_names_what_nobody_quotes() -> None:
    bare = [{"conid": 1, "conidEx": "1"}]
    full = [
        {
            "conid": 1,
            "31": "C168.42",
            "83": "0.54%",
            "84": "-1",
            "86": "",
            "88": "1,300",
            "87": "12.5K",
            "_updated": 1_700_000_000_000,
        }
    ]
    gateway = ready_gateway().on("GET /iserver/marketdata/snapshot", ok(bare), ok(full))
    name = "get_marketdata_snapshot_iserver_marketdata_snapshot_get"
    result = await answered(gateway, name, conids=[1, 2], fields=["31", "83", "84", "86", "87", "88"])
    data = told(result)["data"]
    (row,) = data["snapshots"]
    assert data["missing"] == [2]
    assert row["missing"] == ["86"]
    assert row["fields"]["31"] == {"label": "last price", "value": "168.42", "mark": "previous close"}
    assert row["fields"]["83"]["value"] == "0.54"
    assert row["fields"]["84"] == {"label": "bid price", "value": None, "text": "nobody quotes"}
    assert (float(row["fields"]["87"]["value"]), row["fields"]["88"]["value"]) == (12_500, "1300")
    garbled = ready_gateway().on("GET /iserver/marketdata/snapshot", ok([{"conid": 1, "31": "many"}]))
    assert told(await answered(garbled, name, conids=[1], fields=["31"]))["error"]["kind"] == "Malformed"


async def test_what_identifies_the_user_or_the_session_is_told_to_nobody() -> None:
    secret = {"session": "5ec2e7", "userId": 4711, "USER_NAME": "5ec2e7", "IP": "5ec2e7", "MAC": "5ec2e7"}
    status = {"authenticated": True, "competing": False, "connected": True, "hardware_info": "5ec2e7", **secret}
    gateway = ready_gateway().on("GET /iserver/auth/status", ok(status))
    gateway.on("GET /tickle", ok({**secret, "ssoExpires": 1, "iserver": {"authStatus": status}}))
    gateway.on("GET /sso/validate", ok({**secret, "RESULT": True, "EXPIRES": 1}))
    for name in ("get_auth_status_iserver_auth_status_get", "tickle_tickle_get", "sso_validate_sso_validate_post"):
        result = await answered(gateway, name)
        assert not result.is_error
        assert "5ec2e7" not in json.dumps(told(result))
        assert "4711" not in json.dumps(told(result))


async def test_numbers_are_text_and_exact() -> None:
    body = b'[{"conid": "1", "position": 0.1, "currency": "USD", "avgCost": 12345678901.123456789, "marketPrice": 1e2,'
    body += b'"marketValue": 10, "realizedPnl": -0.0, "unrealizedPnl": 1.10, "noted": 2.50, "count": 3}]'
    gateway = ready_gateway().on(f"GET /portfolio2/{ACCOUNT}/positions", httpx2.Response(200, content=body))
    (row,) = told(await answered(gateway, "get_positions_realtime_portfolio2", accountId=ACCOUNT))["data"]
    assert (row["conid"], row["count"]) == (1, 3)
    assert (row["position"], row["avgCost"], row["marketPrice"]) == ("0.1", "12345678901.123456789", "100")
    assert (row["unrealizedPnl"], row["noted"]) == ("1.10", "2.50")


async def test_what_became_of_an_order_is_told_though_the_session_is_lost_right_after() -> None:
    gateway = ready_gateway().on("GET /iserver/contract/265598/info", ok({"instrument_type": "STK", "con_id": 265598}))
    portal = portal_to(gateway)
    admission = Admission(portal, ())
    verifier = TicketVerifier(KEY, lambda: STARTED)
    gate = OrderGate(portal, admission, verifier, trading_mode="paper", max_order_value=Decimal(50_000))

    def lost(_: httpx2.Request) -> httpx2.Response:
        portal.session.forget()
        gateway.on("POST /iserver/auth/status", httpx2.ConnectError("gone"))
        return ok([{"order_id": "1", "order_status": "Submitted"}])

    gateway.on(f"POST /iserver/account/{ACCOUNT}/orders", lost)
    made = gateway_tools(Surroundings(portal, admission, gate), Boundary(), trading=True)
    (tool,) = [each for each in made if each.name == "place_order_iserver_account"]
    fields = ticket(ACCOUNT, coid="PM1", limit_price="131", expires=STARTED + 60)
    terms = {"conid": fields["conid"], "side": "BUY", "quantity": 10, "price": 131, "orderType": "LMT", "tif": "DAY"}
    result = await tool.run({**signed(fields), "accountId": ACCOUNT, "orders": [{**terms, "cOID": "PM1"}]}, Context())
    assert isinstance(result, CallToolResult)
    assert told(result)["data"]["outcome"] == "accepted", told(result)
