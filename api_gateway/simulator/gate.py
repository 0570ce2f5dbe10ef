"""The gateway's front door: every request passes here before a route sees it.

It tidies the path (clients send doubled and trailing slashes), counts, paces, spoils what a fault rule says and turns
away a session that is logged out. Admin requests are none of these.
"""

import asyncio
import json
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway.simulator.faults import FaultRule
from api_gateway.simulator.routes.session import auth_status, logged_out_answer
from api_gateway.simulator.web import answer
from api_gateway.simulator.world import World

BASE = "/v1/api"
_OPEN_WHEN_LOGGED_OUT = frozenset({"/iserver/auth/status", "/tickle"})
_VARIABLE = re.compile(r"/(?:(?P<account>DU\d+)|-?\d+|[0-9a-f]{8}-[0-9a-f-]{27})(?=/|$)")


def tidy(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def template_of(path: str) -> str:
    """The path with accounts, ids and page numbers replaced, so that calls can be counted by kind."""
    return _VARIABLE.sub(lambda found: "/{account}" if found["account"] else "/{id}", path)


class Gate:
    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = tidy(scope["path"])
        scope = {**scope, "path": path}
        if not path.startswith(f"{BASE}/"):
            await self._app(scope, receive, send)
            return
        method, gateway_path = scope["method"], path.removeprefix(BASE)
        self._world.calls[f"{method} {template_of(gateway_path)}"] += 1
        broken = self._world.pacer.admit(method, gateway_path)
        if broken is not None:
            await answer({"error": f"Too Many Requests: {broken}", "statusCode": 429}, 429)(scope, receive, send)
            return
        self._world.pacer.started(method, gateway_path)
        try:
            await self._admitted(scope, receive, send, gateway_path)
        finally:
            self._world.pacer.finished(method, gateway_path)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        self._world.look()
        fault = self._world.faults.take(scope["method"], path)
        if fault is not None:
            await self._spoiled(fault, scope, receive, send, path)
        elif not self._world.session.logged_in and path not in _OPEN_WHEN_LOGGED_OUT:
            await logged_out_answer()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _spoiled(self, fault: FaultRule, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        elif fault.kind == "status":
            await answer({"error": "Service Unavailable", "statusCode": fault.status}, fault.status)(
                scope, receive, send
            )
        elif fault.kind in ("logged_out", "no_bridge", "competing"):
            await self._condition(fault, scope, receive, send, path)
        else:
            status, body = (504, b"") if fault.kind == "drop_before" else await self._captured(scope, receive)
            status, body = _spoil(fault, status, body)
            await _send_raw(send, status, body)

    async def _condition(self, fault: FaultRule, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        session = self._world.session
        if fault.kind != "competing":
            session.lose_bridge()
        if fault.kind == "logged_out":
            session.portfolio_accounts_queried = False
        if path in _OPEN_WHEN_LOGGED_OUT:
            status = auth_status(self._world, fault.kind)
            content = {"iserver": {"authStatus": status}} if path == "/tickle" else status
            await answer(content)(scope, receive, send)
        elif fault.kind == "logged_out":
            await logged_out_answer()(scope, receive, send)
        elif path.startswith("/iserver"):
            await answer({"error": "Bad Request: no bridge", "statusCode": 400}, 400)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _captured(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        """Run the request for its effect and keep the answer."""
        status, chunks = 500, [b""]

        async def keep(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                chunks.append(message.get("body", b""))

        await self._app(scope, receive, keep)
        return status, b"".join(chunks)


def _spoil(fault: FaultRule, status: int, body: bytes) -> tuple[int, bytes]:
    if fault.kind == "empty":
        return status, b"[]" if body.lstrip().startswith(b"[") else b"{}"
    if fault.kind == "malformed":
        return status, body[: max(len(body) * 2 // 3, 1)]
    return 504, json.dumps({"error": "Gateway Timeout", "statusCode": 504}).encode()


async def _send_raw(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
