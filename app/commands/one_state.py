"""One broker's worth of processes to a state directory: two simulators on one ledger would be two books of one account.

The system holds the lock and lets go of it when the process ends, however it ends; the file only says whose it is.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from app.domain.errors import NotAllowed, UsageError

FILE = "running.json"


class StateInUse(NotAllowed):
    """Another command has that state directory; nothing was started."""


@contextmanager
def taken(state: Path, command: str, url: str) -> Iterator[None]:
    """While the block runs no other process has it. `url` is told to whoever comes meanwhile. Raises StateInUse."""
    with _opened(state / FILE) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _in_use(state, _whose(file)) from None
        except OSError:
            # A file system that knows no locks: what the port says must do.
            pass
        _write(file, {"command": command, "pid": os.getpid(), "url": url})
        try:
            yield
        finally:
            _write(file, {})


def _opened(path: Path) -> IO[str]:
    try:
        return open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "Choose another with --state") from None


def _in_use(state: Path, told: dict[str, Any]) -> StateInUse:
    command, pid, url = told.get("command", "another command"), told.get("pid"), told.get("url")
    if not isinstance(pid, int):
        # It has the lock and has not written yet.
        return StateInUse(f"{state} is in use by another command", "Wait for it, or choose another --state")
    return StateInUse(
        f"`portfolio {command}` uses {state} already: pid {pid}, {url}",
        f"Use that one, end it with `kill {pid}`, or choose another --state",
    )


def _whose(file: IO[str]) -> dict[str, Any]:
    try:
        told = json.loads(file.read())
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _write(file: IO[str], told: dict[str, Any]) -> None:
    file.seek(0)
    file.truncate()
    file.write(json.dumps(told))
    file.flush()
