"""SQLite's file under a process that keeps it open: is what this process reads and writes still what lies at the path?

SQLite goes on with a file that was deleted or replaced, and with remembered pages of one that was damaged; what it then
says is committed is gone when the process ends. Must never make a file where one has been.
"""

import os
import sqlite3
from collections.abc import MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

from app.ledger.faults import DAMAGED, READ_ONLY, Fault, unavailable
from app.ledger.transactions import ledger_errors

_BESIDE = ("-wal", "-shm")
_OPENED, _SEEN, _FOUND_SOUND = "ledger_opened", "ledger_seen", "ledger_found_sound"
_LOOK_SECONDS = 2

_BACK = "or stop the service, look at what is there (`portfolio audit verify`), and start it again"
GONE = Fault("its file is not there any more", f"Put that very file back, {_BACK}: nothing is sent until then")
REPLACED = Fault("another file lies where it was", f"Put the first one back, {_BACK}: nothing is sent until then")
TORN = Fault(
    "a file that belongs to it was taken away while it was in use",
    "Stop the service, keep copies of all files of the database, run `portfolio audit verify`, and start it again",
)
REMAINS = Fault(
    "its file is gone or empty, and the newest part of it is still there beside it",
    "Put the file back beside that part; to begin anew, and to forget what it holds, move that part away",
)
EMPTY = Fault(
    "its file is empty",
    "Restore the newest copy, or name the right file in DATABASE_URL or STATE_DIR; to begin anew, delete it",
)

Identity = tuple[int, int]
Stamp = tuple[int, int] | None


class DatabaseFile:
    """One file, from the first connection of an engine to its last. Errors are LedgerUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        # Looked at several times a transaction, and a path as an object takes as long as the look.
        self._file, self._wal = str(self._path), str(_beside(self._path, "-wal"))
        self._first: Identity | None = None
        self._sound: tuple[Stamp, Stamp] | None = None

    def before_connecting(self, arguments: list[Any], options: MutableMapping[str, Any]) -> None:
        """The first connection may make the file, no later one may."""
        if self._first is not None:
            self._require_first()
            if not options.get("uri"):
                arguments[0] = f"{self._path.as_uri()}?mode=rw"
                options["uri"] = True
        else:
            refuse_remains(self._path)

    def connected(self, info: MutableMapping[str, Any]) -> None:
        """Note which files the connection has; `info` is its own for as long as it lives."""
        self._first = self._first or _identity(self._file)
        self._require_first()
        beside = {path: _identity(path) for path in (f"{self._file}{suffix}" for suffix in _BESIDE)}
        info[_OPENED] = {path: identity for path, identity in beside.items() if identity is not None}

    def require_same(self, info: MutableMapping[str, Any], *, to_write: bool) -> None:
        """Raises where the connection's files are not those at the path, or may no longer be used."""
        self._require_first()
        for path, identity in info[_OPENED].items():
            if _identity(path) != identity:
                raise unavailable(TORN, path)
        if not os.access(self._file, os.R_OK | (os.W_OK if to_write else 0)):
            raise unavailable(READ_ONLY, self._file)

    def has_changed(self, info: MutableMapping[str, Any]) -> bool:
        """Whether the file was written since this connection last asked, by whomever."""
        before, now = info.get(_SEEN), _stamp(self._file)
        info[_SEEN] = now
        return bool(before != now)

    def require_sound(self, *, thorough: bool) -> None:
        """Walk the file's structure, as a stranger would find it on the disk, if it changed since it was sound.

        `thorough`: also if others changed what is committed and not yet in the file. A walk takes a millisecond a
        megabyte, so what this process itself commits to a sound file is not walked again.
        """
        now = self._stamps()
        if self._sound is not None and now[: 1 + thorough] == self._sound[: 1 + thorough]:
            return
        walk(self._path)
        self._sound = now

    def locked(self, info: MutableMapping[str, Any]) -> None:
        """Nobody else can write now: note whether what is there is still what was found sound."""
        info[_FOUND_SOUND] = self._stamps() == self._sound

    def released(self, info: MutableMapping[str, Any]) -> None:
        """The transaction is over: what it added beside a sound file is no reason to walk. The file itself stays."""
        if info.pop(_FOUND_SOUND, False) and self._sound is not None:
            self._sound = (self._sound[0], self._stamps()[1])

    def _stamps(self) -> tuple[Stamp, Stamp]:
        return _stamp(self._file), _stamp(self._wal)

    def _require_first(self) -> None:
        now = _identity(self._file)
        if now is None:
            raise unavailable(GONE, self._file)
        if now != self._first:
            raise unavailable(REPLACED, self._file)


def refuse_remains(path: Path) -> None:
    """SQLite would begin a new ledger there, and throw away what was committed and never came into the old file."""
    if size(path) == 0 and size(_beside(path, "-wal")) > 0:
        raise unavailable(REMAINS, str(_beside(path, "-wal")))


def walk(path: Path) -> None:
    """The file's structure from end to end, as a stranger finds it on the disk, where there is one."""
    if size(path) == 0:
        raise unavailable(EMPTY, str(path))
    with (
        ledger_errors(str(path)),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_LOOK_SECONDS)) as look,
    ):
        (said,) = look.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise unavailable(DAMAGED, str(path), " ".join(str(said).split()))


def size(path: Path) -> int:
    """In bytes; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _identity(path: str) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
