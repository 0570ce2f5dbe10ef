"""Starts the MCP server: `python -m api_gateway.mcp_server`."""

import argparse
import logging
import sys

import uvicorn

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.memory import GatewayMemory
from api_gateway.clientportal.transport import open_http
from api_gateway.mcp_server.server import create_app
from api_gateway.settings import InvalidSettings, read_settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api_gateway.mcp_server", description="IBKR MCP server")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: loopback)")
    parser.add_argument("--port", type=int, default=5002)
    arguments = parser.parse_args()
    try:
        settings = read_settings()
    except InvalidSettings as error:
        sys.stderr.write(f"mcp_server: {error}\n")
        return 2
    # Set before the SDK sets up its own console, which breaks lines for a terminal.
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        http = open_http(settings.ibkr_gateway_url, settings.ibkr_ca_file, settings.ibkr_cert_sha256)
    except ValueError as error:
        sys.stderr.write(f"mcp_server: {error}\n")
        return 2
    memory = GatewayMemory(settings.mcp_state_file)
    portal = ClientPortal(
        http,
        refuse_simulator=settings.trading_mode == "live",
        compete=settings.ibkr_compete,
        zone=settings.ibkr_reset_zone,
        memory=memory,
        penalty_seconds=settings.ibkr_penalty_minutes * 60.0,
    )
    uvicorn.run(create_app(settings, portal), host=arguments.host, port=arguments.port, log_level="warning", ws="none")
    return 0


if __name__ == "__main__":
    sys.exit(main())
