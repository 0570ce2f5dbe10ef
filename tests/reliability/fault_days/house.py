"""What `portfolio up` starts, without the simulator: MCP server and service in front of IBKR_GATEWAY_URL."""

import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from app.commands.processes import mcp_server, private_directory, service
from app.domain.errors import PortfolioError
from app.settings import load_settings


def _stop(*_: object) -> NoReturn:
    raise SystemExit(0)


def main(state: Path, port: int, mcp_port: int) -> None:
    """Until a signal."""
    settings = load_settings(state_dir=private_directory(state))
    with ExitStack() as stack:
        shared = stack.enter_context(
            mcp_server(settings.state_dir, mcp_port, settings.ibkr_gateway_url, settings.trading_mode)
        )
        stack.enter_context(service(settings.state_dir, port, shared))
        sys.stdout.write("READY\n")
        sys.stdout.flush()
        while True:
            signal.pause()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    except PortfolioError as error:
        sys.exit(f"portfolio: {error}")
