"""The simulated gateway as an ASGI application, for a server or for a test in the same process."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway.simulator.errors import AccessDenied, GatewayRefusal
from api_gateway.simulator.front.loopback_only import LoopbackOnly
from api_gateway.simulator.front.middleware import GatewayMiddleware
from api_gateway.simulator.front.pages import access_denied
from api_gateway.simulator.kept_book import KeptBook
from api_gateway.simulator.routes import (
    account,
    admin,
    alerts,
    contracts,
    definitions,
    events,
    login,
    marketdata,
    notifications,
    orders,
    performance,
    portfolio,
    scanner,
    session,
    watchlists,
)
from api_gateway.simulator.routes.http import answer
from api_gateway.simulator.routes.socket import Socket
from api_gateway.simulator.running_world import RunningWorld
from api_gateway.simulator.world import World


async def _refusal(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, GatewayRefusal):
        raise error
    return answer(error.body, error.status)


async def _denied(_: Request, error: Exception) -> Response:
    return access_denied()


async def _not_found(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    text = "Resource not found" if error.status_code == 404 else str(error.detail)
    return answer({"error": text, "statusCode": error.status_code}, error.status_code)


_GATEWAY = (
    session,
    account,
    portfolio,
    performance,
    contracts,
    definitions,
    marketdata,
    scanner,
    orders,
    alerts,
    watchlists,
    notifications,
)
_BASE = "/v1/api"


def gateway_routes() -> frozenset[tuple[str, str]]:
    """Every (verb, path template) that is played, without the base path: ("GET", "/portfolio/{account}/summary")."""
    return frozenset(
        (method, route.path.removeprefix(_BASE))
        for family in _GATEWAY
        for route in family.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    )


def create_app(world: World, socket: ASGIApp | None = None, book: KeptBook | None = None) -> ASGIApp:
    """`book` keeps what changes in the world."""
    app = FastAPI(title="gateway simulator", openapi_url=None, redirect_slashes=False)
    running = RunningWorld(world)
    app.state.running = running
    app.state.book = book
    for family in (*_GATEWAY, admin, events, login):
        app.include_router(family.router)
    app.add_exception_handler(GatewayRefusal, _refusal)
    app.add_exception_handler(AccessDenied, _denied)
    app.add_exception_handler(HTTPException, _not_found)
    socket = socket or Socket()

    async def playing(scope: Scope, receive: Receive, send: Send) -> None:
        async def keep_and_send(message: Message) -> None:
            if book is not None and message["type"] == "http.response.start":
                book.keep(running.world)
            await send(message)

        if scope["type"] == "websocket":
            await socket(scope, receive, send)
        else:
            await app(scope, receive, keep_and_send)

    return LoopbackOnly(GatewayMiddleware(playing, running))
