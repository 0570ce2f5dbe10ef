"""The IBKR MCP server as this installation's app would meet it. It calls reading tools only."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from pydantic import ValidationError

from app.broker.connection import CORRECT_URL, no_server
from app.broker.wire import SessionAnswer
from app.commands.checks.gateway import GatewaySide
from app.commands.checks.records import Check, failure, ok, skipped, warning
from app.domain.errors import UsageError
from app.domain.session import SessionState
from app.settings import Settings, is_loopback

FIRST_SECONDS, SESSION_SECONDS, ANSWER_SECONDS = 8.0, 4.0, 3.0
NAMES = ("mcp", "mcp_token", "ticket_clock", "mcp_tools", "mcp_session", "trading_tools")
# Those that the app calls, whatever else the server offers.
TOOLS = frozenset(
    {
        "session_status", "portfolio", "performance", "resolve_contracts", "contract_rules", "quotes", "history",
        "cash_rows", "preview_order", "order_report", "order_status",
    }
)  # fmt: skip
PLACE = "place_order"
# A ticket lives a minute.
WARN_SECONDS, FAIL_SECONDS = 2.0, 30.0
_NTP = "Let both machines set their clocks by NTP (`timedatectl set-ntp true`)."


async def look(settings: Settings, side: asyncio.Task[GatewaySide]) -> tuple[Check, ...]:
    """All of `NAMES`; what hangs on a check that was not passed is skipped."""
    found: list[Check] = []
    tools: set[str] = set()
    async with _timed(settings, found, FIRST_SECONDS):
        tools = await _introduce(settings, found)
    if tools:
        # Shielded, and outside every time limit of this server's: a slow gateway is not its fault.
        known = await asyncio.shield(side)
        async with _timed(settings, found, SESSION_SECONDS):
            await _judge_session(settings, known, tools, found)
    why = f"not looked at because of {found[-1].name}" if found else "not looked at"
    return (*found, *skipped(NAMES[len(found) :], why))


@asynccontextmanager
async def _timed(settings: Settings, found: list[Check], seconds: float) -> AsyncIterator[None]:
    """What goes wrong within becomes the finding of the check that is next."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        found.append(failure(NAMES[len(found)], f"no answer within {seconds:g} s", "See the MCP server's log."))
    except (MCPError, httpx2.HTTPError, OSError, ValueError, ExceptionGroup) as error:
        told = f"the server at {settings.mcp_url} does not speak MCP as the app does: {type(error).__name__}"
        found.append(failure(NAMES[len(found)], told, "Is another program on that port? See its log."))


async def _introduce(settings: Settings, found: list[Check]) -> set[str]:
    """Appends in the order of `NAMES`; the server's tools, none where nothing further can be asked."""
    try:
        token = kept_token(settings)
    except UsageError as error:
        found.extend((*skipped(("mcp",), "not asked without a token"), failure("mcp_token", error.cause, error.remedy)))
        return set()
    async with _http(token) as http:
        answer = await _knock(settings, http, found)
        if answer is None:
            return set()
        found.append(_judge_token(answer.status_code, token))
        if not found[-1].is_passed:
            return set()
        found.append(_judge_clock(answer.headers))
    async with connected(settings) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        found.append(_judge_tools(tools, client.protocol_version))
    return tools


def _http(token: str | None) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.AsyncClient(headers=headers, timeout=ANSWER_SECONDS, trust_env=False)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Client]:
    """With the token that the app would use."""
    async with (
        _http(kept_token(settings)) as http,
        Client(
            streamable_http_client(settings.mcp_url, http_client=http, terminate_on_close=False),
            read_timeout_seconds=ANSWER_SECONDS,
        ) as client,
    ):
        yield client


def kept_token(settings: Settings) -> str | None:
    """The setting's, else the one that `portfolio up` keeps in the state directory."""
    secret = settings.read_mcp_token()
    if secret is not None:
        return secret.get_secret_value()
    kept = settings.state_dir / "mcp.token"
    return _read(kept) if kept.is_file() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "Make it readable for its owner.") from None


async def _knock(settings: Settings, http: httpx2.AsyncClient, found: list[Check]) -> httpx2.Response | None:
    """One empty request: it opens nothing, and tells whether somebody is there and takes the token."""
    url = settings.mcp_url
    try:
        answer = await http.post(url, json={})
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        found.append(_absent(settings, str(error) or type(error).__name__))
        return None
    if answer.status_code == 421:
        host = urlsplit(url).hostname
        remedy = f"Add {host}:* to MCP_ALLOWED_HOSTS of the server."
        found.append(failure("mcp", f"the server does not serve the host name {host}", remedy))
        return None
    other = no_server(answer)
    if other is not None:
        found.append(failure("mcp", f"no MCP server is at {url}: {other}", f"{CORRECT_URL}."))
        return None
    found.append(ok("mcp", f"something answers at {url}"))
    return answer


def _absent(settings: Settings, cause: str) -> Check:
    finding = f"no answer at {settings.mcp_url}: {cause}"
    if settings.mcp_url == type(settings).model_fields["mcp_url"].default:
        return warning(
            "mcp",
            finding,
            "`portfolio serve` and `portfolio up` start one; `portfolio run` and `make demo` bring their own.",
        )
    here = is_loopback(urlsplit(settings.mcp_url).hostname or "")
    return failure("mcp", finding, "Start it, or correct MCP_URL." if here else "Start it, or correct MCP_URL, or DNS.")


def _judge_token(status: int, token: str | None) -> Check:
    if status not in (401, 403):
        return ok("mcp_token", "the server takes the token")
    if token is None:
        return failure("mcp_token", "the server wants a token and none is set", "Set MCP_TOKEN_FILE to the server's.")
    return failure("mcp_token", "the server refuses the token", "Give both sides the same MCP_TOKEN or MCP_TOKEN_FILE.")


def _judge_clock(headers: Mapping[str, str]) -> Check:
    """Tickets are signed by this clock and judged by the server's. The header is cut to the second."""
    try:
        dated = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return skipped(("ticket_clock",), "the server's answers carry no date")[0]
    off = max(time.time() - (dated + 1), dated - time.time(), 0.0)
    finding = f"this machine's clock and the MCP server's differ by at least {off:.0f} s"
    if off > FAIL_SECONDS:
        return failure("ticket_clock", f"{finding}: order tickets, valid for a minute, would be refused", _NTP)
    if off > WARN_SECONDS:
        return warning("ticket_clock", finding, _NTP)
    return ok("ticket_clock", f"this machine and the MCP server agree to within {WARN_SECONDS:g} s")


def _judge_tools(tools: set[str], protocol: str) -> Check:
    missing = sorted(TOOLS - tools)
    if missing:
        finding = f"the server lacks {', '.join(missing)}"
        return failure("mcp_tools", finding, "Run the app and its MCP server from the same release.")
    return ok("mcp_tools", f"{len(tools)} tools, those that the app needs among them; protocol {protocol}")


async def _judge_session(settings: Settings, side: GatewaySide, tools: set[str], found: list[Check]) -> None:
    if any(check.name == "bridge" and check.status == "failure" for check in side.checks):
        # The server opens the bridge when it is asked for the session, and looking must change nothing.
        found.extend(skipped(("mcp_session", "trading_tools"), "not asked because of bridge"))
        return
    try:
        async with connected(settings) as client:
            result = await client.call_tool("session_status", {})
    except (MCPError, TimeoutError, httpx2.TimeoutException):
        if side.culprit is None:
            raise
        why = f"no answer within {ANSWER_SECONDS:g} s: see {side.culprit}"
        found.extend(skipped(("mcp_session", "trading_tools"), why))
        return
    try:
        session = SessionAnswer.model_validate(result.structured_content)
    except ValidationError:
        remedy = "Run the app and its MCP server from the same release."
        found.append(failure("mcp_session", "session_status answers in another shape than agreed", remedy))
        return
    simulated = session.simulator is not None
    kind = "the simulator" if simulated else "the gateway"
    if session.state is SessionState.READY:
        found.append(ok("mcp_session", f"usable, in front of {kind}"))
    elif side.culprit is not None:
        found.extend(skipped(("mcp_session",), f"{session.state}: see {side.culprit}"))
    else:
        found.append(failure("mcp_session", f"{session.state}: {session.message}", session.remedy))
    found.append(_judge_trading(settings, session.trading_mode, PLACE in tools, simulated))


def _judge_trading(settings: Settings, server: str, can_place: bool, simulated: bool) -> Check:
    name, mine = "trading_tools", settings.trading_mode
    if can_place != (server != "off"):
        told = "offers" if can_place else "does not offer"
        return failure(name, f"the server is in mode {server} and {told} {PLACE}", "Restart the MCP server.")
    if server == mine:
        return ok(name, f"the server is in mode {server} too, and {'offers' if can_place else 'lacks'} {PLACE}")
    if simulated and mine == "off":
        return ok(name, f"the server is in mode {server} in front of the simulator; TRADING_MODE here is off")
    finding = f"TRADING_MODE here is {mine}, the server's is {server}"
    remedy = "Give both sides the same TRADING_MODE and restart the MCP server."
    return warning(name, f"{finding}: nothing is ordered", remedy) if mine == "off" else failure(name, finding, remedy)
