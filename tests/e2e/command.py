"""The `portfolio` command as a person's shell starts it, with an empty home and none of this process's settings."""

import atexit
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import httpx2

from tests.support.forked import ROOT, Forks, forks

PROGRAM = Path(sys.executable).parent / "portfolio"
# Far beyond what any command takes: it only keeps a hanging one from hanging the tests.
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Said:
    """What a command left: its exit status, its output, and on stderr its progress and its errors apart."""

    status: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """Lines on stderr that are not progress."""
        return [line for line in self.err.splitlines() if not line.startswith("·")]


def environment(home: Path, **variables: str) -> dict[str, str]:
    """Nothing but a home, a path and what is given."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **variables}


def started(home: Path, *arguments: str | Path, **variables: str) -> Said:
    """Run the program to its end in `home`, from its start on."""
    home.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [PROGRAM, *arguments],
        cwd=home,
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def portfolio(home: Path, *arguments: str | Path, **variables: str) -> Said:
    """As `started`, but out of an interpreter that has imported the product before: a tenth of the time."""
    home.mkdir(parents=True, exist_ok=True)
    command = [str(PROGRAM), *map(str, arguments)]
    with TemporaryFile() as out, TemporaryFile() as errors:
        status = _forks().run(
            command, home, environment(home, **variables), out.fileno(), errors.fileno(), PATIENCE_SECONDS
        )
        return Said(status, _text(out), _text(errors))


@cache
def _forks() -> Forks:
    """For all commands of this process; nothing of it is left after the process."""
    kept = ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(forks(environment(ROOT)))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@contextmanager
def foreground(
    home: Path, *arguments: str | Path, errors: IO[str] | None = None, **variables: str
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A command that stays, once it said READY, with what it said before that; ended by SIGTERM after the block."""
    home.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=home,
        env=environment(home, **variables),
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        try:
            for line in process.stdout:
                if line == "READY\n":
                    break
                said += line
            assert process.poll() is None, f"ended before it was ready: {said}"
            yield process, said
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_SECONDS)


def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Looks until it holds, for so long at most."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def wait_for_an_order(gateway: str) -> None:
    """Until the first order is at the gateway, which takes its time to answer."""
    with httpx2.Client(base_url=gateway, timeout=60, trust_env=False) as http:

        def is_there() -> bool:
            calls = http.get("/simulator/calls").json()["calls"]
            return any(call.startswith("POST") and call.endswith("/orders") for call in calls)

        until(is_there)
        assert is_there(), "no order was sent"


def children(parent: int) -> Sequence[int]:
    """Ids of the processes that it started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = re.sub(r"\(.*\)", "name", stat.read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields.split()[3]) == parent:
            found.append(int(fields.split()[0]))
    return found


def is_alive(process: int) -> bool:
    """Whether a process of that id still runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
