"""Makes the registry's entries callable: arguments checked, accounts admitted, answers checked and put in an envelope.

An answer is data in the envelope or an error with cause and remedy; an error never looks like data.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, Final

from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp_types import CallToolResult, TextContent
from pydantic import PrivateAttr, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import (
    AccountNotAllowed,
    ClientPortalError,
    GatewayDown,
    PacingViolation,
    SessionError,
)
from api_gateway.mcp_server.boundary import Boundary
from api_gateway.mcp_server.registry import TOOLS, reference
from api_gateway.mcp_server.registry.shapes import jsonable
from api_gateway.mcp_server.registry.tool import (
    Arguments,
    Call,
    GatewayTool,
    Local,
    Refused,
    Sight,
    Surroundings,
    Unsupported,
    everything,
)
from api_gateway.mcp_server.results import Ticket
from api_gateway.mcp_server.strict import strict

ENVELOPE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "data": {"type": ["object", "array"]},
        "as_of": {"type": "string", "description": "Market time of the answer, ISO 8601; the date of a table"},
        "source": {"type": "string", "enum": ["ibkr", "simulator", "reference"]},
        "error": {"type": "object", "description": "In error results alone: kind, cause, remedy, state"},
    },
    # Some clients hold an error's structured content against this, too.
    "anyOf": [{"required": ["data", "as_of", "source"]}, {"required": ["error"]}],
}
_LONG_SECONDS: Final = 600.0
_MOST_KEPT: Final = 7


class _Short(GenerateJsonSchema):
    """With "may be left out" said once: callers' models read all of it."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def gateway_tools(around: Surroundings, boundary: Boundary, *, trading: bool) -> list[Tool]:
    """One tool per entry; without `trading` those that trade are not there at all."""
    return [_tool(entry, around, boundary) for entry in TOOLS if trading or entry.kind != "trade"]


class GatewayToolCall(Tool):
    """The SDK's tool with a call of our own: the SDK would spell out every refused argument with its value."""

    _entry: GatewayTool = PrivateAttr()
    _around: Surroundings = PrivateAttr()
    _boundary: Boundary = PrivateAttr()
    _kept: dict[str, dict[str, object]] = PrivateAttr(default_factory=dict)

    def bound(self, entry: GatewayTool, around: Surroundings, boundary: Boundary) -> "GatewayToolCall":
        self._entry, self._around, self._boundary = entry, around, boundary
        return self

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> CallToolResult:
        """Never raises for what a caller or the gateway did wrong: that is an error result."""
        entry = self._entry
        try:
            given = entry.arguments.model_validate(arguments)
        except ValidationError as error:
            refusal = Refused(f"arguments: {_problem(error)}", "Correct the argument; the tool's schema has them all")
            self._note(refusal, None)
            return _failure("InvalidArguments", refusal, refusal.remedy)
        try:
            return _success(await self._answer(Call(entry, given, self._around)))
        except Refused as error:
            self._note(error, given)
            return _failure("Refused", error, error.remedy, result=error.result)
        except AccountNotAllowed as error:
            self._boundary.refused(entry.name, f"account: {error}")
            return _failure("AccountNotAllowed", error, error.remedy)
        except ClientPortalError as error:
            return _failure(type(error).__name__, error, error.remedy, state=_state(error))

    async def _answer(self, call: Call) -> dict[str, object]:
        """What the broker tells once a quarter of an hour is kept, and served with its own time in between."""
        if not call.tool.is_served or call.tool.limit.seconds < _LONG_SECONDS:
            return await _envelope(call)
        key = call.arguments.model_dump_json()
        try:
            answer = await _envelope(call)
        except PacingViolation:
            if key not in self._kept:
                raise
            return self._kept[key]
        self._kept = {**dict(list(self._kept.items())[-_MOST_KEPT:]), key: answer}
        return answer

    def _note(self, refusal: Refused, given: Arguments | None) -> None:
        if self._entry.kind == "trade":
            ticket = getattr(given, "ticket", None)
            self._boundary.refused(self.name, str(refusal), ticket if isinstance(ticket, Ticket) else None)


async def _envelope(call: Call) -> dict[str, object]:
    tool, portal = call.tool, call.around.portal
    if isinstance(tool.served, Unsupported):
        raise Refused(f"not supported by the gateway: {tool.served.why}", tool.served.remedy)
    if isinstance(tool.served, Local):
        return {"data": jsonable(await tool.ask(call)), "as_of": reference.AS_OF, "source": "reference"}
    accounts = call.arguments.accounts()
    for account in accounts:
        await call.around.admission.require(account)
    data = tool.parse(await tool.ask(call), tool.family)
    if tool.family == "session":
        # Says whose answer it was, a broker's or a simulator's, also where the call made the session forget it.
        await portal.session.reading()
    # What became of an order is told whatever has become of the session since; it names no account.
    if tool.kind != "trade" and (accounts or tool.visible is not everything):
        data = await _show_allowed(call, data, accounts)
    return {"data": jsonable(data), "as_of": _moment(portal.session.market_now()), "source": portal.session.source}


async def _show_allowed(call: Call, data: object, accounts: tuple[str, ...]) -> object:
    """The answer without what belongs to accounts that are none of the caller's."""
    session = await call.around.portal.session.prime()
    allowed = frozenset(call.around.admission.allowed(session))
    sight = Sight(frozenset(accounts) or allowed, frozenset(session.accounts))
    seen = call.tool.visible(data, sight)
    foreign = sight.login - allowed
    return _masked(seen, foreign) if foreign else seen


def _masked(data: object, foreign: Iterable[str]) -> object:
    """Other accounts' ids are told nowhere, not even in a text."""
    if isinstance(data, str):
        for account in foreign:
            data = data.replace(account, "***")
        return data
    if isinstance(data, dict):
        return {_masked(key, foreign): _masked(value, foreign) for key, value in data.items()}
    return [_masked(each, foreign) for each in data] if isinstance(data, list) else data


def _tool(entry: GatewayTool, around: Surroundings, boundary: Boundary) -> Tool:
    return GatewayToolCall(
        fn=_envelope,
        name=entry.name,
        description=entry.doc,
        parameters=_schema(entry.arguments),
        fn_metadata=FuncMetadata(arg_model=ArgModelBase, output_schema=ENVELOPE),
        is_async=True,
        annotations=entry.annotations,
    ).bound(entry, around, boundary)


def _state(error: ClientPortalError) -> str | None:
    """State of the session, where the failure says something about it."""
    return error.state.value if isinstance(error, GatewayDown | SessionError | PacingViolation) else None


@cache
def _schema(arguments: type[Arguments]) -> dict[str, Any]:
    return strict(arguments.model_json_schema(by_alias=True, schema_generator=_Short))


def _problem(error: ValidationError) -> str:
    """The first fields that are wrong, and how; never what was given."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    told = [
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg'].removeprefix('Value error, ')}"
        for each in problems[:3]
    ]
    return "; ".join(told)


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _success(envelope: dict[str, object]) -> CallToolResult:
    return CallToolResult(content=[_text(json.dumps(envelope, ensure_ascii=False))], structured_content=envelope)


def _failure(
    kind: str, cause: Exception, remedy: str, *, state: str | None = None, result: object = None
) -> CallToolResult:
    told = wire.masked(str(cause))
    error = {"kind": kind, "state": state, "cause": told, "remedy": remedy, "result": result}
    given = {"error": {key: value for key, value in error.items() if value is not None}}
    return CallToolResult(content=[_text(f"{told}. {remedy}")], structured_content=given, is_error=True)


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)
