"""What docs/mcp.md tells people to paste is taken from there and tried."""

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.inspection import INSPECTOR, reach
from tests.support.stack import Stack, running

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")
URL = "http://127.0.0.1:5002/mcp"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def servers() -> list[dict[str, Any]]:
    """The one server that each JSON block names, whatever the host calls the object."""
    found = []
    for block in blocks("json"):
        content = json.loads(block)
        (named,) = (content.get("mcpServers") or content["servers"]).values()
        found.append(named)
    return found


def test_the_inspectors_lines_are_what_make_inspect_runs() -> None:
    (block,) = re.findall(r"```\n(npx --yes [^`]*inspector.*?)```", PAGE, re.DOTALL)
    over_http, by_pipe = (shlex.split(line) for line in block.replace("\\\n", "").splitlines())
    listing = ["--method", "tools/list"]
    assert over_http == [*INSPECTOR, *reach(URL, "$IBKR_MCP_TOKEN"), *listing]
    assert by_pipe == [*INSPECTOR, "python", "-m", "api_gateway.mcp_server", "--stdio", *listing]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("docs"), "off") as found:
        yield found


def test_every_configuration_is_json_that_names_the_address_and_the_token_or_the_command() -> None:
    told = servers()
    assert len(told) == 4
    for server in told:
        if "command" in server:
            assert server["args"] == ["-m", "api_gateway.mcp_server", "--stdio"]
        else:
            assert server.get("url", server.get("httpUrl")) == URL
            assert re.fullmatch(r"Bearer \$[{\w:}-]+", server["headers"]["Authorization"])


async def test_the_command_of_a_desktop_host_starts_a_server(stack: Stack, tmp_path: Path) -> None:
    (server,) = (server for server in servers() if "command" in server)
    variables = {**server["env"], "IBKR_GATEWAY_URL": stack.gateway, "PATH": os.environ["PATH"]}
    started = StdioServerParameters(command=sys.executable, args=server["args"], env=variables, cwd=tmp_path)
    async with Client(started) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
    assert "portfolio" in tools
    assert len(tools) < 20


async def test_the_toolset_of_the_agent_development_kit_lists_what_it_was_told_to(stack: Stack) -> None:
    (block,) = blocks("python")
    block = block.replace(URL, stack.variables["MCP_URL"])
    block = block.replace(".portfolio/mcp.token", stack.variables["MCP_TOKEN_FILE"])
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - the page's own code is what is tried here
    toolset = names["toolset"]
    try:
        tools = await toolset.get_tools()
        assert {tool.name for tool in tools} == {"session_status", "portfolio", "quotes", "history"}
    finally:
        await toolset.close()
