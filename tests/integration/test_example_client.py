"""The example in docs/examples runs as it says, with another agent framework and without a key."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.examples.pydantic_ai_client import offline_model, reading_tools, summarise, tell
from tests.support.stack import ACCOUNT, Stack, running

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server that would trade on paper: the example must not see how."""
    with running(tmp_path_factory.mktemp("example")) as found:
        yield found


@pytest.fixture
def token(stack: Stack) -> str:
    return Path(stack.variables["MCP_TOKEN_FILE"]).read_text()


async def test_the_agent_gets_the_reading_tools_and_none_that_trades(stack: Stack, token: str) -> None:
    tools = await reading_tools(stack.variables["MCP_URL"], token)
    assert {"session_status", "portfolio", "quotes", "history"} <= set(tools)
    assert not {"place_order", "cancel_order"} & set(tools)


async def test_the_agent_asks_for_the_positions_and_tells_what_the_account_holds(stack: Stack, token: str) -> None:
    summary = await summarise(stack.variables["MCP_URL"], token, offline_model())
    assert (summary.account, summary.currency) == (ACCOUNT, "USD")
    assert summary.positions > 0
    assert float(summary.net_liquidation) > 0
    told = await tell(stack.variables["MCP_URL"], token, offline_model())
    assert f"{summary.positions} positions, the largest {summary.largest}" in told
    assert ACCOUNT not in told
    assert stack.orders() == []


@pytest.mark.long
def test_the_example_runs_as_a_program(stack: Stack) -> None:
    arguments = ("--url", stack.variables["MCP_URL"], "--token-file", stack.variables["MCP_TOKEN_FILE"])
    said = subprocess.run(
        [sys.executable, "-m", "docs.examples.pydantic_ai_client", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert "reading tools, among them" in said.stdout
