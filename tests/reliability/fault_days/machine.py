"""The machine of the fault days: its disk, its clock, its database, the gateway program and whatever is started on it.

The broker is elsewhere: a simulator that lives through all of it and keeps the book. Only under `portfolio up`, which
brings a simulator of its own, does the book die with the gateway.
"""

import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2

from app.commands.processes import Simulated, free_ports, simulator
from tests.reliability.fault_days.table import MARKER, end
from tests.support.postgres import OwnServer

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
PROGRAM: Final = Path(sys.executable).parent / "portfolio"
DISK_MEGABYTES: Final = 128
DAY_SECONDS: Final = 86_400.0
LOOK_SECONDS: Final = 0.02
# Far beyond what a start or a stop takes here; it keeps a hanging one from hanging the suite.
START_SECONDS: Final = 90.0


def reached(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came to hold within so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_SECONDS)
    return True


class Broker:
    """The simulator's own endpoints: what it got, what it holds, and what shall go wrong."""

    def __init__(self, url: str) -> None:
        """Of a simulator that runs."""
        self.url = url
        self._http = httpx2.Client(base_url=url, timeout=30, trust_env=False)

    def get(self, path: str) -> dict[str, Any]:
        """Raises httpx2.HTTPError where it is gone or frozen."""
        found: dict[str, Any] = self._http.get(f"/simulator/{path}").raise_for_status().json()
        return found

    def post(self, path: str, body: object) -> None:
        """It may refuse: an owner's order for which there is no money, say."""
        self._http.post(f"/simulator/{path}", json=body)

    def calls(self) -> Counter[str]:
        """Requests of the gateway by method and path template."""
        return Counter(self.get("calls")["calls"])

    def orders(self) -> list[dict[str, Any]]:
        """Every order under a client order id of its own that ever arrived."""
        found: list[dict[str, Any]] = self.get("orders")["orders"]
        return found

    def close(self) -> None:
        """Its connections, not the broker."""
        self._http.close()

    def mend(self) -> None:
        """Nothing more goes wrong."""
        self._http.delete("/simulator/faults")


@dataclass
class Command:
    """One that was started: by cron, by a person, or to stay. `died` is when it was first seen to have ended."""

    arguments: tuple[str, ...]
    token: str
    process: "subprocess.Popen[bytes]"
    out: Path
    err: Path
    began: float
    died: float | None = None

    @property
    def ended(self) -> bool:
        """Its process is gone, and waited for."""
        if self.died is None and self.process.poll() is not None:
            self.died = time.monotonic()
        return self.died is not None

    def ends(self, seconds: float) -> bool:
        """Whether it ends within that time."""
        return reached(lambda: self.ended, seconds)


@dataclass
class Machine:
    """`database` is the URL of PostgreSQL, None for SQLite on the machine's own disk.

    `stand_ins` are the files that stood in the ledger's place for a while: who began on one has its record there.
    """

    folder: Path
    broker: Broker
    as_of: date
    database: str | None = None
    database_server: OwnServer | None = None
    mounted: bool = False
    ahead: float = 0.0
    house: Command | None = None
    door: Command | None = None
    under: Broker | None = None
    made: int = 0
    started: list[Command] = field(default_factory=list)
    stand_ins: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Chooses its ports for good."""
        self.ports, self.door_port = free_ports(), free_ports().gateway
        self.state = self.folder / "disk" / "state"
        self.logs = self.folder / "said"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.set_clock(0.0)

    @property
    def gateway(self) -> Broker:
        """The simulator that the commands of today reach in the end."""
        return self.under or self.broker

    @property
    def file(self) -> Path:
        """Where SQLite keeps the ledger."""
        return self.state / "portfolio.db"

    @property
    def ledger_url(self) -> str:
        """For a reader of its own."""
        return self.database or f"sqlite:///{self.file}"

    @property
    def record_urls(self) -> tuple[str, ...]:
        """The ledger and its stand-ins."""
        return (self.ledger_url, *(f"sqlite:///{path}" for path in self.stand_ins))

    @property
    def service_url(self) -> str:
        """Of the service under a house or under `up`."""
        return f"http://127.0.0.1:{self.ports.service}"

    def set_clock(self, wrong: float = 0.0) -> None:
        """The right time of the machine plus an error, for every process at once."""
        draft = self.folder / "clock.new"
        draft.write_text(f"{self.ahead + wrong:f}", encoding="ascii")
        draft.replace(self.folder / "clock")

    def now(self) -> datetime:
        """By the machine's right clock."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def later(self, seconds: float) -> None:
        """Time passes on the machine; the broker's market does not move."""
        self.ahead += seconds
        self.set_clock()

    def start(self, words: Sequence[str | Path], arguments: tuple[str, ...] = ()) -> Command:
        """A process in a session of its own, its output in files beside the disk, which may be full."""
        self.made += 1
        token = f"{os.getpid()}-{self.made}-{secrets.token_hex(4)}"
        out, err = self.logs / f"{self.made}.out", self.logs / f"{self.made}.err"
        with out.open("wb") as said, err.open("wb") as complained:
            process = subprocess.Popen(
                list(map(str, words)),
                cwd=self.folder,
                env=self._environment(token),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=complained,
                start_new_session=True,
            )
        command = Command(arguments, token, process, out, err, time.monotonic())
        self.started.append(command)
        return command

    def portfolio(self, *arguments: str) -> Command:
        """The command as a shell starts it."""
        return self.start((PROGRAM, *arguments), arguments)

    def open_door(self) -> None:
        """The gateway program, where it does not run."""
        if self.door is None or self.door.ended:
            port = self.broker.url.rpartition(":")[2]
            self.door = self.start((sys.executable, HERE / "door.py", str(self.door_port), port))
            if not reached(lambda: answers(f"http://127.0.0.1:{self.door_port}/simulator/clock"), START_SECONDS):
                raise RuntimeError("the door does not open")

    def bring_up(self, *, real: bool) -> bool:
        """`portfolio up`, or the house that stands for it in front of the broker; False where it did not come up."""
        numbers = [str(self.ports.service), str(self.ports.mcp)]
        if real:
            where = ("--state", str(self.state), "--port", numbers[0], "--mcp-port", numbers[1])
            # Another seed than the broker's: an account of its own in the ledger.
            day = (
                "--seed",
                "11",
                "--gateway-port",
                str(self.ports.gateway),
                "--as-of",
                self.as_of.isoformat(),
                "--data",
                "synthetic",
            )
            self.house = self.portfolio("up", *where, *day, "--pacing", "0.001")
        else:
            self.house = self.start((sys.executable, "-m", f"{__package__}.house", self.state, *numbers), ("house",))
        house = self.house
        reached(lambda: house.ended or "READY" in house.out.read_text(), START_SECONDS)
        up = not house.ended and "READY" in house.out.read_text()
        self.under = Broker(f"http://127.0.0.1:{self.ports.gateway}") if up and real else None
        return up

    def leave_house(self) -> None:
        """It has ended."""
        if self.under is not None:
            self.under.close()
        self.house, self.under = None, None

    def _environment(self, token: str) -> dict[str, str]:
        variables = {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONPATH": f"{HERE / 'clock'}:{ROOT}",
            "FAULT_DAYS_CLOCK": str(self.folder / "clock"),
            MARKER: token,
            "STATE_DIR": str(self.state),
            "TRADING_MODE": "paper",
            "IBKR_GATEWAY_URL": f"http://127.0.0.1:{self.door_port}",
        }
        return variables if self.database is None else {**variables, "DATABASE_URL": self.database}


def answers(url: str) -> bool:
    """Whether anybody answers there, whatever."""
    try:
        httpx2.get(url, timeout=2, trust_env=False)
    except httpx2.HTTPError:
        return False
    return True


@contextmanager
def machine(folder: Path, as_of: date, seed: int, server: OwnServer | None = None) -> Iterator[Machine]:
    """With its broker, and a database of its own on that server; what it started has ended after the block."""
    folder.mkdir(parents=True, exist_ok=True)
    disk = folder / "disk"
    disk.mkdir()
    with ExitStack() as stack:
        mounted = _mounted(disk)
        if mounted:
            stack.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=False, capture_output=True)
        url = stack.enter_context(
            simulator(folder / "broker", free_ports().gateway, Simulated(as_of, seed, 0.0, "synthetic"))
        )
        database = None if server is None else server.create()
        broker = Broker(url)
        stack.callback(broker.close)
        here = Machine(folder, broker, as_of, database, server, mounted)
        stack.callback(_end_all, here)
        stack.callback(here.leave_house)
        yield here


def _mounted(disk: Path) -> bool:
    """A disk of its own that can be full, where the machine lets us have one."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "none", str(disk)]
    try:
        return subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _end_all(here: Machine) -> None:
    end(*(command.token for command in here.started))
    for command in here.started:
        command.process.wait()
