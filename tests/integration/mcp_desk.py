"""The MCP server in front of the gateway simulator, both on loopback, and a client that presents a token."""

import asyncio
import hashlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent
from pydantic import SecretStr
from starlette.types import ASGIApp

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.transport import open_http
from api_gateway.mcp_server.server import create_app
from api_gateway.settings import Settings, TradingMode
from api_gateway.simulator import application
from api_gateway.simulator.scenario import DEFAULT_SCENARIO
from api_gateway.simulator.world import Options
from tests.unit.simulator.worlds import world_of

TOKEN = "token-of-the-test"
KEY = "key-of-the-test"


@asynccontextmanager
async def served(app: ASGIApp, lifespan: str) -> AsyncIterator[str]:
    """Address of the app on a free loopback port, which listens before the server runs: nobody comes too early."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(app, log_level="error", lifespan="on" if lifespan == "on" else "off", ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@dataclass(frozen=True)
class Desk:
    gateway: str
    server: str
    mcp: ClientSession
    admin: httpx2.AsyncClient

    async def call(self, tool: str, **arguments: object) -> CallToolResult:
        return await self.mcp.call_tool(tool, arguments)

    async def read(self, tool: str, **arguments: object) -> dict[str, Any]:
        result = await self.call(tool, **arguments)
        assert not result.is_error, text_of(result)
        assert isinstance(result.structured_content, dict)
        return result.structured_content

    async def error(self, tool: str, **arguments: object) -> str:
        result = await self.call(tool, **arguments)
        assert result.is_error
        return text_of(result)

    async def account(self) -> str:
        return str((await self.read("session_status"))["accounts"][0])

    async def orders_at_the_gateway(self) -> list[dict[str, Any]]:
        answer = (await self.admin.get("/simulator/orders")).json()
        assert isinstance(answer["orders"], list)
        return answer["orders"]

    async def spoil(self, *paths: str, **rule: object) -> None:
        """Makes the gateway misbehave on the paths, as `rule` says."""
        answer = await self.admin.post("/simulator/faults", json=[{"path": path, **rule} for path in paths])
        assert answer.status_code == 200, answer.text

    async def calls(self, route: str) -> int:
        return int((await self.admin.get("/simulator/calls")).json()["calls"].get(route, 0))


def text_of(result: CallToolResult) -> str:
    return " ".join(block.text for block in result.content if isinstance(block, TextContent))


@asynccontextmanager
async def desk(
    mode: TradingMode = "paper",
    *,
    accounts: tuple[str, ...] = (),
    pacing: float = 0.001,
    max_order_value: int = 50_000,
    scenario: Path = DEFAULT_SCENARIO,
) -> AsyncIterator[Desk]:
    world = world_of(Options(None, 7, pacing, scenario, "auto"))
    async with served(application.create_app(world), "off") as gateway:
        settings = Settings(
            ibkr_gateway_url=gateway,
            ibkr_account_id=accounts,
            trading_mode=mode,
            mcp_token=SecretStr(TOKEN),
            ticket_key=SecretStr(KEY),
            max_order_value=Decimal(max_order_value),
        )
        portal = ClientPortal(open_http(gateway), refuse_simulator=mode == "live")
        async with (
            served(create_app(settings, portal), "on") as server,
            connected(server) as mcp,
            httpx2.AsyncClient(base_url=gateway, timeout=60, trust_env=False) as admin,
        ):
            yield Desk(gateway, server, mcp, admin)


@asynccontextmanager
async def connected(server: str, token: str = TOKEN) -> AsyncIterator[ClientSession]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        streamable_http_client(f"{server}/mcp", http_client=http) as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


def ticket(account: str, **changes: object) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "version": 1,
        "account": account,
        "conid": 265598,
        "side": "BUY",
        "quantity": "10",
        "limit_price": "131",
        "time_in_force": "DAY",
        "coid": "PM0123456789abcdef0123",
        "run_id": "run_x",
        "policy_hash": "sha256:abc",
        "expires": int(time.time()) + 61,
    }
    return {**fields, **changes}


def signed(fields: dict[str, Any], key: str = KEY) -> dict[str, Any]:
    """Arguments of place_order, signed as the agreed form says and without the server's own code."""
    order = ["version", "account", "conid", "side", "quantity", "limit_price", "time_in_force", "coid", "run_id"]
    array = [fields[name] for name in [*order, "policy_hash", "expires"]]
    if fields["version"] != 1:
        array.append(fields.get("answers", []))
    text = json.dumps(array, separators=(",", ":"), ensure_ascii=False)
    return {"ticket": fields, "signature": signature_of(text, key)}


def signature_of(text: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
