"""`docs/where.md` says of every tool in which module it is."""

from pathlib import Path

from api_gateway.mcp_server.documents import places
from api_gateway.mcp_server.server import create_server
from api_gateway.settings import Settings
from tests.unit.gateway.scripted import portal_to, ready_gateway

PAGE = (Path(__file__).resolve().parents[3] / "docs/where.md").read_text(encoding="utf-8")


def test_the_table_of_tools_is_what_the_modules_say() -> None:
    assert places(PAGE) == PAGE


async def test_every_tool_of_a_server_that_trades_has_one_place() -> None:
    rows = PAGE.partition("<!-- tools: begin -->")[2].splitlines()
    named = [name for row in rows if ".py` | " in row for name in row.split(" | ")[1].strip(" |").split(", ")]
    settings = Settings.model_validate({"mcp_token": "t" * 32, "ticket_key": "k" * 32, "trading_mode": "paper"})
    server = create_server(settings, portal_to(ready_gateway()))
    assert sorted(named) == sorted(f"`{tool.name}`" for tool in await server.list_tools())
