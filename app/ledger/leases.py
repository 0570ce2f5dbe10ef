"""Until when a lease counts, whatever clock wrote it, and whether the process that holds it has ended.

A lease only says when somebody else may step in. A process is judged by its own machine alone: what cannot be known for
sure is unknown, and then its lease is waited for. A judgement that is wrong costs a run its turn and never an order,
which is the fence's doing.
"""

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from app.desk.records import Lease

# Owns a run that was fenced and that nobody has taken over yet.
NOBODY = "nobody"
_LARGEST_ID = 2**31 - 1
_DEAD_STATES = frozenset("ZXx")


def utc_now() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


def database_time(connection: Connection) -> datetime:
    """What leases run on: PostgreSQL's own clock, so that those of its clients do not matter; else the machine's."""
    if connection.dialect.name != "postgresql":
        return utc_now()
    found: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return found


class Life(StrEnum):
    """What is known of the process that owns a run. One that is stopped runs."""

    RUNS = "runs"
    ENDED = "ended"
    UNKNOWN = "unknown"


class _Process(NamedTuple):
    """`started` in clock ticks since the boot: an id is given again, with another start."""

    number: int
    started: str
    namespace: str
    boot: str
    host: str


def owner_text(name: str) -> str:
    """The name, and which process of which machine it is where the system says so surely."""
    here = _this_process()
    return name if here is None else "/".join((name, *map(str, here)))


def life_of(owner: str) -> Life:
    """Of a process of this machine, this boot and this process namespace; of any other nothing is known."""
    there, here = _process_of(owner), _this_process()
    if there is None or here is None or there[2:] != here[2:]:
        return Life.UNKNOWN
    try:
        os.kill(there.number, 0)
    except ProcessLookupError:
        return Life.ENDED
    except PermissionError:
        pass
    found = _state_and_start(str(there.number))
    # It is there and hidden from this user.
    if found is None:
        return Life.UNKNOWN
    state, started = found
    return Life.ENDED if state in _DEAD_STATES or started != there.started else Life.RUNS


def _process_of(owner: str) -> _Process | None:
    _, *parts = owner.split("/", 5)
    if len(parts) != 5 or not parts[0].isascii() or not parts[0].isdigit() or not 0 < int(parts[0]) <= _LARGEST_ID:
        return None
    return _Process(int(parts[0]), *parts[1:])


def _this_process() -> _Process | None:
    if sys.platform != "linux":
        return None
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str(os.stat("/proc/self/ns/pid").st_ino)
        # With another namespace's /proc the ids in it are not those that this process can signal.
        is_ours = Path("/proc/self").readlink() == Path(str(os.getpid()))
    except OSError:
        return None
    found = _state_and_start("self")
    return _Process(os.getpid(), found[1], namespace, boot, socket.gethostname()) if is_ours and found else None


def _state_and_start(process: str) -> tuple[str, str] | None:
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name, in brackets, may hold anything.
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]


@dataclass(frozen=True, slots=True)
class Leases:
    """What leases are judged by at one moment: the time, how long a lease is by the setting, and who still runs."""

    now: datetime
    length: timedelta
    life: Callable[[str], Life] = life_of

    @property
    def until(self) -> datetime:
        """Of a lease that begins now."""
        return self.now + self.length

    def ends(self, row: Row[Any]) -> datetime:
        """A clock that agrees with this one could not have written a later end than a whole lease from now."""
        written: datetime = row.lease_until
        return min(written, self.until)

    def holds(self, row: Row[Any]) -> bool:
        """Whether nobody else may step in."""
        return bool(row.lease_until > self.now) and self.life(row.owner) is not Life.ENDED

    def is_left_behind(self, row: Row[Any]) -> bool:
        """Nobody is at work, as far as can be known: one that slept longer than its lease and wakes is not meant."""
        life = self.life(row.owner)
        return life is Life.ENDED or (row.lease_until <= self.now and life is not Life.RUNS)

    def lease(self, row: Row[Any]) -> Lease:
        """As a person can be told it."""
        seconds = (self.ends(row) - self.now).total_seconds()
        return Lease(self.ends(row), max(0.0, seconds) if self.holds(row) else 0.0)
