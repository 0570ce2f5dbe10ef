"""How each fault is done to a machine, and undone."""

import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.reliability.crash.scripts import SCRIPTS
from tests.reliability.fault_days.events import Part, Strike
from tests.reliability.fault_days.machine import Command, Machine, reached
from tests.reliability.fault_days.table import is_alive, marked, part_of, send

Undo = Callable[[], None]
_TABLES: Final = "runs, intents, events, chain, ledger_head, control, navs, notices"
_LOCKER: Final = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
base.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


def target(machine: Machine, asked: Command | None, part: Part) -> int | None:
    """The process of that part now."""
    if part == "run":
        return asked.process.pid if asked is not None and not asked.ended else None
    keeper = machine.house or asked
    if part == "parent":
        return keeper.process.pid if keeper is not None and not keeper.ended else None
    if part == "gateway" and machine.under is None and machine.door is not None:
        return machine.door.process.pid if not machine.door.ended else None
    return None if keeper is None else part_of(keeper.token, part)


def strike(machine: Machine, asked: Command | None, blow: Strike) -> tuple[bool, Undo]:
    """Whether there was anything to strike, and what ends the fault."""
    if blow.part == "database":
        return True, _DATABASE[blow.kind](machine)
    if blow.kind == "clock":
        machine.set_clock(blow.amount)
        return True, machine.set_clock
    process = target(machine, asked, blow.part)
    if process is None:
        return False, _nothing
    if blow.kind.startswith("freeze"):
        return _frozen(machine, asked, blow, process)
    number = signal.SIGKILL if blow.kind == "kill" else signal.Signals[f"SIG{blow.kind}"]
    struck = send(process, number)
    if number is signal.SIGKILL:
        reached(lambda: not is_alive(process), 10)
    return struck, _nothing


def script(machine: Machine, name: str) -> None:
    """The broker misbehaves in this way from now on."""
    machine.gateway.post("faults", list(SCRIPTS[name]))


def _frozen(machine: Machine, asked: Command | None, blow: Strike, process: int) -> tuple[bool, Undo]:
    struck = send(process, signal.SIGSTOP)
    if blow.kind == "freeze and kill the parent":
        keeper = target(machine, asked, "parent")
        return keeper is not None and send(keeper, signal.SIGKILL), _nothing
    return struck, lambda: (send(process, signal.SIGCONT), None)[1]


def _nothing() -> None:
    """What is dead stays dead."""


def _full(machine: Machine) -> Undo:
    ballast = machine.state.parent / "ballast"
    if not machine.mounted:
        return _limited(machine)
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 65536):
            pass
    return ballast.unlink


def _limited(machine: Machine) -> Undo:
    """No file of the processes that live now may grow: as near to a full disk as a user can come."""

    def limit(most: int) -> None:
        for process in marked(*(command.token for command in machine.started)):
            with suppress(OSError):
                resource.prlimit(process.id, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    limit(4096)
    return lambda: limit(resource.RLIM_INFINITY)


def _locked(machine: Machine) -> Undo:
    if machine.database is not None:
        engine = create_engine(machine.database, poolclass=NullPool)
        connection = engine.connect()
        try:
            connection.execute(text(f"LOCK TABLE {_TABLES} IN ACCESS EXCLUSIVE MODE"))
        except DBAPIError:
            # There is no ledger yet: nothing to lock.
            connection.close()
            return _nothing
        return connection.close
    if not machine.file.exists():
        return _nothing
    locker = subprocess.Popen(
        [sys.executable, "-c", _LOCKER, str(machine.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert locker.stdin is not None
    assert locker.stdout is not None
    locker.stdout.readline()

    def unlock() -> None:
        locker.communicate(b"")

    return unlock


def _away(machine: Machine) -> Undo:
    """Gone from its path under whoever has it open, and put back by its administrator with all that it held."""
    if machine.database is not None:
        return _renamed(machine.database)
    kept = machine.state.parent / "kept"
    kept.mkdir(exist_ok=True)
    moved = [path for path in _files(machine) if path.exists()]
    for path in moved:
        path.rename(kept / path.name)

    def back() -> None:
        for path in _files(machine):
            path.unlink(missing_ok=True)
        for path in moved:
            (kept / path.name).rename(path)

    return back


def _replaced(machine: Machine) -> Undo:
    """An empty database stands in its place for a while."""
    back = _away(machine)
    machine.file.touch()

    def put_back() -> None:
        kept = machine.state.parent / f"stand-in-{len(machine.stand_ins)}"
        kept.mkdir()
        for path in _files(machine):
            with suppress(FileNotFoundError):
                path.rename(kept / path.name)
        machine.stand_ins.append(kept / machine.file.name)
        back()

    return put_back


def _renamed(url: str) -> Undo:
    parsed = make_url(url)
    administrator = create_engine(parsed.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    name = parsed.database

    def rename(old: str, new: str) -> None:
        with administrator.connect() as connection:
            throw = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"

            # Whoever comes between the two statements holds the name: once more, then.
            def done() -> bool:
                connection.execute(text(throw), {"name": old})
                try:
                    connection.exec_driver_sql(f'ALTER DATABASE "{old}" RENAME TO "{new}"')
                except DBAPIError:
                    return False
                return True

            if not reached(done, 30):
                raise RuntimeError(f"{old} cannot be renamed")

    rename(str(name), f"{name}_away")
    return lambda: rename(f"{name}_away", str(name))


def _restarts(machine: Machine) -> Undo:
    if machine.database_server is None:
        return _nothing
    machine.database_server.kill()
    return machine.database_server.start


def _files(machine: Machine) -> tuple[Path, ...]:
    return tuple(machine.file.with_name(machine.file.name + tail) for tail in ("", "-wal", "-shm"))


_DATABASE: Final[dict[str, Callable[[Machine], Undo]]] = {
    "disk full": _full,
    "locked": _locked,
    "database away": _away,
    "database replaced": _replaced,
    "database restarts": _restarts,
}
