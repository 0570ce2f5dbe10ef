"""Starts the MCP server: `python -m api_gateway.mcp_server`, or with `--stdio` for the one host that starts it."""

import argparse
import asyncio
import logging
import sys

import uvicorn

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.request_limits import PacingRules
from api_gateway.clientportal.transport import open_http
from api_gateway.mcp_server.notifier import Notifier
from api_gateway.mcp_server.server import create_app, create_server
from api_gateway.settings import InvalidSettings, Settings, read_settings, read_stdio_settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api_gateway.mcp_server", description="IBKR MCP server")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: loopback)")
    parser.add_argument("--port", type=int, default=5002)
    parser.add_argument("--stdio", action="store_true", help="speak over standard input and output; needs no token")
    arguments = parser.parse_args()
    try:
        settings = read_stdio_settings() if arguments.stdio else read_settings()
    except InvalidSettings as error:
        sys.stderr.write(f"mcp_server: {error}\n")
        return 2
    # Set before the SDK sets up its own console, which breaks lines for a terminal. It goes to standard error.
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        portal = _portal(settings)
    except ValueError as error:
        sys.stderr.write(f"mcp_server: {error}\n")
        return 2
    if arguments.stdio:
        asyncio.run(_over_stdio(settings, portal))
        return 0
    uvicorn.run(create_app(settings, portal), host=arguments.host, port=arguments.port, log_level="warning", ws="none")
    return 0


def _portal(settings: Settings) -> ClientPortal:
    """Raises: ValueError for a gateway that could not be reached safely."""
    return ClientPortal(
        open_http(settings.ibkr_gateway_url, settings.ibkr_ca_file, settings.ibkr_cert_sha256),
        refuse_simulator=settings.trading_mode == "live",
        compete=settings.ibkr_compete,
        zone=settings.ibkr_reset_zone,
        memory=GatewayMemory(settings.mcp_state_file),
        pacing=PacingRules(settings.ibkr_penalty_minutes * 60.0, settings.ibkr_histories_per_minute),
    )


async def _over_stdio(settings: Settings, portal: ClientPortal) -> None:
    """Until the host closes the pipe."""
    notifier = Notifier(settings.notify_urls())
    async with notifier.running(), portal.running(notifier.tell, settings.login_url):
        await create_server(settings, portal).run_stdio_async()


if __name__ == "__main__":
    sys.exit(main())
