"""What every route needs: the world, the present moment, a JSON answer and the body of a request.

Handlers run on the event loop and never wait, so the world needs no locks.
"""

import json
import math
import re
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError

from api_gateway.simulator.errors import AccessDenied, GatewayRefusal, refused
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.running_world import RunningWorld
from api_gateway.simulator.wire import whole_number
from api_gateway.simulator.world import World

# A body with one of these is taken for an attack (recorded, for alerts).
_COMPARISON = re.compile(rb"[<>!]=")
_MOST_BYTES = 1_000_000
_Body = TypeVar("_Body", bound=BaseModel)


# Asynchronous, although they wait for nothing: others are sent to a thread for every request.
async def running_world_of(request: Request) -> RunningWorld:
    return cast(RunningWorld, request.app.state.running)


async def world_of(request: Request) -> World:
    return cast(World, request.scope["world"])


Running = Annotated[RunningWorld, Depends(running_world_of)]
Here = Annotated[World, Depends(world_of)]


class _Answer(JSONResponse):
    def render(self, content: object) -> bytes:
        return rendered(content)


def rendered(content: object) -> bytes:
    # Half of a surrogate pair, which a client may have sent, can be said only as an escape.
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def answer(content: object, status: int = 200) -> JSONResponse:
    return _Answer(content, status)


def unprocessable(error: ValidationError) -> GatewayRefusal:
    """422 with the first problem."""
    first = error.errors()[0]
    return refused(422, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")


async def json_body(request: Request) -> object:
    """An absent body is an empty object: several endpoints are called without one. Raises: GatewayRefusal 400, 413."""
    raw = await _whole(request)
    if _COMPARISON.search(raw) and request.scope["path"].startswith("/v1/api"):
        raise AccessDenied
    if not raw.strip():
        return {}
    try:
        return parsed_json(raw)
    except ValueError as error:
        raise refused(400, "Failed to parse body as JSON") from error


def parsed_json(text: str | bytes) -> object:
    """Raises: ValueError, also for NaN, 1e400 and what is nested too deep."""
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


async def _whole(request: Request) -> bytes:
    """As often as a route asks for it."""
    if not hasattr(request.state, "raw"):
        request.state.raw = await _read(request)
    return cast(bytes, request.state.raw)


async def _read(request: Request) -> bytes:
    raw, size = bytearray(), 0
    # What is too much is read on: a client that is still sending would not hear the answer.
    async for part in request.stream():
        size += len(part)
        if size <= _MOST_BYTES:
            raw += part
    if size > _MOST_BYTES:
        raise refused(413, "Content Too Large")
    return bytes(raw)


def _finite(text: str) -> float:
    """Raises: ValueError for what is no number: NaN, and 1e400."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number")
    return number


async def read_body(request: Request, kind: type[_Body]) -> _Body:
    """Raises: GatewayRefusal 422 with the first problem."""
    try:
        return kind.model_validate(await json_body(request))
    except ValidationError as error:
        raise unprocessable(error) from error


async def json_object(request: Request) -> dict[str, Any]:
    body = await json_body(request)
    if not isinstance(body, dict):
        raise refused(400, "Failed to parse body as JSON")
    return body


def check_account(world: World, account: object) -> None:
    if not isinstance(account, str) or account not in world.books:
        raise refused(500, "Invalid account ID")


def required(request: Request, name: str) -> str:
    """A query parameter. Raises: GatewayRefusal 400 without it."""
    value = request.query_params.get(name, "").strip()
    if not value:
        raise refused(400, f"Bad Request: {name} is required")
    return value


async def account_list(request: Request, world: World) -> list[str]:
    """`acctIds` of a body that asks about several accounts. Raises: GatewayRefusal."""
    accounts = (await json_object(request)).get("acctIds")
    if not isinstance(accounts, list) or not accounts:
        raise refused(400, "Bad Request: acctIds is required")
    for account in accounts:
        check_account(world, account)
    return list(dict.fromkeys(accounts))


def contract_of(world: World, conid: str) -> Contract:
    number = whole_number(conid)
    contract = world.universe.by_conid.get(number) if number is not None else None
    if contract is None:
        raise refused(400, "Bad Request: no contract with this conid")
    return contract
