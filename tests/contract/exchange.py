"""The simulator in the same process, with the real client and adapter in front of it; its time stands still."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx2
from starlette.types import ASGIApp

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.transport import base_url
from api_gateway.mcp_server.server import create_server
from api_gateway.settings import Settings
from app.broker.mcp import McpBroker, McpMarketData
from tests.support.in_process import InProcessConnection

KEY = "key-of-the-contract-suite"
SYMBOLS = ("AAPL", "AMD", "BAC", "KO", "PEP", "XOM")


class Exchange:
    """The simulator's market and its own account, set back for each case; `now` is its time."""

    def __init__(self, app: ASGIApp, closing: AsyncExitStack, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic`: what the client counts on from the simulator's time by."""
        self._app = app
        self._closing = closing
        self._monotonic = monotonic
        self.now = datetime.min.replace(tzinfo=UTC)

    async def open(
        self, scenario: Mapping[str, object], as_of: date | None = None, symbols: Sequence[str] = SYMBOLS
    ) -> None:
        """The simulated day from its start, with an account as described and these names to trade."""
        self._admin = await self._client("http://simulator")
        await self.post("reset", {"scenario": dict(scenario), "as_of": as_of.isoformat() if as_of else None})
        await self._read_clock()
        http = await self._client(base_url("http://simulator"))
        settings = Settings(
            _env_file=None, trading_mode="paper", mcp_token="token", ticket_key=KEY, max_order_value=Decimal(10**9)
        )
        server = create_server(settings, ClientPortal(http, clock=self._monotonic, refuse_simulator=False))
        connection = InProcessConnection(server)
        self.broker = McpBroker(connection)
        self.market = McpMarketData(connection)
        # The gateway's first answers are empty; the session's status is what primes it.
        (self.account,) = (await self.broker.session()).accounts
        self.instruments, _ = await self.market.instruments(symbols)

    async def post(self, path: str, body: object) -> dict[str, Any]:
        """One of the simulator's own endpoints."""
        answer = await self._admin.post(f"/simulator/{path}", json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def state(self) -> dict[str, Any]:
        """The account in exact numbers, past every client."""
        told: dict[str, Any] = (await self._admin.get("/simulator/state")).json()
        return told

    async def move(self, **how: object) -> None:
        """Time goes on: `advance_seconds`, `to`, or `next_session`."""
        await self.post("clock", how)
        await self._read_clock()
        # As every run does first; the client goes by the time that it read with the session.
        await self.broker.session()

    async def _read_clock(self) -> None:
        self.now = datetime.fromisoformat((await self._admin.get("/simulator/clock")).json()["now"])

    async def _client(self, address: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self._app)
        client = httpx2.AsyncClient(transport=transport, base_url=address, trust_env=False)
        return await self._closing.enter_async_context(client)


@dataclass
class ExchangeClock:
    """The market's time."""

    exchange: Exchange

    def now(self) -> datetime:
        """See `Clock.now`."""
        return self.exchange.now
