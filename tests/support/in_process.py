"""The MCP server's own tools, called without a connection in between: many runs a second over a gateway of its own.

What the app's adapters do with an answer, and what the server does before it sends, is all there; only the HTTP between
the two is not.
"""

import time
from collections.abc import Mapping
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult

from app.broker.connection import McpConnection, ToolFailed
from app.desk.journal import Call, record_call
from app.domain.errors import BrokerUnavailable


class InProcessConnection(McpConnection):
    """Calls the tools of a server that lives in the same process, one after the other or side by side."""

    def __init__(self, server: MCPServer[None]) -> None:
        self._server = server

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """See `McpConnection.call`."""
        started = time.perf_counter()
        outcome = "error"
        try:
            result = await self._server.call_tool(tool, dict(arguments or {}))
            outcome = "ok"
        except ToolError as error:
            raise ToolFailed(str(error)) from error
        finally:
            record_call(Call(tool, (time.perf_counter() - started) * 1000, outcome))
        if not isinstance(result, CallToolResult) or not isinstance(result.structured_content, dict):
            raise BrokerUnavailable(f"{tool} answered without structured content", "Ask a tool that has some")
        return result.structured_content
