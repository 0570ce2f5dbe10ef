"""SQLite's file is taken away, replaced or damaged under a ledger that has it open: it says so and makes no other."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from app.desk.records import Event
from app.domain.errors import LedgerError, LedgerUnavailable
from app.domain.ruling import KillLevel
from app.ledger.engine import create_ledger_engine, open_ledger
from app.ledger.recent import looked_at
from app.ledger.sql_ledger import SqlLedger
from app.ledger.usable import is_current
from tests.unit.ledger.builders import AT, BOOK, KEY, claimed

pytestmark = pytest.mark.slow

Damage = Callable[[Path], object]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "portfolio.db"


@pytest.fixture
def kept(file: Path) -> Iterator[SqlLedger]:
    """A ledger whose events fill some pages, all of them in the file itself."""
    ledger = open_ledger(f"sqlite:///{file}")
    ledger.observe(BOOK, [Event("noted", {"number": str(n), "text": "x" * 100}) for n in range(200)], AT)
    into_the_file(file)
    yield ledger
    ledger.dispose()


def into_the_file(path: Path) -> None:
    """What is committed is copied out of the -wal, which stays in use."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def put(path: Path, make: Callable[[Path], object]) -> None:
    """Something else lies at the path, as `mv` would put it."""
    make(beside(path, "-new"))
    if path.is_file() and not beside(path, "-new").is_dir():
        beside(path, "-new").replace(path)
        return
    path.unlink()
    beside(path, "-new").replace(path)


def all_of(path: Path, act: Callable[[Path], object]) -> None:
    for each in (path, beside(path, "-wal"), beside(path, "-shm")):
        act(each)


def another(path: Path) -> None:
    open_ledger(f"sqlite:///{path}").dispose()


def overwritten(start: int, length: int, path: Path) -> None:
    with path.open("r+b") as opened:
        opened.seek(start)
        opened.write(b"\xa5" * length)


def every_index_page(path: Path) -> None:
    """Pages of indices begin with a 10 (inside) or a 2 (above)."""
    pages = range(4096, path.stat().st_size, 4096)
    content = path.read_bytes()
    for at in (at for at in pages if content[at] in {2, 10}):
        overwritten(at, 4096, path)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "deleted": (Path.unlink, "not there any more"),
    "deleted with all that belongs to it": (
        lambda path: all_of(path, Path.unlink),
        "not there any more",
    ),
    "renamed": (lambda path: path.rename(beside(path, "-away")), "not there any more"),
    "replaced by an empty file": (lambda path: put(path, Path.touch), "another file"),
    "replaced by another ledger": (lambda path: put(path, another), "another file"),
    "replaced by a copy of itself": (lambda path: put(path, lambda new: shutil.copy(path, new)), "another file"),
    "replaced by a directory": (lambda path: put(path, Path.mkdir), "another file"),
    "replaced by a link to nothing": (lambda path: put(path, lambda new: new.symlink_to("nothing")), "not there"),
    "emptied": (lambda path: os.truncate(path, 0), "is empty"),
    "cut in half": (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged"),
    "cut inside a page": (lambda path: os.truncate(path, path.stat().st_size - 1000), "damaged"),
    "its header overwritten": (lambda path: overwritten(0, 100, path), "damaged"),
    "its first page overwritten": (lambda path: overwritten(0, 4096, path), "damaged"),
    "a page in the middle overwritten": (lambda path: overwritten(20 * 4096, 4096, path), "damaged"),
    "index pages overwritten": (every_index_page, "damaged"),
    "written over by text": (lambda path: path.write_text("no database " * 9000), "damaged"),
    "its -wal deleted": (lambda path: beside(path, "-wal").unlink(), "-wal"),
    "its -wal replaced": (lambda path: put(beside(path, "-wal"), Path.touch), "-wal"),
    "its -shm deleted": (lambda path: beside(path, "-shm").unlink(), "-shm"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_ledger_whose_file_is_not_what_it_was_begins_no_run_and_makes_no_other_file(
    kept: SqlLedger, file: Path, damage: str
) -> None:
    act, words = DAMAGES[damage]
    act(file)
    before = shape(file)
    for call in (
        kept.require_usable,
        lambda: kept.claim(KEY, "one", "policy-1", AT),
        lambda: kept.set_level(None, KillLevel.HALTED, "a test", "test", AT),
        lambda: kept.observe(BOOK, [Event("noted")], AT),
    ):
        with pytest.raises(LedgerUnavailable, match=words) as caught:
            call()
        assert str(file) in caught.value.cause
        assert caught.value.remedy
        assert "\n" not in str(caught.value)
    assert shape(file) == before


def shape(path: Path) -> object:
    """What lies at the path, as far as making a new file would show."""
    if path.is_file():
        return path.stat().st_ino, path.stat().st_size
    return path.is_dir()


def test_what_is_committed_and_not_yet_in_the_file_is_looked_at_before_a_run(kept: SqlLedger, file: Path) -> None:
    kept.observe(BOOK, [Event("noted", {"text": "y" * 9000})], AT)
    overwritten(0, beside(file, "-wal").stat().st_size, beside(file, "-wal"))
    # Two writes of one moment leave the same sign.
    os.utime(beside(file, "-wal"), ns=(0, 0))
    with pytest.raises(LedgerUnavailable, match="damaged"):
        kept.require_usable()
    with pytest.raises(LedgerUnavailable, match="damaged"):
        kept.claim(KEY, "one", "policy-1", AT)


def test_what_the_process_itself_committed_is_not_walked_again_and_what_another_did_is(
    kept: SqlLedger, file: Path
) -> None:
    kept.require_usable()
    kept.observe(BOOK, [Event("noted")], AT)
    # Damage that leaves no sign on the file: only a walk can find it.
    seen = file.stat()
    overwritten(20 * 4096, 4096, file)
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    kept.require_usable()
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA user_version = 7")
        with pytest.raises(LedgerUnavailable, match="damaged"):
            kept.require_usable()


def test_an_older_copy_that_was_written_over_the_open_file_is_seen(kept: SqlLedger, file: Path) -> None:
    older = file.read_bytes()
    claim = claimed(kept)
    into_the_file(file)
    with file.open("r+b") as opened:
        opened.write(older)
        opened.truncate()
    with pytest.raises(LedgerUnavailable, match="older copy"):
        kept.record(claim, [Event("noted")], AT)
    with pytest.raises(LedgerUnavailable, match="older copy"):
        kept.require_usable()


def test_a_file_that_was_taken_away_and_put_back_is_used_again(kept: SqlLedger, file: Path) -> None:
    away = beside(file, "-away")
    file.rename(away)
    with pytest.raises(LedgerUnavailable):
        kept.require_usable()
    with pytest.raises(LedgerUnavailable):
        kept.runs()
    away.rename(file)
    kept.require_usable()
    claimed(kept)
    assert kept.verify().ok


def test_new_connections_of_a_ledger_whose_file_is_gone_make_none(kept: SqlLedger, file: Path) -> None:
    kept.dispose()
    file.unlink()
    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match="not there any more"):
            kept.runs()
    assert not file.exists()


def test_a_new_ledger_is_not_begun_where_the_newest_part_of_an_old_one_lies(kept: SqlLedger, file: Path) -> None:
    claim = claimed(kept)
    file.rename(beside(file, "-away"))
    for emptied in (False, True):
        if emptied:
            file.touch()
        with pytest.raises(LedgerUnavailable, match="-wal"):
            open_ledger(f"sqlite:///{file}")
    beside(file, "-away").replace(file)
    again = open_ledger(f"sqlite:///{file}")
    assert again.run(claim.run_id) is not None
    again.dispose()


def test_a_ledger_that_another_process_locks_is_told_as_locked_and_goes_on_afterwards(
    kept: SqlLedger, file: Path
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerUnavailable, match="another process keeps it locked") as caught:
            kept.require_usable()
        assert caught.value.remedy
        # Who only reads does not wait.
        assert kept.runs() == ()
        other.execute("ROLLBACK")
    kept.require_usable()


def test_a_ledger_that_a_process_has_for_itself_is_told_as_locked(file: Path) -> None:
    open_ledger(f"sqlite:///{file}").dispose()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerUnavailable, match="locked"), looked_at(f"sqlite:///{file}") as connection:
            is_current(connection)


def test_a_full_disk_is_told_as_full_and_what_was_there_stays(kept: SqlLedger, file: Path) -> None:
    engine = create_ledger_engine(f"sqlite:///{file}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 1"))
    full = SqlLedger(engine)
    with pytest.raises(LedgerUnavailable, match="the disk that holds it is full") as caught:
        full.observe(BOOK, [Event("noted", {"text": "x" * 9000})], AT)
    assert caught.value.remedy
    engine.dispose()
    assert kept.verify().ok


_LIMITED = """
import resource, sys
from pathlib import Path
from app.domain.errors import LedgerUnavailable
from app.ledger.engine import open_ledger
ledger = open_ledger(f"sqlite:///{sys.argv[1]}")
ledger.require_usable()
size = Path(sys.argv[1] + "-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
for call in (ledger.require_usable, ledger.require_usable):
    try:
        call()
    except LedgerUnavailable as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.require_usable()
print("again")
"""
_PLAIN_USER = """
import os, sys
from pathlib import Path
from app.domain.errors import LedgerUnavailable
from app.domain.ruling import KillLevel
from app.ledger.engine import open_ledger
import alembic.config, alembic.command

path = Path(sys.argv[1])
if os.geteuid() == 0:
    for each in (path, path.parent, *path.parent.glob("*")):
        os.chown(each, 65534, 65534)
    os.setgid(65534); os.setuid(65534)
ledger = open_ledger(f"sqlite:///{path}")
ledger.require_usable()
for mode in (0o400, 0o000):
    path.chmod(mode)
    for call in (ledger.require_usable, lambda: ledger.runs() if not mode else ledger.claim(None, "", "", None)):
        try:
            call()
        except LedgerUnavailable as error:
            print(error)
path.chmod(0o600)
ledger.require_usable()
print("again")
"""


def in_a_process(program: str, path: Path) -> list[str]:
    """Its lines; it must end well."""
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_disk_that_takes_no_more_is_told_and_the_ledger_goes_on_when_there_is_room(
    kept: SqlLedger, file: Path
) -> None:
    first, second, last = in_a_process(_LIMITED, file)
    assert "its disk cannot be read or written" in first
    assert (first, last) == (second, "again")
    assert kept.verify().ok


def test_permissions_that_were_taken_away_are_told_and_given_back_are_used_again() -> None:
    # A directory that any user may reach: the test itself may run as root, whom no permission binds.
    with tempfile.TemporaryDirectory(prefix="portfolio-permissions-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        open_ledger(f"sqlite:///{folder / 'portfolio.db'}").dispose()
        *told, last = in_a_process(_PLAIN_USER, folder / "portfolio.db")
    assert len(told) == 4
    assert all("lets nothing be written" in line and str(folder) in line for line in told)
    assert last == "again"


def test_what_is_no_database_of_the_ledgers_is_told_as_that(file: Path) -> None:
    kept = open_ledger(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as other:
        other.execute("DROP TABLE runs")
    with pytest.raises(LedgerUnavailable, match="no ledger of this version"):
        kept.runs()
    kept.dispose()


def test_a_value_that_the_database_refuses_is_no_reason_to_come_again(kept: SqlLedger, file: Path) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TRIGGER refused BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'refused'); END")
    with pytest.raises(LedgerError, match="refused") as caught:
        kept.observe(BOOK, [Event("noted")], AT)
    assert not isinstance(caught.value, LedgerUnavailable)
