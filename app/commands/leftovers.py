"""What a command started and what still runs, as the system's own table of processes tells.

Nothing is written down for it: what a process runs and the log that it writes say whose it is, and its parent holds
that log open for as long as it lives. So no record can be out of date, and no other program's is taken for ours.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import psutil

from app.commands import child
from app.domain.errors import PortfolioError


class Kind(NamedTuple):
    """What can be started: the name of its log, what a person calls it, the word that only its command line has."""

    name: str
    label: str
    word: str


KINDS = (
    Kind("simulator", "simulator", "api_gateway.simulator"),
    Kind("mcp_server", "MCP server", "api_gateway.mcp_server"),
    Kind("service", "service", "app.main:app"),
    Kind("playground", "playground", "google.adk.cli"),
)
LOGS = "logs"
_HERE = ("127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "::")  # noqa: S104 (looked for, not listened on)
KILLED_SECONDS = 5.0


class StillThere(PortfolioError):
    """A process of an earlier command cannot be ended."""


@dataclass(frozen=True, slots=True)
class Started:
    """A process of ours. `parent` is the command that started it, None where that has ended.

    `is_guarded` is false for one of a version whose processes did not end with their command.
    """

    process: psutil.Process
    label: str
    port: str
    state: Path
    since: datetime
    parent: int | None
    is_guarded: bool

    def __str__(self) -> str:
        command = "a command that has ended" if self.parent is None else "a command that runs"
        where = f"port {self.port}, since {self.since:%Y-%m-%d %H:%M}, state {self.state}"
        return f"the {self.label} of {command} (pid {self.process.pid}, {where})"

    @property
    def remedy(self) -> str:
        """What ends it."""
        if self.parent is None:
            return f"`kill {self.process.pid}` ends it"
        return f"`kill {self.parent}` ends that command"


def leftovers() -> tuple[Started, ...]:
    """Those whose command has ended, of all that this user may look at."""
    return tuple(each for each in _all_started() if each.parent is None)


def end_leftovers(state: Path, tell: Callable[[str], None]) -> None:
    """Ends what an earlier command left in that state directory, and names what else is left. Raises StillThere."""
    for each in leftovers():
        # One without a guard looks like one that a person started with its output in our log.
        if each.is_guarded and each.state == state.resolve():
            tell(f"ending {each}")
            _end(each)
        else:
            tell(f"left over: {each}; {each.remedy}")


def holder(port: int) -> tuple[str, str] | None:
    """Who listens there, and what ends it. Of a stranger nothing of its arguments, which may hold secrets."""
    process = _listener(port)
    if process is None:
        return None
    with suppress(psutil.Error):
        found = _started(process)
        if found is not None:
            return str(found), found.remedy
        return f"{_program(process)} (pid {process.pid})", "Stop it"
    return None


def _all_started() -> Iterator[Started]:
    for process in psutil.process_iter():
        # It may end meanwhile, and another user's may not be looked at.
        with suppress(psutil.Error):
            found = _started(process)
            if found is not None:
                yield found


def _listener(port: int) -> psutil.Process | None:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            for each in process.net_connections("tcp"):
                if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.laddr.ip in _HERE:
                    return process
    return None


def _started(process: psutil.Process) -> Started | None:
    arguments = process.cmdline()
    kind = next((each for each in KINDS if each.word in arguments), None)
    if kind is None or arguments[1:2] != ["-m"]:
        return None
    log = next((each for each in _files(process) if each.parts[-2:] == (LOGS, f"{kind.name}.log")), None)
    if log is None:
        return None
    return Started(
        process,
        kind.label,
        dict(pairwise(arguments)).get("--port", "unknown"),
        log.parent.parent,
        datetime.fromtimestamp(process.create_time(), UTC).astimezone(),
        _parent(process, log),
        is_guarded=arguments[2] == child.__name__,
    )


def _parent(process: psutil.Process, log: Path) -> int | None:
    parent = process.parent()
    with suppress(psutil.Error):
        if parent is not None and log in _files(parent):
            return int(parent.pid)
    return None


def _files(process: psutil.Process) -> list[Path]:
    return [Path(each.path) for each in process.open_files()]


def _program(process: psutil.Process) -> str:
    arguments = process.cmdline()
    return f"python -m {arguments[2]}" if arguments[1:2] == ["-m"] and len(arguments) > 2 else process.name()


def _end(left: Started) -> None:
    with suppress(psutil.NoSuchProcess):
        left.process.terminate()
        left.process.resume()
        with suppress(psutil.TimeoutExpired):
            left.process.wait(child.GRACE_SECONDS)
            return
        left.process.kill()
        try:
            left.process.wait(KILLED_SECONDS)
        except psutil.TimeoutExpired:
            raise StillThere(f"{left} does not end", "Choose another --state, and restart the machine") from None
