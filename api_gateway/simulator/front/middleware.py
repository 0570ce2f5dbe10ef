"""What every request to the gateway passes before a route sees it; here it can also be cut off.

The path is tidied (clients send doubled and trailing slashes), the request is counted and paced, a fault rule is
applied, and a session that is logged out is refused. A socket's handshake is a request like others; the simulator's own
endpoints pass untouched.
"""

import asyncio
import contextlib
import json
import re

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway.simulator.faults.broker_rules import Upstream
from api_gateway.simulator.faults.fault_box import FaultRule
from api_gateway.simulator.front.brokerage import COMPETING, LOGGED_OUT, NO_BRIDGE, BrokerageSession
from api_gateway.simulator.front.hang_up import drop, until_gone
from api_gateway.simulator.front.pages import access_denied, not_authenticated, page, to_the_login
from api_gateway.simulator.routes.http import answer
from api_gateway.simulator.routes.session import auth_status, no_bridge_answer
from api_gateway.simulator.running_world import RunningWorld
from api_gateway.simulator.world import World

BASE = "/v1/api"
# Answered by the gateway itself, each in its own words.
_OPEN_WHEN_LOGGED_OUT = frozenset({"/iserver/auth/status", "/iserver/reauthenticate", "/tickle"})
_OPEN_WITHOUT_BRIDGE = frozenset({"/iserver/auth/status", "/iserver/auth/ssodh/init", "/iserver/reauthenticate"})
# Without the broker behind it (recorded).
_ANSWERED_ALONE = frozenset({"/iserver/reauthenticate"})
_CONDITIONS = {
    "logged_out": LOGGED_OUT,
    "session_lost": LOGGED_OUT,
    "no_bridge": NO_BRIDGE,
    "competing": COMPETING,
}
# What can go wrong with a handshake: it is not answered, or not as asked.
_HANDSHAKE_FAULTS = frozenset(
    {"status", "drop_before", "cut_before", "hang_before", "delay", "blank", "html", "denied", "redirect", "penalty"}
    | _CONDITIONS.keys()
)
_LONGEST_HANG = 120.0
_VARIABLE = re.compile(r"/(?:(?P<account>DU\d+)|-?\d+|[0-9a-f]{8}-[0-9a-f-]{27})(?=/|$)")


def tidy(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def template_of(path: str) -> str:
    """The path with accounts, ids and page numbers replaced, so that calls can be counted by kind."""
    return _VARIABLE.sub(lambda found: "/{account}" if found["account"] else "/{id}", path)


class GatewayMiddleware:
    """Outermost, with the server's own `send` in hand: a layer in between would answer where the line shall go dead."""

    def __init__(self, app: ASGIApp, running: RunningWorld) -> None:
        self._app = app
        self._running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        path = tidy(scope["path"])
        world = self._running.world
        # One request belongs to one world, also when a reset comes in between.
        scope = {**scope, "path": path, "world": world}
        if not world.rules.caller_allowed and not path.startswith("/simulator/"):
            await access_denied(world.rules.denied_status)(scope, receive, send)
            return
        if not path.startswith(f"{BASE}/"):
            await self._app(scope, receive, send)
            return
        method, gateway_path = scope.get("method", "GET"), path.removeprefix(BASE)
        world.calls[f"{method} {template_of(gateway_path)}"] += 1
        broken = world.pacer.admit(method, gateway_path)
        if broken is not None:
            await answer({"error": f"Too Many Requests: {broken}", "statusCode": 429}, 429)(scope, receive, send)
            return
        world.pacer.started(method, gateway_path)
        try:
            await self._admit(world, scope, receive, send, method, gateway_path)
        finally:
            world.pacer.finished(method, gateway_path)

    async def _admit(self, world: World, scope: Scope, receive: Receive, send: Send, method: str, path: str) -> None:
        if world.rules.upstream != "up" and path not in _ANSWERED_ALONE:
            await _cut_off(world.rules.upstream, receive, send)
            return
        world.look()
        session = world.session
        session.advance()
        session.touch(path)
        event = world.faults.session_event(method, path, session.clock.elapsed().total_seconds())
        if event is not None:
            session.happen(event)
        fault = world.faults.take(method, path, _HANDSHAKE_FAULTS if scope["type"] == "websocket" else None)
        # A fault spoils the answer that the session allows, so that none lets a request past a login that is missing.
        reached = _closed(session, path) or self._app
        if fault is None:
            await reached(scope, receive, send)
        elif fault.kind in _CONDITIONS:
            await self._condition(world, fault, scope, receive, send, path)
        else:
            await self._answer_with_fault(world, fault, reached, scope, receive, send)

    async def _answer_with_fault(
        self, world: World, fault: FaultRule, reached: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            await reached(scope, receive, send)
        elif fault.kind in ("cut_before", "cut_after", "hang_before", "hang_after"):
            await _go_dark(fault, reached, scope, receive, send)
        elif fault.kind in ("denied", "redirect", "html", "blank", "penalty"):
            await _instead(world, fault)(scope, receive, send)
        else:
            without_effect = fault.kind in ("status", "drop_before")
            status, body = (504, b"") if without_effect else await _capture(reached, scope, receive)
            status, body = _spoil(fault, status, body)
            await Response(body, status, media_type="application/json")(scope, receive, send)

    async def _condition(
        self, world: World, fault: FaultRule, scope: Scope, receive: Receive, send: Send, path: str
    ) -> None:
        _lose(world, fault)
        logged_out = fault.kind in ("logged_out", "session_lost")
        if path in _OPEN_WHEN_LOGGED_OUT:
            status = auth_status(world, _CONDITIONS[fault.kind])
            content = {"iserver": {"authStatus": status}} if path == "/tickle" else status
            await answer(content)(scope, receive, send)
        elif logged_out:
            await not_authenticated(world.rules.login_answer)(scope, receive, send)
        elif path.startswith("/iserver"):
            await no_bridge_answer()(scope, receive, send)
        else:
            await (_closed(world.session, path) or self._app)(scope, receive, send)


async def _cut_off(upstream: Upstream, receive: Receive, send: Send) -> None:
    """The gateway runs, and does not reach the broker."""
    if upstream == "silent":
        await _hang(receive, _LONGEST_HANG)
    await _cut(receive, send)


async def _go_dark(fault: FaultRule, reached: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.kind.endswith("_after"):
        await _capture(reached, scope, receive)
    if fault.kind.startswith("hang"):
        await _hang(receive, fault.seconds or _LONGEST_HANG)
    await _cut(receive, send)


async def _capture(reached: ASGIApp, scope: Scope, receive: Receive) -> tuple[int, bytes]:
    """Run the request for its effect and keep the answer."""
    status, chunks = 500, [b""]

    async def keep(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))

    await reached(scope, receive, keep)
    return status, b"".join(chunks)


def _closed(session: BrokerageSession, path: str) -> ASGIApp | None:
    """The answer of a gateway whose session does not reach as far as the path, None where it does."""
    window, brokerage = session.window(), path.startswith("/iserver")
    if window == "maintenance" or (window == "reset" and brokerage):
        return answer({"error": "Service Unavailable", "statusCode": 503}, 503)
    if not session.logged_in:
        return None if path in _OPEN_WHEN_LOGGED_OUT else not_authenticated(session.rules.login_answer)
    if brokerage and path not in _OPEN_WITHOUT_BRIDGE and not session.tiers().established:
        return no_bridge_answer()
    return None


def _lose(world: World, fault: FaultRule) -> None:
    """One answer's condition: the session itself stands, but for what it had been asked before."""
    session = world.session
    if fault.kind == "session_lost":
        session.log_out()
    elif fault.kind != "competing":
        session.forget_primers()
    if fault.kind == "logged_out":
        session.portfolio_accounts_queried = False


def _instead(world: World, fault: FaultRule) -> Response:
    """An answer in place of the gateway's; the request has no effect."""
    if fault.kind == "denied":
        return access_denied(world.rules.denied_status)
    if fault.kind == "redirect":
        return to_the_login()
    if fault.kind == "blank":
        return Response(status_code=fault.status)
    if fault.kind == "penalty":
        world.pacer.box()
        return answer({"error": "Too Many Requests: penalty box", "statusCode": 429}, 429)
    return page("Error", "<h1>Service Unavailable</h1>", fault.status)


def _spoil(fault: FaultRule, status: int, body: bytes) -> tuple[int, bytes]:
    if fault.kind == "empty":
        return status, b"[]" if body.lstrip().startswith(b"[") else b"{}"
    if fault.kind == "omit":
        return status, json.dumps(_without(json.loads(body), fault.keys)).encode()
    if fault.kind in ("put", "add"):
        return status, json.dumps(_with(json.loads(body), fault)).encode()
    if fault.kind == "malformed":
        return status, body[: max(len(body) * 2 // 3, 1)]
    if fault.kind in ("status", "status_after"):
        return fault.status, json.dumps({"error": "Service Unavailable", "statusCode": fault.status}).encode()
    return 504, json.dumps({"error": "Gateway Timeout", "statusCode": 504}).encode()


def _without(content: object, keys: tuple[str, ...]) -> object:
    """What is no object stays as it is."""
    if not isinstance(content, dict):
        return content
    parts = [key.partition(".") for key in keys]
    gone = {first for first, _, rest in parts if not rest}
    inside = {name: tuple(rest for first, _, rest in parts if first == name and rest) for name in content}
    return {name: _without(value, inside[name]) for name, value in content.items() if name not in gone}


def _with(content: object, fault: FaultRule) -> object:
    """What is neither an object nor a list stays as it is."""
    if isinstance(content, list):
        return [*content, *fault.rows]
    if not isinstance(content, dict):
        return content
    listed = {name: [*content[name], *fault.rows] for name in fault.keys[:1] if isinstance(content.get(name), list)}
    return content | fault.values | listed


async def _hang(receive: Receive, seconds: float) -> None:
    """Until the client gives up, or so much real time has passed."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until_gone(receive)


async def _cut(receive: Receive, send: Send) -> None:
    """Closes the connection without a byte. Raises: ConnectionResetError where there is no connection to close."""
    drop(send)
    await until_gone(receive)
