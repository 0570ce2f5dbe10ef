"""A real PostgreSQL for tests, thrown away at the end: TEST_DATABASE_URL's, the system's own binaries or a wheel's.

Unless told, it is not durable against a power cut; it survives being killed, which is what tests do to it.
"""

import fcntl
import importlib.util
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url

_USER = "portfolio"
_ALONE = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200"}
_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "autovacuum": "off",
    "shared_buffers": "64MB",
}
_QUICK = {**_ALONE, **_FAST}


class Server:
    """Makes databases and drops them again."""

    def __init__(self, url: URL) -> None:
        """`url` is that of a user who may create databases, in one of them."""
        self._url = url
        self._admin = create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)

    def create(self, template: str | None = None) -> str:
        """The URL of a new database: empty, or a copy of one that nobody is connected to, by its URL."""
        name = f"test_{uuid4().hex}"
        copied = "" if template is None else f" TEMPLATE {make_url(template).database}"
        self.run(f"CREATE DATABASE {name}{copied}")
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Whoever is still connected is thrown out."""
        self.run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def replace(self, url: str, template: str) -> None:
        """Another database under the name of the first, a copy of `template`; whoever is connected is thrown out."""
        self.drop(url)
        self.run(f"CREATE DATABASE {make_url(url).database} TEMPLATE {make_url(template).database}")

    def dispose(self) -> None:
        """Close the connections."""
        self._admin.dispose()

    def run(self, statement: str) -> None:
        """As the administrator."""
        with self._admin.connect() as connection:
            connection.exec_driver_sql(statement)


class OwnServer(Server):
    """A server that tests may also kill and start again."""

    def __init__(self, control: Path, folder: Path, port: int, user: str | None, settings: Mapping[str, str]) -> None:
        """`folder` holds its data, `control` is its pg_ctl, `user` who runs it, None for oneself."""
        self._settings = settings
        self._control = control
        self._folder = folder
        self._as = user
        self._port = port
        super().__init__(URL.create("postgresql+pg8000", _USER, host="127.0.0.1", port=port, database="postgres"))

    @property
    def running(self) -> bool:
        """As far as its own file says."""
        return (self._folder / "data" / "postmaster.pid").exists()

    def start(self) -> None:
        """Returns when it answers."""
        options = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
        log = self._folder / "log"
        _as_user(
            self._as,
            [self._control, "-D", self._folder / "data", "-l", log, "-w", "-o", f"-p {self._port} {options}", "start"],
        )

    @property
    def place(self) -> dict[str, str | int | None]:
        """What another process must know to take it over."""
        return {"control": str(self._control), "folder": str(self._folder), "port": self._port, "user": self._as}

    def remove(self) -> None:
        """It ends, and its data with it."""
        self.dispose()
        if self.running:
            self.kill()
        shutil.rmtree(self._folder)

    def kill(self) -> None:
        """As a crash would end it: nothing is written any more."""
        _as_user(self._as, [self._control, "-D", self._folder / "data", "-m", "immediate", "-w", "stop"])


@contextmanager
def server(meeting: Path) -> Iterator[Server | None]:
    """The one server of all processes that meet in that folder; None where there is none to be had.

    Who comes first starts it, and who leaves last ends it.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        shared = Server(make_url(given))
        yield shared
        shared.dispose()
    elif next(found(), None) is None:
        yield None
    else:
        # A process that is killed lets go of its lock.
        with (meeting / "postgres-users").open("a") as users:
            with _alone(meeting):
                fcntl.flock(users, fcntl.LOCK_SH)
                own = _met(meeting / "postgres.json")
            yield own
            own.dispose()
            with _alone(meeting):
                fcntl.flock(users, fcntl.LOCK_UN)
                if _is_last(users):
                    own.remove()
                    (meeting / "postgres.json").unlink()


@contextmanager
def _alone(meeting: Path) -> Iterator[None]:
    with (meeting / "postgres-lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _met(place: Path) -> OwnServer:
    if place.exists():
        known = json.loads(place.read_text(encoding="utf-8"))
        return OwnServer(Path(known["control"]), Path(known["folder"]), known["port"], known["user"], _QUICK)
    started = _started(next(found()), _QUICK)
    place.write_text(json.dumps(started.place), encoding="utf-8")
    return started


def _is_last(users: TextIO) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def own_server(binaries: Path | None = None, *, durable: bool = False) -> Iterator[OwnServer | None]:
    """One to do anything to, made of these binaries or of the first that are found; None where there are none.

    `durable`: every commit waits for the disk, as it would in earnest.
    """
    binaries = binaries or next(found(), None)
    if binaries is None:
        yield None
        return
    own = _started(binaries, _ALONE if durable else _QUICK)
    try:
        yield own
    finally:
        own.remove()


def _started(binaries: Path, settings: Mapping[str, str]) -> OwnServer:
    folder = Path(tempfile.mkdtemp(prefix="portfolio-postgres-"))
    user = _unprivileged()
    if user is not None:
        # PostgreSQL refuses to run as root.
        shutil.chown(folder, user)
        binaries = _reachable(binaries, folder)
    setup = ["-U", _USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    _as_user(user, [binaries / "initdb", "-D", folder / "data", *setup])
    own = OwnServer(binaries / "pg_ctl", folder, _free_port(), user, settings)
    own.start()
    return own


def found() -> Iterator[Path]:
    """Folders with a server's programs: those on the path, Debian's, newest first, and the wheel's."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    yield from sorted((path.parent for path in debian), key=lambda path: int(path.parent.name), reverse=True)
    wheel = importlib.util.find_spec("pgserver")
    if wheel is not None and wheel.origin is not None:
        # Found, not imported: only its files are wanted.
        yield Path(wheel.origin).parent / "pginstall" / "bin"


def _unprivileged() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _reachable(binaries: Path, folder: Path) -> Path:
    """The programs where another user can run them: a copy if they lie in a private folder."""
    if all(parent.stat().st_mode & 0o001 for parent in binaries.parents):
        return binaries
    package = binaries.parents[1]
    shutil.copytree(package, folder / package.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / package.name / binaries.relative_to(package)


def _as_user(user: str | None, command: list[str | Path]) -> None:
    group = None if user is None else pwd.getpwnam(user).pw_gid
    groups = None if user is None else ()
    # A file, not a pipe: the server would keep a pipe open for as long as it lives.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            command, user=user, group=group, extra_groups=groups, cwd="/", stdout=said, stderr=said, check=False
        )
        said.seek(0)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed: {said.read().decode()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
