"""Assembles the MCP server: tools, token, host check, probes. Trading is absent unless the settings ask for it."""

import contextlib
import hmac
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Final

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from pydantic import BeforeValidator, Field
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.records import Cancellation
from api_gateway.mcp_server.admission import Admission
from api_gateway.mcp_server.boundary import Boundary
from api_gateway.mcp_server.notifier import Notifier
from api_gateway.mcp_server.order_gate import OrderGate
from api_gateway.mcp_server.patience import BODY_SECONDS, PromptBody
from api_gateway.mcp_server.raw_tools import gateway_tools
from api_gateway.mcp_server.readiness import Readiness
from api_gateway.mcp_server.registry.fields import text_of
from api_gateway.mcp_server.registry.tool import Surroundings
from api_gateway.mcp_server.results import PlaceResult, Ticket
from api_gateway.mcp_server.strict import Toolbox
from api_gateway.mcp_server.tickets import TicketVerifier
from api_gateway.mcp_server.tools import (
    Account,
    register_account_tools,
    register_boundary,
    register_market_tools,
    register_order_reads,
)
from api_gateway.settings import Settings

_HEALTH: Final = "/health"
_LOOPBACK: Final = ("127.0.0.1:*", "localhost:*", "[::1]:*")
_INSTRUCTIONS: Final = (
    "Reads and, where enabled, trades an Interactive Brokers account. Begin with session_status. The tools named after "
    "a gateway endpoint answer {data, as_of, source}; numbers with a fraction are text there."
)
# What names no order is refused and counted, as other refusals are.
_AnyOrder = Annotated[str, BeforeValidator(text_of), Field(description="The broker's number of one order")]
_TRADES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
)


def create_app(settings: Settings, portal: ClientPortal, body_seconds: float = BODY_SECONDS) -> Starlette:
    """The ASGI app; `portal` is kept running for the app's life and closed with it."""
    readiness = Readiness(portal, Admission(portal, settings.ibkr_account_id), settings)
    notifier = Notifier(settings.notify_urls())
    server = create_server(settings, portal)
    hosts = [*_LOOPBACK, *settings.mcp_allowed_hosts]
    app = server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=hosts,
            allowed_origins=[f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")],
        ),
    )
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(running: Starlette) -> AsyncIterator[None]:
        async with notifier.running(), portal.running(notifier.tell, settings.login_url), inner(running):
            yield

    app.router.lifespan_context = lifespan
    app.router.routes.append(Route(_HEALTH, _health))
    app.router.routes.append(Route("/ready", readiness.probe))
    app.add_middleware(PromptBody, seconds=body_seconds)
    app.add_middleware(BearerToken, token=settings.token())
    return app


def create_server(settings: Settings, portal: ClientPortal, now: Callable[[], float] = time.time) -> MCPServer[None]:
    """The tools alone: the desk's typed ones, and beside them, unless the settings say otherwise, the registry's."""
    admission, boundary = Admission(portal, settings.ibkr_account_id), Boundary()
    gate = _gate(settings, portal, admission, now)
    around = Surroundings(portal, admission, gate, may_compete=settings.ibkr_compete == "always")
    wanted = settings.mcp_tools == "all"
    typed = Toolbox()
    register_account_tools(typed, portal, admission, Readiness(portal, admission, settings))
    register_market_tools(typed, portal)
    register_order_reads(typed, portal, admission)
    register_boundary(typed, boundary, settings)
    if gate is not None:
        _register_trading(typed, gate, boundary)
    named = gateway_tools(around, boundary, trading=gate is not None) if wanted else []
    return MCPServer("ibkr", instructions=_INSTRUCTIONS, log_level="WARNING", tools=[*named, *typed.tools])


def _gate(settings: Settings, portal: ClientPortal, admission: Admission, now: Callable[[], float]) -> OrderGate | None:
    if settings.trading_mode == "off":
        return None
    return OrderGate(
        portal,
        admission,
        TicketVerifier(settings.signing_key(), now),
        trading_mode=settings.trading_mode,
        max_order_value=settings.max_order_value,
        max_messages_per_day=settings.max_messages_per_day,
    )


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _register_trading(tools: Toolbox, gate: OrderGate, boundary: Boundary) -> None:
    @tools.tool(_TRADES)
    async def place_order(
        ticket: Annotated[Ticket, Field(description="Permission to send this one order, once")],
        signature: Annotated[str, Field(description="Signature of the ticket")],
    ) -> PlaceResult:
        """Sends the one limit order that a signed ticket allows, once, and answers the broker's allowed questions."""
        result = await gate.place(ticket, signature)
        boundary.placed("place_order", result, ticket)
        return result

    @tools.tool(_TRADES)
    async def cancel_order(account: Account, order_id: _AnyOrder) -> Cancellation:
        """Asks the broker to end one of our own orders. `requested` is no end: the order may fill before it ends."""
        result = await gate.cancel(account, order_id)
        if result.outcome == "refused":
            boundary.refused("cancel_order", result.message)
        return result


class BearerToken:
    """Lets no request through without the token, except the health check."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != _HEALTH:
            presented = Headers(scope=scope).get("authorization", "")
            if not hmac.compare_digest(presented.encode("latin-1"), self._expected):
                refusal = JSONResponse(
                    {"error": "the bearer token is missing or wrong"},
                    status_code=401,
                    headers={"WWW-Authenticate": 'Bearer realm="ibkr"'},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
