"""Whatever else answers at the gateway's address is told for what it is, by the doctor and by the client alike."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.transport import open_http
from api_gateway.diagnosis.diagnose import diagnose
from api_gateway.diagnosis.network import address_of, silent
from api_gateway.diagnosis.records import Check
from api_gateway.mcp_server.server import create_app as create_mcp_server
from api_gateway.settings import Settings
from api_gateway.simulator import application
from app.fast_api_app import create_app as create_service
from app.settings import load_settings
from tests.integration.diagnosed import (
    GOOD,
    LOGGED_OUT,
    blamed,
    listener,
    scripted,
    scripted_diagnosis,
    served_by,
    settings,
    world,
)
from tests.support.certificates import identity
from tests.support.serving import served

STATUS: Final = "/iserver/auth/status"
HTML: Final = "<!DOCTYPE html><html><head><title>{0}</title><style>b{{color:red}}</style></head><body>{0}</body></html>"
NGINX: Final = (
    "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><center>nginx/1.22</center></body></html>"
)
AKAMAI: Final = (
    "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY><H1>Access Denied</H1>You don't have permission to access "
    '"http&#58;&#47;&#47;api&#46;ibkr&#46;com" on this server.'
    "<P>Reference&#32;&#35;18&#46;2d351ab8&#46;1557333295</BODY></HTML>"
)


async def both(status: int, body: str, *headers: str) -> tuple[Check, str, str | None]:
    """The doctor's finding, and what the MCP server would say of the session."""
    answers = {**GOOD, STATUS: (status, body.encode(), headers)}
    check = blamed(await scripted_diagnosis(answers))
    async with listener(scripted(answers)) as port, open_http(f"http://127.0.0.1:{port}") as http:
        health = await ClientPortal(http, refuse_simulator=False).session.health()
    assert health.primed is None
    return check, health.message, health.remedy


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    "body",
    [
        "Access Denied",
        "ACCESS DENIED.\n",
        "access denied",
        HTML.format("Access Denied"),
        "<html><body><h1>Access&nbsp;Denied</h1></body></html>",
        '{"error": "Access Denied"}',
        '{"error":"access denied","statusCode":404}',
    ],
)
async def test_the_gateways_words_to_a_machine_it_does_not_serve_lead_to_its_list(status: int, body: str) -> None:
    check, message, remedy = await both(status, body)
    assert (check.name, f"({status})" in check.finding) == ("allow_list", True)
    assert "ips.allow" in (check.remedy or "")
    assert (message, remedy) == (check.finding, check.remedy)


@pytest.mark.parametrize(
    ("status", "body", "headers", "said", "remedy"),
    [
        # Proxies in front of the gateway.
        (401, NGINX.format("401 Authorization Required"), ['WWW-Authenticate: Basic realm="x"'], "password", "Let it"),
        (403, NGINX.format("403 Forbidden"), ["Server: nginx"], "nginx answers instead", "Let nginx pass"),
        (404, NGINX.format("404 Not Found"), ["Server: nginx"], "nginx answers instead", "Let nginx pass"),
        (405, NGINX.format("405 Not Allowed"), [], "nginx answers instead", "Let nginx pass"),
        (502, NGINX.format("502 Bad Gateway"), ["Server: nginx"], "does not reach", "nginx passes requests on"),
        (504, NGINX.format("504 Gateway Time-out"), [], "does not reach", "nginx passes requests on"),
        (503, HTML.format("503 Service Unavailable"), ["Server: awselb/2.0"], "load balancer", "Start the gateway"),
        (502, "", ["Server: Caddy"], "Caddy", "Start the gateway"),
        (403, HTML.format("Access denied | ibkr.example used Cloudflare"), [], "Cloudflare", "Let Cloudflare pass"),
        (403, AKAMAI, ["Server: AkamaiGHost"], "broker's own network", "ask Interactive Brokers"),
        (302, "", ["Location: https://team.cloudflareaccess.com/cdn-cgi/access/login"], "Cloudflare Access", "Let it"),
        (407, "", ['Proxy-Authenticate: Basic realm="x"'], "407", "IBKR_GATEWAY_URL"),
        # Pages of a network that wants a login first.
        (302, "", ["Location: http://wifi.hotel.example/login?to=x"], "wifi.hotel.example/login", "browser"),
        (200, HTML.format("Welcome to Hotel Wi-Fi"), [], "Welcome to Hotel Wi-Fi", "IBKR_GATEWAY_URL"),
        (511, HTML.format("Log in"), [], "511", "Log in to the network"),
        # Other programs.
        (404, HTML.format("404 Not Found"), ["Server: Werkzeug/3.0"], "Werkzeug/3.0", "IBKR_GATEWAY_URL"),
        (404, "", [], "404", "IBKR_GATEWAY_URL"),
        (404, '{"error":"Resource not found"}', [], "404", "IBKR_GATEWAY_URL"),
        (501, HTML.format("Unsupported method ('POST')"), ["Server: SimpleHTTP/0.6"], "SimpleHTTP", "IBKR_GATEWAY_URL"),
        (307, "", ["Location: /v1/api/iserver/auth/status/"], "no login page", "IBKR_GATEWAY_URL"),
        (200, '{"status":"ok"}', [], "tells of no session", "IBKR_GATEWAY_URL"),
        (200, '"pong"', [], "tells of no session", "IBKR_GATEWAY_URL"),
        (200, "pong", [], "pong", "IBKR_GATEWAY_URL"),
        (400, NGINX.format("400 The plain HTTP request was sent to HTTPS port"), [], "speaks TLS", "https://"),
        (400, "Client sent an HTTP request to an HTTPS server.\n", [], "speaks TLS", "https://"),
    ],
)
async def test_a_proxy_a_network_and_another_program_are_each_named(
    status: int, body: str, headers: list[str], said: str, remedy: str
) -> None:
    check, message, told = await both(status, body, *headers)
    assert (check.name, said in check.finding, remedy in (check.remedy or "")) == ("gateway", True, True), check
    assert (message, told) == (check.finding, check.remedy)


@pytest.mark.parametrize("headers", [[], ["Server: nginx/1.22"], ["Via: 1.1 Caddy", "Server: Caddy"]])
@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (401, '{"error":"not authenticated","statusCode":401}', "login"),
        (401, "", "login"),
        (401, HTML.format("Access Denied"), "login"),
        (200, '{"authenticated":false,"connected":false,"competing":false}', "login"),
        (400, '{"error":"Bad Request: no bridge","statusCode":400}', "bridge"),
        (404, "Access Denied", "allow_list"),
    ],
)
async def test_what_the_gateway_says_stays_the_gateways_when_a_proxy_passes_it_on(
    headers: list[str], status: int, body: str, name: str
) -> None:
    answers = {**GOOD, STATUS: (status, body.encode(), headers)}
    assert blamed(await scripted_diagnosis(answers)).name == name


async def test_the_gateways_own_login_page_is_no_stranger() -> None:
    for location in ("/sso/Login?forwardTo=22&RL=1&ip2loc=US", "https://localhost:5000/sso/Login"):
        check, message, _ = await both(302, "", f"Location: {location}")
        assert (check.name, message) == ("login", "the gateway is not logged in")


async def test_this_programs_own_servers_are_not_taken_for_a_gateway(tmp_path: Path) -> None:
    mine = Settings.model_validate({"ibkr_gateway_url": "http://127.0.0.1:9", "mcp_token": "t" * 32})
    portal = ClientPortal(open_http("http://127.0.0.1:9"), refuse_simulator=False)
    async with served(create_mcp_server(mine, portal)) as url:
        check = blamed(await diagnose(settings(url)))
    assert (check.name, "the MCP server" in check.finding) == ("gateway", True)
    async with served(create_service(load_settings(state_dir=tmp_path, mcp_token="t" * 32))) as url:
        check = blamed(await diagnose(settings(url)))
    assert (check.name, "not as a gateway does" in check.finding) == ("gateway", True)
    assert "IBKR_GATEWAY_URL" in (check.remedy or "")


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def greeting(first: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await reader.read(65_536)

    return talk


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("first", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail.example ESMTP\r\n", b"\x00\x00\x0a157\x00"])
async def test_a_program_that_speaks_no_http_is_told_so(first: bytes, scheme: str) -> None:
    async with listener(greeting(first)) as port:
        check = blamed(await diagnose(settings(f"{scheme}://127.0.0.1:{port}"), patience_seconds=1))
    assert (check.name, "not HTTP" in check.finding) == ("tls" if scheme == "https" else "gateway", True)
    assert "IBKR_GATEWAY_URL" in (check.remedy or "")


def test_a_port_of_trader_workstation_that_stays_silent_is_named_as_that() -> None:
    for port in (7496, 7497, 4001, 4002):
        assert "Trader Workstation" in silent(address_of(f"http://127.0.0.1:{port}"))
    assert "Trader Workstation" not in silent(address_of("http://127.0.0.1:5000"))


async def test_http_in_front_of_tls_is_told_with_the_address_to_write_which_then_works(tmp_path: Path) -> None:
    own = identity("own")
    async with listener(scripted(LOGGED_OUT), served_by(own, tmp_path)) as port:
        check = blamed(await diagnose(settings(f"http://127.0.0.1:{port}")))
        assert (check.name, "speaks TLS" in check.finding) == ("gateway", True)
        assert f"https://127.0.0.1:{port}" in (check.remedy or "")
        then = settings(f"https://127.0.0.1:{port}", ibkr_cert_sha256=own.fingerprint)
        assert blamed(await diagnose(then)).name == "login"


async def test_the_simulators_own_denial_is_recognised() -> None:
    for status in (403, 404):
        closed = world({"kind": "broker", "change": {"caller_allowed": False, "denied_status": status}})
        async with served(application.create_app(closed)) as url:
            assert blamed(await diagnose(settings(url))).name == "allow_list"


@pytest.mark.parametrize("upstream", ["cut", "silent"])
async def test_the_simulators_own_gateway_without_a_broker_is_recognised(upstream: str) -> None:
    alone = world({"kind": "broker", "change": {"upstream": upstream}})
    async with served(application.create_app(alone)) as url:
        check = blamed(await diagnose(settings(url), patience_seconds=0.5))
    assert "Interactive Brokers behind it does not answer" in check.finding


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("cut_before", {}),
        ("hang_before", {}),
        ("status", {"status": 500}),
        ("status", {"status": 504}),
        ("empty", {}),
        ("blank", {"status": 200}),
        ("put", {"values": {"error": "internal"}}),
    ],
)
async def test_a_gateway_without_its_broker_is_told_from_one_that_is_away(kind: str, more: dict[str, object]) -> None:
    lost = world({"path": STATUS, "kind": kind, "times": 1000, **more})
    async with served(application.create_app(lost)) as url:
        check = blamed(await diagnose(settings(url), patience_seconds=0.5))
    assert check.name == "gateway"
    assert f"the gateway at {url.removeprefix('http://')} runs" in check.finding
    assert "need not be started" in (check.remedy or "")
