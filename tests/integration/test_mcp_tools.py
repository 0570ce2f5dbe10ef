"""Every gateway tool through the official MCP client: listed, called rightly, wrongly, and without a gateway."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx2
import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.transport import open_http
from api_gateway.mcp_server.raw_tools import ENVELOPE
from api_gateway.mcp_server.registry import TOOLS
from api_gateway.mcp_server.registry.tool import GatewayTool, Local, Unsupported
from api_gateway.mcp_server.server import create_app
from api_gateway.settings import Settings
from tests.integration.mcp_desk import TOKEN, Desk, connected, desk, served, signed, text_of, ticket
from tests.integration.registry_calls import AAPL, trading, valid

BY_NAME: Final = {tool.name: tool for tool in TOOLS}
# The simulator has shares, funds and indices: no event contracts, combinations or options.
NOTHING_THERE: Final = {"show_event_contract_events_show_get"}
EMPTY: Final = {"get_secdef_info_iserver_secdef_info_get", "get_combo_positions_portfolio"}


@asynccontextmanager
async def without_gateway(trading: bool = True) -> AsyncIterator[Desk]:
    """The server in front of a port where nobody listens."""
    settings = Settings(
        ibkr_gateway_url="http://127.0.0.1:9",
        trading_mode="paper" if trading else "off",
        mcp_token=SecretStr(TOKEN),
        ticket_key=SecretStr("key"),
    )
    portal = ClientPortal(open_http(settings.ibkr_gateway_url), refuse_simulator=False)
    async with (
        served(create_app(settings, portal), "on") as server,
        connected(server) as mcp,
        httpx2.AsyncClient(timeout=60, trust_env=False) as nobody,
    ):
        yield Desk("", server, mcp, nobody)


async def _an_order(here: Desk, account: str) -> str:
    await here.read("quotes", conids=[AAPL])
    placed = await here.read("place_order", **signed(ticket(account)))
    assert placed["outcome"] == "accepted"
    return str(placed["order_id"])


def _check(tool: GatewayTool, error: bool, content: Mapping[str, Any] | None, text: str) -> None:
    assert content is not None, tool.name
    Draft202012Validator(ENVELOPE).validate(content)
    if error:
        told = content["error"]
        assert told["cause"], tool.name
        assert told["remedy"], tool.name
        assert text == f"{told['cause']}. {told['remedy']}", tool.name
        return
    assert "error" not in content
    assert content["source"] == ("reference" if isinstance(tool.served, Local) else "simulator"), tool.name
    assert json.loads(text) == content, tool.name


async def test_every_tool_is_listed_with_a_schema_that_is_one_and_takes_its_own_arguments() -> None:
    async with desk("paper") as here:
        account = await here.account()
        arguments = valid(account, "1")
        listed = {tool.name: tool for tool in (await here.mcp.list_tools()).tools}
    assert set(BY_NAME) <= set(listed)
    assert set(arguments) == set(BY_NAME)
    for name, tool in BY_NAME.items():
        Draft202012Validator.check_schema(listed[name].input_schema)
        Draft202012Validator(listed[name].input_schema).validate(arguments[name])
        assert listed[name].description == tool.doc
        assert listed[name].output_schema == ENVELOPE
        for argument, said in listed[name].input_schema.get("properties", {}).items():
            assert {"type", "anyOf", "enum", "const", "$ref"} & set(said), (name, argument)


async def test_every_tool_answers_with_data_or_says_what_to_do() -> None:
    async with desk("paper") as here:
        account = await here.account()
        order_id = await _an_order(here, account)
        calls = valid(account, order_id)
        # The one that ends the session comes last.
        for name in sorted(calls, key=lambda each: each == "logout_logout_post"):
            tool = BY_NAME[name]
            result = await here.call(name, **calls[name])
            refused = isinstance(tool.served, Unsupported) or name in NOTHING_THERE | _never(account, order_id)
            assert bool(result.is_error) is refused, (name, text_of(result))
            _check(tool, bool(result.is_error), result.structured_content, text_of(result))
            if not refused and name not in EMPTY and tool.kind in ("read", "reference", "preview"):
                assert result.structured_content is not None
                assert result.structured_content["data"], name
        assert len(await here.orders_at_the_gateway()) == 1


def _never(account: str, order_id: str) -> set[str]:
    """Tools that trade, of which these arguments let none do anything but two of the session."""
    harmless = {
        "suppress_questions_iserver_questions_suppress_reset_post",
        "init_brokerage_session_iserver_auth_ssodh_init_post",
        "reauthenticate_iserver_reauthenticate_post",
        "switch_account_iserver_account_post",
        "logout_logout_post",
    }
    return set(trading(account, order_id)) - harmless


def _wrong(tool: GatewayTool, right: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Argument that is wrong → the call: a required one missing, every one of a wrong type, one too many."""
    aliases = {name: field.alias or name for name, field in tool.arguments.model_fields.items()}
    required = [aliases[name] for name, field in tool.arguments.model_fields.items() if field.is_required()]
    missing = [(name, {key: value for key, value in right.items() if key != name}) for name in required]
    mistyped = [(name, {**right, name: wrong}) for name in aliases.values() for wrong in ({"x": 1}, "\u0000/../?")]
    # A signature may be any text, and the broker's parameters of a strategy any object.
    free = {"signature": "\u0000/../?", "strategyParameters": {"x": 1}}
    mistyped = [(name, call) for name, call in mistyped if call[name] != free.get(name)]
    return [*missing, *mistyped, ("no_such_argument", {**right, "no_such_argument": 1})]


async def test_a_wrong_argument_is_an_error_that_names_it_and_asks_nothing() -> None:
    async with desk("paper") as here:
        account = await here.account()
        right = valid(account, "1")
        before = (await here.admin.get("/simulator/calls")).json()["calls"]
        for name, tool in BY_NAME.items():
            for wrong, call in _wrong(tool, right[name]):
                result = await here.call(name, **call)
                assert result.is_error, (name, call)
                assert result.structured_content is not None
                told = result.structured_content["error"]
                assert told["kind"] == "InvalidArguments", (name, call, told)
                assert wrong in told["cause"], (name, call, told)
                assert "../?" not in told["cause"]
        after = (await here.admin.get("/simulator/calls")).json()["calls"]
    # What the watchdog asks by itself apart.
    assert {call for call in after if after[call] != before.get(call)} <= {"POST /tickle", "POST /iserver/auth/status"}


async def test_without_a_gateway_every_tool_says_so_and_how_to_mend_it() -> None:
    async with without_gateway() as here:
        for name, arguments in valid("DU7654321", "1").items():
            tool = BY_NAME[name]
            result = await here.call(name, **arguments)
            assert result.structured_content is not None
            if isinstance(tool.served, Local):
                assert not result.is_error
                continue
            assert result.is_error, name
            told = result.structured_content["error"]
            if told["kind"] not in ("Refused", "AccountNotAllowed"):
                assert (told["kind"], told["state"]) == ("GatewayDown", "DOWN"), (name, told)
                assert "IBKR_GATEWAY_URL" in text_of(result)
            else:
                assert tool.kind == "trade" or isinstance(tool.served, Unsupported), (name, told)


@pytest.mark.parametrize(
    ("fault", "kind", "state"),
    [
        ({"kind": "logged_out"}, "LoginRequired", "LOGIN_REQUIRED"),
        ({"kind": "status", "status": 503}, "Maintenance", "MAINTENANCE"),
        ({"kind": "malformed"}, "Malformed", None),
        ({"kind": "empty"}, "Malformed", None),
    ],
)
async def test_a_gateway_that_fails_is_never_taken_for_data(
    fault: dict[str, Any], kind: str, state: str | None
) -> None:
    async with desk("off") as here:
        account = await here.account()
        await here.spoil("/portfolio/*/ledger", times=20, **fault)
        result = await here.call("get_account_ledger_portfolio", accountId=account)
        assert result.is_error
        assert result.structured_content is not None
        told = result.structured_content["error"]
        assert (told["kind"], told.get("state")) == (kind, state)


async def test_a_snapshot_is_warm_labelled_and_says_what_did_not_arrive() -> None:
    name = "get_marketdata_snapshot_iserver_marketdata_snapshot_get"
    async with desk("off") as here:
        data = (await here.read(name, conids=f"{AAPL},999999", fields="31,84,85,86,88,7087,55,12345"))["data"]
    (row,) = data["snapshots"]
    assert data["missing"] == [999999]
    labels = {field: said["label"] for field, said in row["fields"].items()}
    assert (labels["31"], labels["84"], labels["86"]) == ("last price", "bid price", "ask price")
    assert (labels["85"], labels["88"]) == ("ask size", "bid size")
    assert float(row["fields"]["84"]["value"]) < float(row["fields"]["86"]["value"])
    assert row["fields"]["55"]["value"] == "AAPL"
    assert "12345" in row["missing"]
    assert row["availability"]["meaning"] == "real time"


async def test_an_answer_that_the_broker_gives_once_in_a_quarter_of_an_hour_is_kept_with_its_own_time() -> None:
    async with desk("off", pacing=1.0) as here:
        account = await here.account()
        first = await here.read("pa_allperiods", acctIds=[account])
        again = await here.read("pa_allperiods", acctIds=[account])
        assert again == first
        assert await here.calls("POST /pa/allperiods") == 1


async def test_performance_that_was_asked_for_here_is_there_for_the_desk() -> None:
    async with desk("off", pacing=1.0) as here:
        account = await here.account()
        raw = await here.read("pa_performance", acctIds=[account])
        read = await here.read("performance", account=account)
        assert [float(point["nav"]) for point in read["points"]] == [
            float(nav) for nav in raw["data"]["nav"]["data"][0]["navs"]
        ]
        assert await here.calls("POST /pa/performance") == 1
