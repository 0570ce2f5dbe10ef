"""A gateway made of scripted answers, and the client in front of it on a clock that only moves when it is slept on."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import httpx2

from api_gateway.clientportal.bridge import Compete
from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.resets import DEFAULT_ZONE

ACCOUNT = "DU1234567"
READY = {"authenticated": True, "established": True, "competing": False, "connected": True, "message": ""}
RULES = {
    "sizeIncrement": 1,
    "increment": 0.01,
    "incrementRules": [{"lowerEdge": 0.0, "increment": 0.0001}, {"lowerEdge": 1.0, "increment": 0.01}],
    "cashCcy": "USD",
    "canTradeAcctIds": [ACCOUNT],
    "error": None,
}
MARKER = {
    "as_of": "2022-12-28",
    "seed": 7,
    "data": "sample",
    "pacing": 0.1,
    "now": "2022-12-28T15:00:00Z",
    "version": 1,
}
Made = httpx2.Response | Awaitable[httpx2.Response]
Reply = httpx2.Response | Exception | Callable[[httpx2.Request], Made]


def ok(body: object, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, content=json.dumps(body).encode())


def raw(body: str, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, content=body.encode())


@dataclass
class Time:
    """Monotonic seconds that pass only in `sleep`."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class ScriptedGateway:
    """Answers per "METHOD /path"; the last answer of a list repeats. Unknown paths fail the test with a 404."""

    answers: dict[str, list[Reply]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    bodies: list[object] = field(default_factory=list)

    def on(self, route: str, *replies: Reply) -> "ScriptedGateway":
        self.answers[route] = list(replies)
        return self

    def count(self, route: str) -> int:
        return self.calls.count(route)

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0)
        route = f"{request.method} {request.url.path.removeprefix('/v1/api')}"
        self.calls.append(route)
        self.bodies.append(json.loads(request.content) if request.content else None)
        replies = self.answers.get(route)
        if not replies:
            return ok({"error": "Resource not found", "statusCode": 404}, 404)
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        if not callable(reply):
            return httpx2.Response(reply.status_code, content=reply.content)
        made = reply(request)
        return made if isinstance(made, httpx2.Response) else await made


def ready_gateway(*, marker: dict[str, object] | None = None, paper: bool = True) -> ScriptedGateway:
    """A gateway with a usable session and nothing else."""
    status = READY if marker is None else {**READY, "simulator": marker}
    gateway = ScriptedGateway()
    gateway.on("POST /iserver/auth/status", ok(status))
    gateway.on("GET /iserver/accounts", ok({"accounts": [ACCOUNT], "isPaper": paper}))
    gateway.on("GET /portfolio/accounts", ok([{"accountId": ACCOUNT}]))
    gateway.on(
        "GET /iserver/account/orders", ok({"orders": [], "snapshot": False}), ok({"orders": [], "snapshot": True})
    )
    gateway.on("GET /iserver/account/trades", ok([]))
    gateway.on("POST /iserver/contract/rules", ok(RULES))
    return gateway


def portal_to(
    gateway: ScriptedGateway,
    time: Time | None = None,
    *,
    refuse_simulator: bool = False,
    memory: GatewayMemory | None = None,
    compete: Compete = "never",
    utc: str = "2026-11-18T15:00:00+00:00",
) -> ClientPortal:
    moment = time or Time()
    http = httpx2.AsyncClient(base_url="http://gateway/v1/api", transport=httpx2.MockTransport(gateway.handle))
    return ClientPortal(
        http,
        refuse_simulator=refuse_simulator,
        compete=compete,
        zone=DEFAULT_ZONE,
        memory=memory,
        clock=moment.clock,
        sleep=moment.sleep,
        utc_now=lambda: datetime.fromisoformat(utc),
    )
