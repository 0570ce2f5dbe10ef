"""Who may call: with a token whoever brings it, without one only this machine and no page of another site."""

from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.guard import CallerGuard
from tests.support.serving import served

TOKEN = "a-callers-token"


async def _said(_: Request) -> PlainTextResponse:
    return PlainTextResponse("done")


def guarded(token: str | None) -> CallerGuard:
    """An application that answers everything, behind the guard."""
    return CallerGuard(Starlette(routes=[Route("/health", _said), Route("/runs", _said)]), token)


class Arriving:
    """Shows the application a connection that was accepted on another address."""

    def __init__(self, app: ASGIApp, server: object) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "server": self._server}, receive, send)


async def get(app: ASGIApp, path: str = "/runs", **headers: str) -> httpx2.Response:
    """One call to the app as if it came by loopback."""
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8085") as http:
        return await http.get(path, headers=headers)


async def test_without_a_token_this_machine_may_call_by_any_of_its_loopback_names() -> None:
    app = guarded(None)
    for host in ("127.0.0.1:8085", "localhost:8085", "[::1]:8085", "127.0.0.2", "localhost"):
        assert (await get(app, host=host)).status_code == 200, host


async def test_it_answers_over_a_real_loopback_connection() -> None:
    async with served(guarded(None)) as address, httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{address}/runs")).text == "done"
        assert (await http.get(f"{address}/runs", headers={"host": "rebound.example"})).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8085", "127.0.0.1.evil.example", "10.0.0.5:8085", ""])
async def test_without_a_token_a_foreign_host_name_is_refused(host: str) -> None:
    answer = await get(guarded(None), host=host)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "the call comes from another site"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://"])
async def test_without_a_token_a_page_of_another_site_is_refused(origin: str) -> None:
    assert (await get(guarded(None), origin=origin)).status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost:8085", "http://127.0.0.1:3000", "http://[::1]:8085"])
async def test_without_a_token_a_page_of_this_machine_may_call(origin: str) -> None:
    assert (await get(guarded(None), origin=origin)).status_code == 200


@pytest.mark.parametrize("server", [("0.0.0.0", 8085), ("192.168.1.5", 8085), ("/run/app.sock", None), None])  # noqa: S104 - the address that is refused
async def test_without_a_token_a_connection_from_elsewhere_is_refused(server: object) -> None:
    answer = await get(Arriving(guarded(None), server))
    assert answer.status_code == 403
    assert answer.json() == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "without CALLER_TOKEN only this machine may call",
        "remedy": "Set CALLER_TOKEN on the service",
    }


async def test_health_is_open_to_all() -> None:
    for app in (guarded(None), guarded(TOKEN)):
        answer = await get(Arriving(app, ("192.168.1.5", 8085)), "/health", host="evil.example")
        assert answer.status_code == 200


async def test_with_a_token_its_bearer_may_call_from_anywhere() -> None:
    app = Arriving(guarded(TOKEN), ("192.168.1.5", 8085))
    answer = await get(app, host="portfolio.example", authorization=f"Bearer {TOKEN}")
    assert answer.status_code == 200


@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "Bearer another", TOKEN, f"Basic {TOKEN}"])
async def test_with_a_token_everybody_else_is_unknown_on_loopback_too(value: str | None) -> None:
    headers = {} if value is None else {"authorization": value}
    answer = await get(guarded(TOKEN), **headers)
    assert answer.status_code == 401
    assert answer.json()["remedy"] == "Send Authorization: Bearer with CALLER_TOKEN"


async def test_a_web_socket_is_guarded_as_well() -> None:
    reached: list[str] = []
    sent: list[dict[str, Any]] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["type"])

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:  # noqa: ANN401 - the protocol's own messages
        sent.append(message)

    scope: Scope = {
        "type": "websocket",
        "path": "/live",
        "server": ("127.0.0.1", 8085),
        "headers": [(b"host", b"127.0.0.1:8085"), (b"origin", b"https://evil.example")],
        "extensions": {"websocket.http.response": {}},
    }
    await CallerGuard(inner, None)(scope, receive, send)
    assert reached == []
    assert sent[0]["status"] == 403
