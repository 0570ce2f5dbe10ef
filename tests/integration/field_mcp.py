"""An MCP server of others, which speaks the gateway's API, in front of the simulator: `make field-mcp` installs it.

No part of `make test`: it wants an older MCP library than the project has, an environment of its own and 450 MB.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent

from api_gateway.simulator import Options, build_world, create_app
from tests.support.certificates import identity
from tests.support.serving import served_beside
from tests.unit.simulator.worlds import AAPL, FakeTime

PYTHON = os.environ["FIELD_MCP_PYTHON"]


@asynccontextmanager
async def beside_the_simulator(directory: Path) -> AsyncIterator[ClientSession]:
    """The server takes any certificate of this machine."""
    world = build_world(Options(pacing=0, data="synthetic"), FakeTime())
    with served_beside(create_app(world), identity("gateway").save(directory, "gateway")) as address:
        server = StdioServerParameters(
            command=PYTHON,
            args=["-m", "ibkr_core_mcp.mcp_server"],
            env={
                "IBKR_GATEWAY_URL": f"{address}/v1/api",
                "IBKR_SQLITE_PATH": str(directory / "store.db"),
                "HOME": str(directory),
            },
            cwd=directory,
        )
        async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
            await session.initialize()
            yield session


async def text_of(session: ClientSession, tool: str, **arguments: object) -> str:
    answer = await session.call_tool(tool, arguments)
    (content,) = answer.content
    assert isinstance(content, TextContent)
    assert not answer.is_error, content.text
    return content.text


async def test_an_mcp_server_of_others_reads_the_account_the_market_and_the_boards(tmp_path: Path) -> None:
    async with beside_the_simulator(tmp_path) as session:
        assert "AAPL" in await text_of(session, "get_positions")
        assert "Net Liquidation" in await text_of(session, "get_account_summary")
        assert "Cash Balance" in await text_of(session, "get_ledger")
        assert str(AAPL) in await text_of(session, "search_contract", symbol="AAPL")
        assert "No open orders" in await text_of(session, "get_live_orders")
        # It asks for the accounts before orders and not before what follows.
        assert "daily=" in await text_of(session, "get_pnl")
        assert "AAPL" in await text_of(session, "get_market_snapshot", symbols=["AAPL"])
        assert "No watchlists" in await text_of(session, "get_watchlists")
        assert "0 unread" in await text_of(session, "get_notifications")
        assert "No price alerts" in await text_of(session, "get_alerts")
