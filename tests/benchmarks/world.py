"""The three processes of a measurement, and what can be read of them from outside while they work."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import httpx2

from app.commands.processes import (
    LOOPBACK,
    Ports,
    Simulated,
    free_ports,
    mcp_server,
    private_directory,
    service,
    simulator,
)
from app.settings import shipped_policy

AS_OF: Final = date(2014, 5, 12)
SEED: Final = 7
SCENARIO: Final = Path(__file__).with_name("twenty.yaml")
# The longest interval of any endpoint that a later run reads, with a margin for the answer's way back.
WINDOW_SECONDS: Final = 5.1
QUARTER_SECONDS: Final = 90 * 86_400
# Whatever the caller's environment says of these must not change what is measured.
NEUTRAL: Final = {
    "DATABASE_URL": "",
    "MODEL_NAME": "",
    "IBKR_ACCOUNT_ID": "",
    "CALLER_TOKEN": "",
    "RUN_LEASE_SECONDS": "",
    "POLICY_FILE": str(shipped_policy()),
}


class MeasurementFailed(Exception):
    """A figure could not be had; the message says which and why."""


@dataclass(frozen=True, slots=True)
class TwentyNames(Simulated):
    """The simulator with the twenty positions."""

    def arguments(self) -> list[str]:
        """See `Simulated.arguments`."""
        return [*Simulated.arguments(self), "--scenario", str(SCENARIO)]


@dataclass(frozen=True, slots=True)
class World:
    """A simulated gateway, at `pacing` times the broker's intervals, and where its two clients are to listen."""

    state: Path
    ports: Ports
    pacing: float
    http: httpx2.Client

    @property
    def gateway(self) -> str:
        """The simulator's root."""
        return f"http://{LOOPBACK}:{self.ports.gateway}"

    def gateway_calls(self) -> dict[str, int]:
        """Requests so far, by method and path template."""
        calls: dict[str, int] = self._get("/simulator/calls")["calls"]
        return calls

    def next_session(self) -> None:
        """Ten o'clock of the next session, with every request window empty."""
        self._move({"next_session": True})

    def next_quarter(self) -> None:
        """A session about three months later, so that the portfolio has drifted from its targets."""
        self._move({"advance_seconds": QUARTER_SECONDS})
        self.next_session()

    def rest(self) -> None:
        """Real time until no request window remembers the last run."""
        time.sleep(WINDOW_SECONDS * self.pacing)

    def _move(self, body: Mapping[str, object]) -> None:
        self.rest()
        answer = self.http.post(f"{self.gateway}/simulator/clock", json=body)
        if answer.status_code != 200:
            raise MeasurementFailed(f"the simulator's clock did not move: {answer.text}")

    def _get(self, path: str) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = self.http.get(self.gateway + path).json()
        return found


@contextmanager
def open_world(state: Path, pacing: float) -> Iterator[World]:
    """The simulator alone; `clients` starts the rest."""
    state, ports = private_directory(state), free_ports()
    with (
        simulator(state, ports.gateway, TwentyNames(AS_OF, SEED, pacing)),
        httpx2.Client(timeout=None, trust_env=False) as http,
    ):
        yield World(state, ports, pacing, http)


@contextmanager
def clients(world: World, policy: Path | None = None) -> Iterator[str]:
    """The MCP server and the service, fresh; yields the service's URL. The default policy unless another is named."""
    chosen = {"POLICY_FILE": str(policy)} if policy else {}
    with ExitStack() as stack:
        shared = stack.enter_context(mcp_server(world.state, world.ports.mcp, world.gateway, "paper"))
        yield stack.enter_context(service(world.state, world.ports.service, {**NEUTRAL, **shared, **chosen}))


def idle_policy(state: Path) -> Path:
    """The default policy without strategies: where no exit is due, the first day ends without an order."""
    path = private_directory(state) / "idle.yaml"
    text = shipped_policy().read_text(encoding="utf-8")
    path.write_text(text.replace("enabled: true", "enabled: false"), encoding="utf-8")
    return path


def resident_mebibytes(port: int) -> float:
    """Resident memory of the service that listens on `port`, as the kernel counts it; Linux only."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            words = (directory / "cmdline").read_bytes().split(b"\0")
            status = (directory / "status").read_text(encoding="utf-8")
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        if b"app.main:app" in words and str(port).encode() in words:
            kilobytes = next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]
            return int(kilobytes) / 1024
    raise MeasurementFailed(f"no process of the service on port {port} is to be seen in /proc")
