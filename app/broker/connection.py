"""One connection to the IBKR MCP server, shared by every task of the process.

It never resends a call: what became of a call without an answer is for the caller to find out.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CONNECTION_CLOSED, REQUEST_TIMEOUT, CallToolResult, TextContent

from app.desk.journal import Call, record_call
from app.domain.errors import BrokerUnavailable, PortfolioError


class ToolFailed(PortfolioError):
    """The server answered, and the answer is that it cannot: the text says why and what to do."""


CORRECT_URL = "Correct MCP_URL; the server of `portfolio up` has http://127.0.0.1:5002/mcp"


def no_server(answer: httpx2.Response) -> str | None:
    """What shows that another program answered; None where it may have been an MCP server."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status_code == 401 and answer.headers.get("www-authenticate", "").lower().startswith("bearer"):
        return None
    if answer.status_code in {404, 405} or answer.is_redirect or kind in {"text/html", "application/problem+json"}:
        return f"another program answers {answer.status_code}" + (f" ({kind})" if kind else "")
    return None


class McpConnection:
    """Opens on first use, in a task of its own, because the SDK's scopes must be left by the task that entered them.

    A session that the server has left is retired, and the next call opens another.
    """

    def __init__(self, url: str, token: str, timeout: float = 30.0) -> None:
        """`timeout` in seconds bounds one call."""
        self._url = url
        self._token = token
        self._timeout = timeout
        self._current: _Session | None = None
        self._owners: set[asyncio.Task[None]] = set()

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The tool's structured answer.

        Raises ToolFailed where the server said no, BrokerUnavailable where it could not be asked or did not answer.
        """
        started = time.perf_counter()
        outcome = "unavailable"
        session = self._current = self._current or self._open()
        try:
            with session.in_use():
                client = await asyncio.shield(session.client)
                result = await client.session.call_tool(tool, dict(arguments or {}))
            outcome = "error" if result.is_error else "ok"
        except (MCPError, httpx2.HTTPError, OSError, TimeoutError) as error:
            if not isinstance(error, MCPError) or error.code == CONNECTION_CLOSED:
                self._retire(session)
            raise self._unanswered(tool, error) from error
        except BrokerUnavailable:
            self._retire(session)
            raise
        finally:
            record_call(Call(tool, (time.perf_counter() - started) * 1000, outcome))
        return _content(tool, result)

    async def close(self) -> None:
        """Leave the session; a later call opens a new one."""
        if self._current is not None:
            self._current.stop.set()
            self._current = None
        await asyncio.gather(*self._owners, return_exceptions=True)

    def _unanswered(self, tool: str, error: Exception) -> BrokerUnavailable:
        where = f"the IBKR MCP server at {self._url}"
        if isinstance(error, MCPError) and error.code == REQUEST_TIMEOUT:
            remedy = "It runs: see its log; `portfolio doctor` says whether the gateway behind it answers"
            return BrokerUnavailable(f"{where} did not answer {tool} within {self._timeout:g} s", remedy)
        return BrokerUnavailable(f"{where} did not answer {tool}: {error}", "Is it running? Try `portfolio up`")

    def _open(self) -> "_Session":
        session = _Session(asyncio.get_running_loop().create_future(), asyncio.Event())
        owner = asyncio.create_task(self._own(session), name="mcp-connection")
        self._owners.add(owner)
        owner.add_done_callback(self._owners.discard)
        return session

    def _retire(self, session: "_Session") -> None:
        """No new call uses it; calls that are still under way may end in it."""
        if self._current is session:
            self._current = None
        session.retire()

    async def _own(self, session: "_Session") -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with (
                # A second more, so that it is the session that gives a call up, and says so.
                httpx2.AsyncClient(headers=headers, timeout=self._timeout + 1, trust_env=False) as http,
                Client(
                    streamable_http_client(self._url, http_client=http, terminate_on_close=False),
                    read_timeout_seconds=self._timeout,
                ) as client,
            ):
                session.client.set_result(client)
                await session.stop.wait()
        except Exception as error:  # noqa: BLE001 - a background task: whoever waits for the connection gets the error
            if not session.client.done():
                session.client.set_exception(await self._diagnose(error))

    async def _diagnose(self, error: Exception) -> BrokerUnavailable:
        """Why no session could be opened; the SDK's own errors do not carry the HTTP status."""
        where = f"the IBKR MCP server at {self._url}"
        try:
            async with httpx2.AsyncClient(timeout=min(5, self._timeout), trust_env=False) as http:
                answer = await http.post(self._url, headers={"Authorization": f"Bearer {self._token}"}, json={})
        except httpx2.TimeoutException:
            return BrokerUnavailable(
                f"{where} takes the request and answers nothing",
                "See its log, or correct MCP_URL if that is no MCP server",
            )
        except httpx2.HTTPError as unreachable:
            return BrokerUnavailable(f"{where} cannot be reached: {unreachable}", "Start it, or correct MCP_URL")
        other = no_server(answer)
        if other is not None:
            return BrokerUnavailable(f"no MCP server is at {self._url}: {other}", CORRECT_URL)
        if answer.status_code in {401, 403}:
            return BrokerUnavailable(f"{where} refused the token", "Give both sides the same MCP_TOKEN")
        if answer.status_code == 421:
            return BrokerUnavailable(f"{where} does not serve that host name", "Add it to MCP_ALLOWED_HOSTS")
        return BrokerUnavailable(f"{where} opened no session: {error!r}", "See its log")


class _Session:
    """One session of the SDK, from its opening to the end of its last call."""

    def __init__(self, client: asyncio.Future[Client], stop: asyncio.Event) -> None:
        self.client = client
        self.stop = stop
        self._calls = 0
        self._retired = False

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """It is not left while the block lasts."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._leave_if_idle()

    def retire(self) -> None:
        """It is left as soon as nobody uses it."""
        self._retired = True
        self._leave_if_idle()

    def _leave_if_idle(self) -> None:
        if self._retired and self._calls == 0:
            self.stop.set()


def _content(tool: str, result: CallToolResult) -> dict[str, Any]:
    text = " ".join(block.text for block in result.content if isinstance(block, TextContent))
    if result.is_error:
        raise ToolFailed(text.removeprefix(f"Error executing tool {tool}: ") or f"{tool} failed without a reason")
    if not isinstance(result.structured_content, dict):
        raise BrokerUnavailable(f"{tool} answered without structured content", "Is another MCP server on that port?")
    return result.structured_content
