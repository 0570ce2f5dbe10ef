"""Input schemas of every tool, typed, of orders and of the gateway, as strict hosts want them; what they then send."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from pydantic import ValidationError

from api_gateway.mcp_server.raw_tools import GatewayToolCall
from api_gateway.mcp_server.registry import TOOLS
from api_gateway.mcp_server.results import Ticket
from api_gateway.mcp_server.server import create_server
from api_gateway.mcp_server.strict import strict, without_nulls
from api_gateway.settings import Settings
from tests.integration.registry_calls import valid
from tests.unit.gateway.scripted import ACCOUNT, portal_to, ready_gateway

# What strict hosts take besides "type": everything else of JSON Schema is unknown to one of them.
KEYWORDS: Final = {
    "type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "description", "pattern",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "minLength", "maxLength",
}  # fmt: skip
NAMES = sorted({"session_status", "place_order", "cancel_order", *(tool.name for tool in TOOLS)})


async def listed(trading_mode: str = "paper", tools: str = "all") -> dict[str, dict[str, Any]]:
    settings = Settings.model_validate(
        {"mcp_token": "t" * 32, "ticket_key": "k" * 32, "trading_mode": trading_mode, "mcp_tools": tools}
    )
    server = create_server(settings, portal_to(ready_gateway()))
    return {tool.name: tool.input_schema for tool in await server.list_tools()}


def objects(node: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 any JSON
    """Every schema that stands for a value, the outermost first, each with where it is."""
    yield where, node
    for name, said in node.get("properties", {}).items():
        yield from objects(said, f"{where}.{name}")
    if "items" in node:
        yield from objects(node["items"], f"{where}[]")
    for place, each in enumerate(node.get("anyOf", ())):
        yield from objects(each, f"{where}|{place}")


def takes_null(node: Mapping[str, Any]) -> bool:
    kinds = node.get("type", [])
    is_listed = "enum" not in node or None in node["enum"]
    return ("null" in kinds and is_listed) or any(each == {"type": "null"} for each in node.get("anyOf", ()))


def is_object(node: Mapping[str, Any]) -> bool:
    return node.get("type") == "object" or "object" in node.get("type", []) or "properties" in node


@pytest.mark.parametrize(("mode", "tools"), [("paper", "all"), ("off", "all"), ("paper", "desk"), ("off", "desk")])
async def test_every_schema_is_closed_spelt_out_and_described(mode: str, tools: str) -> None:
    found = await listed(mode, tools)
    assert len(found) > 8
    for tool, schema in found.items():
        for where, node in objects(schema, tool):
            assert set(node) <= KEYWORDS, where
            assert "type" in node or "anyOf" in node, where
            if not is_object(node):
                continue
            assert node["additionalProperties"] is False, where
            for name, said in node["properties"].items():
                assert said.get("description", "").strip(), f"{where}.{name}"
                assert name in node.get("required", ()) or takes_null(said), f"{where}.{name}"
        assert schema["type"] == "object", tool
        assert schema["properties"] or schema == {"type": "object", "properties": {}, "additionalProperties": False}


async def test_the_tools_are_as_many_as_they_were() -> None:
    assert set(NAMES) <= set(await listed())
    assert not {"place_order", "cancel_order", "place_order_iserver_account"} & set(await listed("off"))


def test_a_host_that_sends_null_for_what_is_left_out_is_understood_by_every_gateway_tool() -> None:
    calls = valid(ACCOUNT, "1370000001")
    for tool in TOOLS:
        fields = {field.alias or name: field for name, field in tool.arguments.model_fields.items()}
        absent = [name for name, field in fields.items() if not field.is_required() and name not in calls[tool.name]]
        sparse = tool.arguments.model_validate(calls[tool.name])
        assert tool.arguments.model_validate({**dict.fromkeys(absent), **calls[tool.name]}) == sparse, tool.name
        for name, field in fields.items():
            if field.is_required():
                with pytest.raises(ValidationError):
                    tool.arguments.model_validate({**calls[tool.name], name: None})


def spellings(value: Any) -> list[Any]:  # noqa: ANN401 any JSON
    """Ways in which hosts write an id or a list of ids."""
    if not isinstance(value, list):
        return [value, int(value), str(value)] if str(value).isdecimal() else [value]
    text = [str(each) for each in value]
    numbers = [int(each) for each in text] if all(each.isdecimal() for each in text) else text
    return [value, text, numbers, json.dumps(text), json.dumps(numbers), ",".join(text), ", ".join(text)]


IDS: Final = {
    "conid": 265598, "conids": [265598, 272093], "fields": ["31", "84"], "orderId": "1370000001", "replyId": "12345",
    "acctIds": [ACCOUNT, "DU7654321"], "messageIds": ["o163", "o354"], "symbols": ["AAPL", "MSFT"],
}  # fmt: skip


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.arguments.model_fields], ids=lambda tool: tool.name)
def test_an_id_is_taken_as_number_and_as_text_and_sent_in_one_form(tool: Any) -> None:  # noqa: ANN401
    right = dict(valid(ACCOUNT, "1370000001")[tool.name])
    named = {field.alias or name for name, field in tool.arguments.model_fields.items()}
    for name in named & set(IDS):
        sent = [tool.arguments.model_validate({**right, name: each}).sent() for each in spellings(IDS[name])]
        assert all(each == sent[0] for each in sent), name
    for name in named & {"page", "pageId", "days"}:
        assert tool.arguments.model_validate({**right, name: "3"}) == tool.arguments.model_validate({**right, name: 3})


def test_every_parameter_that_is_an_id_is_among_those_that_were_tried() -> None:
    named = {field.alias or name for tool in TOOLS for name, field in tool.arguments.model_fields.items()}
    ids = {name for name in named if name.lower().rstrip("s").endswith(("conid", "id"))}
    # An account's and an issuer's are no numbers, and others are a client's own words.
    assert ids - set(IDS) <= {"accountId", "acctId", "issuerId", "cOID", "parentId", "pageId"}


async def test_the_typed_tools_take_ids_in_every_spelling_too() -> None:
    tools = await typed()
    cases: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("quotes", "conids", [265598, 272093], {}),
        ("history", "conid", 265598, {}),
        ("contract_rules", "conid", 265598, {"side": "BUY"}),
        ("order_status", "order_id", "1370000001", {"account": ACCOUNT}),
        ("cancel_order", "order_id", "1370000001", {"account": ACCOUNT}),
    ]
    for tool, name, value, others in cases:
        metadata = tools[tool].fn_metadata
        found = [metadata.validate_arguments({**others, name: each}) for each in spellings(value)]
        assert all(each == found[0] for each in found), tool


async def test_a_typed_tool_that_is_given_null_for_what_is_left_out_answers_as_without_it() -> None:
    server = create_server(Settings.model_validate({"mcp_token": "t" * 32}), portal_to(ready_gateway()))
    told = []
    for more in ({}, {"asset_class": None, "isins": None}):
        with pytest.raises(ToolError) as caught:
            await server.call_tool("resolve_contracts", {"symbols": ["AAPL"], **more})
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert "the gateway refused with status 404" in told[0]


async def test_isins_are_taken_as_pairs_and_in_the_older_form() -> None:
    metadata = (await typed())["resolve_contracts"].fn_metadata
    older = metadata.validate_arguments({"symbols": ["AAPL"], "isins": {"AAPL": "US0378331005"}})
    pairs = [{"symbol": "AAPL", "isin": "US0378331005"}]
    for written in (pairs, json.dumps(pairs), json.dumps({"AAPL": "US0378331005"})):
        assert metadata.validate_arguments({"symbols": ["AAPL"], "isins": written}) == older


async def typed() -> dict[str, Tool]:
    settings = Settings.model_validate({"mcp_token": "t" * 32, "ticket_key": "k" * 32, "trading_mode": "paper"})
    server = create_server(settings, portal_to(ready_gateway()))
    found = {tool.name: tool for tool in server._tool_manager.list_tools()}
    return {name: tool for name, tool in found.items() if not isinstance(tool, GatewayToolCall)}


def test_a_ticket_without_answers_is_the_same_with_null_for_them() -> None:
    fields = dict.fromkeys(
        ("account", "side", "quantity", "limit_price", "time_in_force", "coid", "run_id", "policy_hash"), "x"
    )
    ticket: dict[str, Any] = {**fields, "version": 1, "conid": 1, "expires": 1}
    assert Ticket.model_validate({**ticket, "answers": None}) == Ticket.model_validate(ticket)


def test_a_reference_is_spelt_out_and_a_default_told_in_words() -> None:
    schema = {
        "type": "object",
        "title": "Args",
        "$defs": {"One": {"type": "object", "title": "One", "properties": {"a": {"type": "integer"}}}},
        "properties": {
            "one": {"$ref": "#/$defs/One", "description": "the one"},
            "many": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/One"}}, {"type": "null"}]},
            "word": {"const": "x", "type": "string", "default": "x", "description": "a word"},
        },
        "required": ["one"],
    }
    one = {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}, "additionalProperties": False}
    assert strict(schema) == {
        "type": "object",
        "properties": {
            "one": {**one, "description": "the one"},
            "many": {"type": ["array", "null"], "items": one},
            "word": {"type": ["string", "null"], "enum": ["x", None], "description": "a word; x where left out"},
        },
        "required": ["one"],
        "additionalProperties": False,
    }


def test_null_is_dropped_only_where_something_may_be_left_out() -> None:
    assert without_nulls({"a": None, "b": None, "c": 0}, frozenset({"a"})) == {"a": None, "c": 0}
