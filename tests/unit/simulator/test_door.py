"""The simulator's door, and what it does with requests that no client means: an answer of its own, never a fault."""

import re
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

import httpx2
import pytest
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from api_gateway.simulator.application import create_app
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
from tests.support.serving import served
from tests.unit.simulator.worlds import ACCOUNT, FakeTime, synthetic_world

pytestmark = pytest.mark.slow

FAMILIES = (
    account, admin, alerts, contracts, definitions, events, login, marketdata, notifications, orders, performance,
    portfolio, scanner, session, watchlists,
)  # fmt: skip
JSON = {"content-type": "application/json"}
HERE = "http://127.0.0.1:5055"
SELF_STANDING = "/simulator/session"


@pytest.fixture
def app() -> ASGIApp:
    return create_app(synthetic_world(FakeTime(), pacing=0))


async def status(app: ASGIApp, base: str = HERE, **headers: str) -> int:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=base) as http:
        answer = await http.get(
            SELF_STANDING, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
    if answer.status_code != 200:
        assert answer.json()["statusCode"] == answer.status_code
    return answer.status_code


@pytest.mark.parametrize("host", ["127.0.0.1:5055", "localhost:5055", "[::1]:5055", "127.0.0.2", "LOCALHOST"])
async def test_this_machine_may_call_by_any_of_its_loopback_names(app: ASGIApp, host: str) -> None:
    assert await status(app, host=host) == 200
    assert await status(app, host=host, origin=f"http://{host.lower()}", sec_fetch_site="same-origin") == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:5055", "127.0.0.1.evil.example", "10.0.0.5", "127.1"])
async def test_a_name_that_was_bound_to_loopback_is_refused(app: ASGIApp, host: str) -> None:
    assert await status(app, host=host) == 403


@pytest.mark.parametrize(
    "host", ["[bad", "a]b", "", ":5055", "me@127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "[::1", "a b", "127.0.0.1/x"]
)
async def test_a_host_that_is_no_address_is_refused(app: ASGIApp, host: str) -> None:
    assert await status(app, host=host) == 400


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://[bad", "http://a]b", "", "http://127.0.0.1:8085", "https://127.0.0.1:5055"],
)
async def test_a_page_of_another_site_is_refused_be_it_of_another_port(app: ASGIApp, origin: str) -> None:
    assert await status(app, origin=origin) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", ""])
async def test_a_browser_that_says_another_page_asked_is_refused(app: ASGIApp, site: str) -> None:
    assert await status(app, sec_fetch_site=site) == 403


async def test_a_header_twice_is_refused(app: ASGIApp) -> None:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url=HERE) as http:
        answer = await http.get(SELF_STANDING, headers=[("origin", HERE), ("origin", HERE)])
    assert answer.status_code == 400


async def test_in_process_a_test_may_call_it_as_it_likes_and_over_a_socket_nobody(app: ASGIApp) -> None:
    assert await status(app, "http://gateway") == 200
    async with served(app) as address, httpx2.AsyncClient(timeout=60, trust_env=False) as http:
        assert (await http.get(f"{address}{SELF_STANDING}")).status_code == 200
        for host, expected in (("gateway", 403), ("[bad", 400), ("a]b", 400)):
            assert (await http.get(f"{address}{SELF_STANDING}", headers={"host": host})).status_code == expected


async def test_the_gateways_own_paths_are_behind_the_same_door(app: ASGIApp) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HERE) as http:
        for path in ("/v1/api/tickle", "/sso/Login", "/"):
            assert (await http.get(path, headers={"host": "evil.example"})).status_code == 403


async def test_a_body_that_is_too_large_is_refused_with_a_length_and_without(app: ASGIApp) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(21):
            yield b" " * 100_000

    async with served(app) as address, httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as http:
        for content in (b" " * 1_000_001, pieces()):
            assert (await http.post("/simulator/clock", content=content, headers=JSON)).status_code == 413


def routes() -> Iterator[tuple[str, str]]:
    """Every (verb, path template), the simulator's own among them."""
    for family in FAMILIES:
        for route in family.router.routes:
            assert isinstance(route, APIRoute)
            yield from ((method, route.path) for method in route.methods or ())


PARTS = ("x", "\x00", "9" * 5000, "-1", "é", "1e400", "..", "a" * 4000)
QUERIES = (
    "conids=%ff&fields=31",
    f"conid={'9' * 5000}",
    "conid=%00&period=1d&bar=1d",
    "symbol=%ed%a0%80",
    "account=%00",
)
BODIES = {
    "half a character": b'{"symbol": "\\ud800", "side": "BUY", "quantity": 1}',
    "beyond every number": b'{"amount": 1e400, "scale": 1e400, "advance_seconds": 1e400}',
    "a text beyond": b'{"amount": "1e400", "ratio": "1e400", "symbol": "KO"}',
    "no number": b'{"amount": NaN, "scale": NaN, "quantity": Infinity}',
    "too deep": b"[" * 100_000,
    "not UTF-8": b"\xff",
    "a long number": b'{"amount": ' + b"9" * 5000 + b"}",
    "the first year": b'{"to": "0001-01-01T00:00:00Z", "as_of": "0001-01-01"}',
    "the last year": b'{"to": "9999-12-31T23:59:59Z", "as_of": "9999-12-31"}',
    "without a zone": b'{"to": "2022-03-14T15:00:00"}',
    "NUL": b'{"symbol": "\\u0000", "conids": ["\\u0000"]}',
    "other kinds": b'{"orders": [[]], "acctIds": [1], "conids": {}}',
    "orders of nothing": b'{"orders": [{"conid": "\\ud800", "side": "\\ud800", "quantity": null}]}',
    "null": b"null",
    "a number": b"1",
    "a text": b'"x"',
}


@pytest.mark.parametrize(("method", "path"), sorted(set(routes())))
async def test_what_no_client_means_is_answered_and_no_fault(app: ASGIApp, method: str, path: str) -> None:
    # A fault would come through: the transport raises what the application does.
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HERE) as http:
        await http.get("/v1/api/iserver/accounts")
        await http.get("/v1/api/portfolio/accounts")
        own = re.sub(r"\{[^}]*\}", ACCOUNT, path)
        answers = [await http.request(method, re.sub(r"\{[^}]*\}", quote(part), path)) for part in PARTS]
        answers += [await http.request(method, f"{own}?{query}") for query in QUERIES]
        if method != "GET":
            answers += [await http.request(method, own, content=body, headers=JSON) for body in BODIES.values()]
    for answer in answers:
        if answer.status_code >= 400:
            assert answer.content
