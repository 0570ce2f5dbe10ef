"""The MCP server over a pipe, as a host on a desktop starts it: the same tools, and no log in the pipe."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from app.commands.processes import Simulated, free_ports, private_directory, simulator
from tests.integration.mcp_desk import desk

COMMAND = ("-m", "api_gateway.mcp_server", "--stdio")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = private_directory(tmp_path_factory.mktemp("stdio"))
    with simulator(state, free_ports().gateway, Simulated(None, 7, 0.001, "synthetic")) as url:
        yield url


def started_by_a_host(home: Path, gateway: str, **variables: str) -> StdioServerParameters:
    """As in a host's configuration: a command, its arguments and a few variables; no token."""
    known = {"PATH": os.environ["PATH"], "IBKR_GATEWAY_URL": gateway, **variables}
    return StdioServerParameters(command=sys.executable, args=list(COMMAND), env=known, cwd=home)


async def test_a_host_gets_the_reading_tools_and_reads_the_account(gateway: str, tmp_path: Path) -> None:
    async with Client(started_by_a_host(tmp_path, gateway)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"session_status", "portfolio"} <= set(tools)
        assert "place_order" not in tools
        status = (await client.call_tool("session_status", {})).structured_content
        assert status is not None
        assert (status["state"], status["trading_mode"]) == ("READY", "off")
        held = await client.call_tool("portfolio", {"account": status["accounts"][0]})
        assert not held.is_error
        wrong = await client.call_tool("portfolio", {"account": "U0000000"})
        assert wrong.is_error


async def test_it_serves_the_same_tools_as_over_http(gateway: str, tmp_path: Path) -> None:
    async with desk("off") as here:
        over_http = [tool.model_dump() for tool in (await here.mcp.list_tools()).tools]
    async with Client(started_by_a_host(tmp_path, gateway)) as client:
        over_the_pipe = [tool.model_dump() for tool in (await client.list_tools()).tools]
    assert over_the_pipe == over_http


def test_the_pipe_carries_no_log_and_its_end_ends_the_server(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_ports().gateway}"
    ended = subprocess.run(
        [sys.executable, *COMMAND],
        env={"PATH": os.environ["PATH"], "IBKR_GATEWAY_URL": nowhere},
        cwd=tmp_path,
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "")


def test_a_trading_mode_without_its_key_is_refused_over_the_pipe_too(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, *COMMAND],
        env={"PATH": os.environ["PATH"], "TRADING_MODE": "paper"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "TICKET_KEY" in refused.stderr
