"""The command line: checks the arguments, takes the port, serves until it is told to stop.

Exit status 2 is a usage error, 1 a failure; either way one line on stderr says what to do.
"""

import argparse
import ipaddress
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import NoReturn

import uvicorn
import yaml
from pydantic import ValidationError

from api_gateway.simulator.application import create_app
from api_gateway.simulator.errors import StartError
from api_gateway.simulator.exchange.universe import FEWEST
from api_gateway.simulator.faults.fault_box import RULES
from api_gateway.simulator.faults.order_faults import Rule
from api_gateway.simulator.front.pacing import PENALTY_SECONDS
from api_gateway.simulator.kept_book import KeptBook
from api_gateway.simulator.scenario import DEFAULT_SCENARIO, SCENARIOS, scenario_file
from api_gateway.simulator.world import Options, World, build_world

# Of the socket, in bytes.
_LONGEST_MESSAGE = 65_536


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise StartError(f"{message} (see --help)")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date like 2022-12-28") from error


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(prog="python -m api_gateway.simulator", description="A simulated Client Portal gateway.")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=5055, help="port, 0 for any free one (default 5055)")
    parser.add_argument("--as-of", type=_date, help="market day (default: the last session of the price history)")
    parser.add_argument("--seed", type=int, default=7, help="seed of everything invented (default 7)")
    parser.add_argument(
        "--pacing", type=float, default=1.0, help="scale of all request limits, 0 for none (default 1.0)"
    )
    parser.add_argument(
        "--scenario",
        type=scenario_file,
        default=DEFAULT_SCENARIO,
        help=f"YAML file of the starting account, or a name: {', '.join(sorted(f.stem for f in SCENARIOS.iterdir()))}",
    )
    parser.add_argument(
        "--instruments", type=int, default=FEWEST, help="stocks to trade; more than 20 with --data synthetic only"
    )
    parser.add_argument("--faults", type=Path, help="YAML file with a list of fault rules, in force from the start")
    parser.add_argument(
        "--session", choices=("lenient", "strict"), default="lenient", help="whether logins expire (default lenient)"
    )
    parser.add_argument(
        "--penalty-seconds", type=float, default=PENALTY_SECONDS, help="length of the penalty box (default 600)"
    )
    parser.add_argument("--reset-hour", type=int, default=0, help="New York hour of the daily reset, 0 or 1")
    parser.add_argument("--tls", type=Path, help="PEM file with a certificate and its key: serve https and wss")
    parser.add_argument(
        "--book", type=Path, help="directory in which accounts, orders and market time are kept over a restart"
    )
    parser.add_argument("--data", choices=("auto", "synthetic"), default="auto", help="prices (default: the sample)")
    parser.add_argument(
        "--pricing",
        choices=("intraday", "close"),
        default="intraday",
        help="how a session is quoted: on a path between closes, or at its own close all day without a spread",
    )
    return parser


def load_faults(path: Path) -> tuple[Rule, ...]:
    """Raises: StartError with one line naming the file and the field."""
    try:
        return RULES.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise StartError(f"faults {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise StartError(f"faults {path}: not YAML ({str(error).splitlines()[0]})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise StartError(f"faults {path.name}: {where}: {first['msg']}") from error


def loopback(host: str) -> str:
    """Raises: StartError for anything reachable from elsewhere: there is no authentication here."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise StartError(f"--host {host}: give a loopback address such as 127.0.0.1") from error
    if not address.is_loopback:
        raise StartError(f"--host {host}: the simulator serves loopback only; use 127.0.0.1")
    return host


def listen(host: str, port: int) -> socket.socket:
    """Raises: StartError, exit status 1, when the port is taken."""
    if not 0 <= port <= 65_535:
        raise StartError(f"--port {port}: give a number from 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off only for sockets that name their protocol; 40 ms a request otherwise.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise StartError(f"port {port} on {host}: {error.strerror}; choose another --port", 1) from error
    return listener


def check_identity(path: Path) -> None:
    """Raises: StartError where the file is no certificate with its key."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
    except OSError as error:  # what TLS has to say is one, too
        raise StartError(f"--tls {path}: no PEM file with a certificate and its key ({error.strerror})") from error


class _Server(uvicorn.Server):
    """Keeps the book when all requests have ended: the signal that ends the process comes right after that."""

    def __init__(self, config: uvicorn.Config, at_the_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._at_the_end = at_the_end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._at_the_end()


def serve(world: World, listener: socket.socket, identity: Path | None = None, book: KeptBook | None = None) -> None:
    config = uvicorn.Config(
        create_app(world, book=book),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=_LONGEST_MESSAGE,
        ws_per_message_deflate=False,
        ssl_certfile=identity,
        # A hanging request must not keep the process alive.
        timeout_graceful_shutdown=2,
    )
    host, port = listener.getsockname()[:2]
    address, marker = f"{'https' if identity else 'http'}://{host}:{port}", world.marker()
    sys.stdout.write(
        f"simulator on {address}/v1/api as of {marker['as_of']}, {marker['data']} prices, "
        f"seed {marker['seed']}, pacing {marker['pacing']:g}, session {world.options.session}\n"
        f"accounts {', '.join(world.accounts)}; log in at {address}/ or by POST /simulator/login\n"
    )
    sys.stdout.flush()
    _Server(config, book.close if book is not None else lambda: None).run(sockets=[listener])


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    try:
        given = _parser().parse_args(arguments)
        host = loopback(given.host)
        faults = load_faults(given.faults) if given.faults is not None else ()
        options = Options(
            as_of=given.as_of,
            seed=given.seed,
            pacing=given.pacing,
            scenario=given.scenario,
            data=given.data,
            faults=faults,
            instruments=given.instruments,
            session=given.session,
            reset_hour=given.reset_hour,
            penalty_seconds=given.penalty_seconds,
            pricing=given.pricing,
        )
        if given.tls is not None:
            check_identity(given.tls)
        listener = listen(host, given.port)
        try:
            book = KeptBook(given.book) if given.book is not None else None
            serve(book.begin(options) if book is not None else build_world(options), listener, given.tls, book)
        finally:
            listener.close()
    except StartError as error:
        sys.stderr.write(f"simulator: {error}\n")
        return error.exit_status
    except KeyboardInterrupt:
        return 0
    return 0
