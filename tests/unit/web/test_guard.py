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
    async with served(guarded(None)) as address, httpx2.AsyncClient(timeout=60, trust_env=False) as http:
        assert (await http.get(f"{address}/runs")).text == "done"
        assert (await http.get(f"{address}/runs", headers={"host": "rebound.example"})).status_code == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8085",
        "127.0.0.1.evil.example",
        "10.0.0.5:8085",
        "",
        ":8085",
        "0x7f.1",
        "127.1",
        "[::2]",
    ],
)
async def test_without_a_token_a_foreign_host_name_is_refused(host: str) -> None:
    answer = await get(guarded(None), host=host)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "the call comes from another site"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "file://",
        "http://127.0.0.1:3000",
        "http://127.0.0.1",
        "http://localhost:8085",
        "http://[::1]:8085",
        "https://127.0.0.1:8085",
        "http://127.0.0.1:08085",
        "ws://127.0.0.1:8085",
    ],
)
async def test_without_a_token_a_page_of_another_site_is_refused(origin: str) -> None:
    assert (await get(guarded(None), origin=origin)).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8085", "127.0.0.1:8085", "[::1]:8085", "LocalHost:8085"])
async def test_without_a_token_a_page_of_the_service_itself_may_call(host: str) -> None:
    assert (await get(guarded(None), host=host, origin=f"http://{host.lower()}")).status_code == 200
    assert (await get(guarded(None), **{"host": host, "sec-fetch-site": "same-origin"})).status_code == 200
    assert (await get(guarded(None), **{"host": host, "sec-fetch-site": "none"})).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "anything"])
async def test_without_a_token_a_browser_that_says_another_page_asked_is_refused(site: str) -> None:
    assert (await get(guarded(None), **{"sec-fetch-site": site})).status_code == 403


MALFORMED_HOSTS = (
    "[bad",
    "a]b",
    "[::1",
    "::1]",
    "[::1]x",
    "[::1%25eth0]:80",
    "owner@127.0.0.1",
    "owner:secret@localhost:8085",
    "127.0.0.1:port",
    "127.0.0.1:-1",
    "127.0.0.1:65536",
    "127.0.0.1:8085:8085",
    "127.0.0.1/run",
    "http://127.0.0.1",
    "127.0.0.1, evil.example",
    "127.0.0.1 evil",
    "loc\u00e4lhost",
    "127.0.0.\u0661",
    "?",
    "#",
)
MALFORMED_ORIGINS = (
    "http://[bad",
    "http://a]b",
    "http://",
    "127.0.0.1:8085",
    "http://127.0.0.1:8085/",
    "http://u@h",
    "\u00e4",
)


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("path", ["/runs", "/health"])
@pytest.mark.parametrize(
    ("name", "value"), [("host", v) for v in MALFORMED_HOSTS] + [("origin", v) for v in MALFORMED_ORIGINS[:2]]
)
async def test_an_address_that_is_none_is_refused_before_anything_is_compared(
    token: str | None, path: str, name: str, value: str
) -> None:
    answer = await raw(guarded(token), (name, value.encode()), path=path)
    assert (answer["status"], answer["type"]) == (400, b"application/problem+json")


@pytest.mark.parametrize("value", MALFORMED_ORIGINS)
async def test_an_origin_that_is_none_is_another_site(value: str) -> None:
    assert (await raw(guarded(None), ("origin", value.encode())))["status"] in {400, 403}


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("name", ["host", "origin", "authorization", "content-type", "sec-fetch-site"])
async def test_what_is_said_twice_is_refused(token: str | None, name: str) -> None:
    value = f"Bearer {TOKEN}".encode() if name == "authorization" else b"127.0.0.1"
    assert (await raw(guarded(token), (name, value), (name, value)))["status"] == 400


@pytest.mark.parametrize("name", ["host", "origin", "authorization", "accept", "x-anything"])
@pytest.mark.parametrize("value", [b"\xff", b"127.0.0.1\xed\xa0\x80", b"\xc3"])
async def test_a_header_that_is_no_text_is_refused(name: str, value: bytes) -> None:
    for token in (None, TOKEN):
        assert (await raw(guarded(token), (name, value)))["status"] == 400


async def test_a_call_without_a_host_is_of_no_known_place() -> None:
    assert (await raw(guarded(None), host=None))["status"] == 403


async def raw(app: ASGIApp, *headers: tuple[str, bytes], path: str = "/runs", host: bytes | None = b"127.0.0.1") -> Any:  # noqa: ANN401 - status and type
    """One call with headers that no client would send; its status and its content type."""
    given = [(name.encode(), value) for name, value in headers]
    if host is not None and not any(name == b"host" for name, _ in given):
        given.append((b"host", host))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:  # noqa: ANN401 - the protocol's own messages
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "server": ("127.0.0.1", 8085),
        "client": ("127.0.0.1", 40000),
        "headers": given,
    }
    await app(scope, receive, send)
    return {"status": sent[0]["status"], "type": dict(sent[0]["headers"])[b"content-type"]}


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
