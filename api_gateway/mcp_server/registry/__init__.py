"""The one list of tools over gateway endpoints: tools, documents and tests are made from it."""

from typing import Final

from api_gateway.mcp_server.registry.account import ACCOUNT
from api_gateway.mcp_server.registry.contracts import CONTRACTS
from api_gateway.mcp_server.registry.events import EVENTS
from api_gateway.mcp_server.registry.market import MARKET
from api_gateway.mcp_server.registry.orders import ORDERS
from api_gateway.mcp_server.registry.portfolio import PORTFOLIO
from api_gateway.mcp_server.registry.scanner import SCANNER
from api_gateway.mcp_server.registry.sessions import SESSION
from api_gateway.mcp_server.registry.tool import GatewayTool
from api_gateway.mcp_server.registry.trading import TRADING

TOOLS: Final[tuple[GatewayTool, ...]] = (
    *PORTFOLIO,
    *MARKET,
    *SCANNER,
    *CONTRACTS,
    *EVENTS,
    *ORDERS,
    *TRADING,
    *SESSION,
    *ACCOUNT,
)
