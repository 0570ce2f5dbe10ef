"""The processes of this machine that bear a marker in their environment, whatever their name."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARKER = "FAULT_DAYS_PARENT"
# Words of a command line that say what a process is.
PARTS = {
    "gateway": ("api_gateway.simulator", "door.py"),
    "mcp": ("api_gateway.mcp_server",),
    "service": ("app.main:app",),
}


@dataclass(frozen=True, slots=True)
class Process:
    """One that lives; a zombie does not."""

    id: int
    parent: int
    token: str
    words: tuple[str, ...]

    @property
    def part(self) -> str:
        """What it is: gateway, mcp, service, or parent for everything else."""
        line = " ".join(self.words)
        return next((name for name, told in PARTS.items() if any(word in line for word in told)), "parent")


def marked(*tokens: str) -> tuple[Process, ...]:
    """All that inherited one of these tokens."""
    return tuple(_found(frozenset(f"{MARKER}={token}".encode() for token in tokens)))


def part_of(token: str, part: str) -> int | None:
    """The process that does the work of that part: of a starter and what it started the second."""
    found = [each for each in marked(token) if each.part == part]
    parents = {each.parent for each in found}
    return next((each.id for each in found if each.id not in parents), None)


def is_alive(process: int) -> bool:
    """Lives, frozen or not."""
    return _state(process) not in (None, "Z", "X")


def send(process: int, number: signal.Signals) -> bool:
    """False where it was gone already."""
    with suppress(ProcessLookupError):
        os.kill(process, number)
        return True
    return False


def _found(wanted: frozenset[bytes]) -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        # It may end while it is looked at, and others' processes are not readable.
        with suppress(OSError):
            mark = wanted.intersection((folder / "environ").read_bytes().split(b"\0"))
            if not mark:
                continue
            words = tuple((folder / "cmdline").read_bytes().decode(errors="replace").split("\0"))
            state, parent = _stat(int(folder.name))
            if state not in "ZX":
                yield Process(int(folder.name), parent, next(iter(mark)).decode().partition("=")[2], words)


def _state(process: int) -> str | None:
    with suppress(OSError):
        return _stat(process)[0]
    return None


def _stat(process: int) -> tuple[str, int]:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
    return fields[0], int(fields[1])


def end(*tokens: str) -> None:
    """At once, frozen ones too."""
    for process in marked(*tokens):
        send(process.id, signal.SIGKILL)
