"""Puts the client's parts on one connection pool, one pacer and one session."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx2

from api_gateway.clientportal.bridge import Compete
from api_gateway.clientportal.contracts import ContractReads
from api_gateway.clientportal.definitions import Definitions
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.market import MarketReads
from api_gateway.clientportal.orders import OrderCalls
from api_gateway.clientportal.pacing import Pacer
from api_gateway.clientportal.portfolio import PortfolioReads
from api_gateway.clientportal.raw import RawCalls
from api_gateway.clientportal.request_limits import PacingRules
from api_gateway.clientportal.session import Rules, Session
from api_gateway.clientportal.transport import Transport
from api_gateway.clientportal.watchdog import Tell, Watchdog, to_the_log


class ClientPortal:
    def __init__(
        self,
        http: httpx2.AsyncClient,
        *,
        refuse_simulator: bool,
        compete: Compete = "never",
        zone: ZoneInfo | None = None,
        memory: GatewayMemory | None = None,
        pacing: PacingRules | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._http = http
        memory = memory or GatewayMemory()
        self.pacer = Pacer(clock, sleep, memory, address=str(http.base_url), rules=pacing)
        transport = Transport(http, self.pacer)
        self.session = Session(transport, memory, Rules(refuse_simulator, compete, zone), utc_now=utc_now)
        definitions = Definitions(transport, self.session)
        self.portfolio = PortfolioReads(transport, self.session, memory, definitions)
        self.contracts = ContractReads(transport, self.session, memory, definitions)
        self.market = MarketReads(transport, self.session, self.contracts)
        self.orders = OrderCalls(transport, self.session, self.contracts)
        self.raw = RawCalls(transport, self.session)

    @contextlib.asynccontextmanager
    async def running(self, tell: Tell = to_the_log, login_url: str | None = None) -> AsyncIterator[None]:
        """Keeps the session alive in the background, telling what a person should know; closes the pool at the end."""
        watchdog = asyncio.create_task(Watchdog(self.session, self.pacer, tell, login_url).run(), name="watchdog")
        try:
            yield
        finally:
            watchdog.cancel()
            await asyncio.gather(watchdog, return_exceptions=True)
            await self._http.aclose()
