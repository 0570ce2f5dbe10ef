"""The simulator, the MCP server and the service as processes of their own on loopback, started and stopped together."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from io import BufferedWriter
from pathlib import Path
from typing import Any, NoReturn

import httpx2

from app.commands import child
from app.commands.leftovers import LOGS, end_leftovers, holder
from app.commands.one_state import taken
from app.commands.output import tell
from app.domain.errors import PortfolioError, UsageError
from app.settings import Settings, child_environment, make_secret, policy_path

LOOPBACK = "127.0.0.1"
# The first start on a machine compiles what it imports: a slow one takes minutes.
START_SECONDS = 240.0
SLOW_SECONDS = 10.0
STOP_SECONDS = 20.0
# What the server says last, after it has said why.
_CLOSING_WORDS = frozenset({"", "Application startup failed. Exiting."})


class StartFailed(PortfolioError):
    """A process ended, or did not answer, before it was ready."""


class ProcessEnded(PortfolioError):
    """A process that was ready has ended by itself."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """Which day the simulator replays; None leaves its default."""

    as_of: date | None = None
    seed: int | None = None
    pacing: float | None = None
    data: str | None = None
    session: str | None = None
    scenario: str | None = None
    instruments: int | None = None
    faults: Path | None = None
    pricing: str | None = None
    book: Path | None = None

    def arguments(self) -> list[str]:
        """For the simulator's command line."""
        named = {
            "--as-of": self.as_of,
            "--seed": self.seed,
            "--pacing": self.pacing,
            "--data": self.data,
            "--session": self.session,
            "--scenario": self.scenario,
            "--instruments": self.instruments,
            "--faults": self.faults,
            "--pricing": self.pricing,
            "--book": self.book,
        }
        return [part for name, value in named.items() if value is not None for part in (name, str(value))]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the three listen."""

    service: int
    mcp: int
    gateway: int


# Far more than one command wants; a process that starts many services in turn gives up the oldest.
_KEPT_PORTS = 30
_kept: deque[int] = deque()
# Of this command, by their logs.
_started: dict[Path, subprocess.Popen[bytes]] = {}
_LOOK_SECONDS = 0.2
DEFAULT_PORTS = Ports(service=8085, mcp=5002, gateway=5055)


def free_ports() -> Ports:
    """Three ports that nobody listens on now, and that on Linux nobody else is given while this process keeps them."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind((LOOPBACK, 0))
        ports = Ports(*(each.getsockname()[1] for each in sockets))
        if sys.platform == "linux":
            # Bound and not listening, it is in the way of who asks for any free port, and not of who asks for this one.
            _kept.extend(each.detach() for each in sockets)
    while len(_kept) > _KEPT_PORTS:
        os.close(_kept.popleft())
    return ports


@contextmanager
def simulator(state: Path, port: int, simulated: Simulated) -> Iterator[str]:
    """The gateway simulator; yields its URL."""
    command = ["api_gateway.simulator", "--port", str(port), *simulated.arguments()]
    url = f"http://{LOOPBACK}:{port}"
    with _running("simulator", command, {}, state, f"{url}/simulator/state", port):
        yield url


def simulated_accounts(url: str) -> list[str]:
    """Of a simulator that runs."""
    return [str(account) for account in _simulated(url)["accounts"]]


def how_its_book_began(url: str) -> str:
    """Of a simulator that keeps one: whether it goes on or begins anew."""
    return str(_simulated(url)["book"])


def _simulated(url: str) -> dict[str, Any]:
    with httpx2.Client(timeout=5, trust_env=False) as http:
        told: dict[str, Any] = http.get(f"{url}/simulator/state").json()
        return told


@contextmanager
def mcp_server(state: Path, port: int, gateway_url: str, trading_mode: str) -> Iterator[dict[str, str]]:
    """The IBKR MCP server in front of that gateway; yields the variables that its clients need."""
    token, key = make_secret(state / "mcp.token"), make_secret(state / "ticket.key")
    shared = {
        "IBKR_GATEWAY_URL": gateway_url,
        "MCP_TOKEN_FILE": str(token),
        "TICKET_KEY_FILE": str(key),
        "TRADING_MODE": trading_mode,
        "MCP_STATE_FILE": str(state / "gateway.json"),
    }
    url = f"http://{LOOPBACK}:{port}"
    command = ["api_gateway.mcp_server", "--port", str(port)]
    with _running("mcp_server", command, shared, state, f"{url}/health", port):
        yield {**shared, "MCP_URL": f"{url}/mcp", "STATE_DIR": str(state)}


@contextmanager
def service(state: Path, port: int, variables: Mapping[str, str]) -> Iterator[str]:
    """The app; yields its URL."""
    command = ["uvicorn", "app.main:app", "--host", LOOPBACK, "--port", str(port), "--log-level", "warning"]
    url = f"http://{LOOPBACK}:{port}"
    with _running("service", command, {**variables, "HOST": LOOPBACK}, state, f"{url}/health", port):
        yield url


@contextmanager
def playground(state: Path, port: int, variables: Mapping[str, str]) -> Iterator[str]:
    """The agent framework's own development page on the five agents; it can preview and nothing else."""
    agents = str(Path(__file__).parent.parent)
    kept = ["--session_service_uri", "memory://", "--artifact_service_uri", "memory://"]
    command = ["google.adk.cli", "web", agents, "--host", LOOPBACK, "--port", str(port), *kept]
    url = f"http://{LOOPBACK}:{port}"
    with _running("playground", command, variables, state, f"{url}/health", port):
        yield url


@contextmanager
def everything(
    state: Path,
    ports: Ports,
    simulated: Simulated,
    settings: Settings,
    policy: Path | None = None,
    prepare: Callable[[str], None] = lambda _: None,
    command: str = "demo",
) -> Iterator[str]:
    """All three, the simulator as the broker; yields the service's URL once all answer.

    `prepare` is given the simulator's URL before anything asks it. Raises StateInUse where another has the directory.
    """
    state = private_directory(state)
    with ExitStack() as stack:
        stack.enter_context(taken(state, command, f"http://{LOOPBACK}:{ports.service}"))
        end_leftovers(state, tell)
        gateway = stack.enter_context(simulator(state, ports.gateway, simulated))
        prepare(gateway)
        shared = stack.enter_context(mcp_server(state, ports.mcp, gateway, simulated_trading_mode(settings)))
        variables = {**shared, "POLICY_FILE": str(policy_path(policy or settings.policy_file).resolve())}
        yield stack.enter_context(service(state, ports.service, variables))


def wait() -> NoReturn:
    """Until a signal ends this process, or one that it started ends. Raises: ProcessEnded."""
    while True:
        for log, process in _started.items():
            code = process.poll()
            if code is not None:
                how = f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
                raise ProcessEnded(f"the {log.stem} ended {how}", f"{log} says why; start again")
        time.sleep(_LOOK_SECONDS)


def simulated_trading_mode(settings: Settings) -> str:
    """Paper, where the simulator is the broker, unless the setting says otherwise; live never meets a simulator."""
    if settings.trading_mode == "live":
        raise UsageError("TRADING_MODE is live and the broker would be the simulator", "Unset TRADING_MODE")
    return settings.trading_mode if "trading_mode" in settings.model_fields_set else "paper"


def private_directory(path: Path) -> Path:
    """The state directory, made for its owner only."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the state directory {path} cannot be used: {error.strerror}", "Choose another with --state"
        ) from None
    return path.resolve()


@contextmanager
def _running(
    name: str, command: Sequence[str], variables: Mapping[str, str], state: Path, url: str, port: int
) -> Iterator[None]:
    """One process, its output in the state directory's logs; stopped by its id when the block ends."""
    logs = private_directory(state / LOGS)
    _require_free(name, port)
    path = logs / f"{name}.log"
    with _log(path) as log:
        start = log.tell()
        with subprocess.Popen(  # noqa: S603 - our own modules, no shell
            [sys.executable, "-m", child.__name__, *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=child_environment(**variables),
            process_group=0,
        ) as process:
            try:
                _wait_for(name, process, url, path, start)
                _started[path] = process
                yield
            finally:
                _started.pop(path, None)
                _stop(process)


def _require_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OverflowError:
            raise UsageError(f"{port} for the {name} is not a port", "Choose one from 1 to 65535") from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                cause = f"port {port} for the {name} cannot be used: {error.strerror}"
                raise StartFailed(cause, "Choose another port") from None
            by, remedy = holder(port) or ("", "Stop what listens there")
            taken = f"port {port} for the {name} is taken" + (f" by {by}" if by else "")
            raise StartFailed(taken, f"{remedy}, or choose another port") from None


def _log(path: Path) -> BufferedWriter:
    try:
        return path.open("ab")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "Choose another with --state") from None


def _wait_for(name: str, process: subprocess.Popen[bytes], url: str, log: Path, start: int) -> None:
    began, told = time.monotonic(), False
    with httpx2.Client(timeout=5, trust_env=False) as http:
        while (waited := time.monotonic() - began) < START_SECONDS:
            if waited > SLOW_SECONDS and not told:
                tell(f"the {name} is still starting: the first start compiles what it imports, and takes longer")
                told = True
            code = process.poll()
            if code is not None:
                said = _last_line(log, start) or f"it ended with status {code}"
                raise (UsageError if code == 2 else StartFailed)(said)
            try:
                if http.get(url).status_code == 200:
                    return
            except httpx2.HTTPError:
                time.sleep(0.03)
    raise StartFailed(f"the {name} did not answer within {START_SECONDS:g} s", f"See {log}")


def _last_line(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").strip().splitlines()
    said = [line.removeprefix("ERROR:").strip() for line in lines]
    return next((line for line in reversed(said) if line not in _CLOSING_WORDS), "")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    # One that was stopped would not get to hear of it.
    process.send_signal(signal.SIGCONT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
