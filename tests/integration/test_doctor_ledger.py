"""What the doctor finds of a ledger: in order, damaged, of another version, locked; looking changes nothing."""

import hashlib
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from app.commands.checks import ledger
from app.commands.checks.records import Status
from app.desk.records import Event
from app.ledger.engine import create_ledger_engine, migrate, open_ledger
from app.ledger.transactions import writing
from app.settings import Settings, load_settings

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of the person who runs the tests, and none of their variables."""
    monkeypatch.chdir(tmp_path)
    for name in ("IBKR_GATEWAY_URL", "IBKR_ACCOUNT_ID", "TRADING_MODE", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def settings(tmp_path: Path, **changes: object) -> Settings:
    return load_settings(**{"state_dir": tmp_path / "state", **changes})


def _digest(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.glob("*.db")}


def test_no_ledger_yet_is_fine_and_none_is_made(tmp_path: Path) -> None:
    configured = settings(tmp_path)
    assert [check.status for check in ledger.look(configured)] == [Status.OK, Status.SKIPPED]
    assert not configured.state_dir.exists()


def test_a_ledger_in_order_is_ok_and_looking_changes_no_byte(tmp_path: Path) -> None:
    configured = settings(tmp_path, state_dir=tmp_path)
    open_ledger(configured.ledger_url).dispose()
    before = _digest(tmp_path)
    assert [check.status for check in ledger.look(configured)] == [Status.OK, Status.OK]
    assert _digest(tmp_path) == before


def test_a_ledger_that_is_not_migrated_is_a_warning_and_is_not_migrated(tmp_path: Path) -> None:
    configured = settings(tmp_path, state_dir=tmp_path)
    engine = create_ledger_engine(configured.ledger_url)
    with writing(engine) as connection:
        migrate(connection, "0001")
    engine.dispose()
    before = _digest(tmp_path)
    assert [check.status for check in ledger.look(configured)] == [Status.WARNING, Status.SKIPPED]
    assert _digest(tmp_path) == before


def test_a_ledger_of_a_newer_version_is_named(tmp_path: Path) -> None:
    configured = settings(tmp_path, state_dir=tmp_path)
    open_ledger(configured.ledger_url).dispose()
    engine = create_ledger_engine(configured.ledger_url)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    first, second = ledger.look(configured)
    assert (first.status, "9999" in first.finding, second.status) == (Status.FAILURE, True, Status.SKIPPED)


def test_a_ledger_that_cannot_be_written_is_named_and_still_read(tmp_path: Path) -> None:
    open_ledger(f"sqlite:///{tmp_path}/portfolio.db").dispose()
    read_only = settings(tmp_path, database_url=f"sqlite:///file:{tmp_path}/portfolio.db?mode=ro&uri=true")
    first, second = ledger.look(read_only)
    assert (first.status, "not written" in first.finding) == (Status.FAILURE, True)
    assert second.status is Status.OK


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "portfolio.db").write_text("this is no database, and long enough to be looked at " * 20)
    assert ledger.look(settings(tmp_path, state_dir=tmp_path))[0].status is Status.FAILURE


def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    url = f"postgresql+pg8000://user:secret-of-the-test@127.0.0.1:{port}/ledger"
    first, _ = ledger.look(settings(tmp_path, database_url=url))
    assert first.status is Status.FAILURE
    assert "secret-of-the-test" not in first.finding + (first.remedy or "")


def test_an_altered_record_is_named_with_what_to_do(tmp_path: Path) -> None:
    configured = settings(tmp_path, state_dir=tmp_path)
    kept = open_ledger(configured.ledger_url)
    kept.observe("DU200", [Event("noted", {"amount": "5"})], NOW)
    kept.dispose()
    assert ledger.look(configured)[1].status is Status.OK
    engine = create_ledger_engine(configured.ledger_url)
    with writing(engine) as connection:
        connection.execute(text("UPDATE events SET payload = '{}'"))
    engine.dispose()
    check = ledger.look(configured)[1]
    assert (check.status, "portfolio halt" in (check.remedy or "")) == (Status.FAILURE, True)


def _with_events(tmp_path: Path) -> tuple[Settings, Path]:
    configured = settings(tmp_path, state_dir=tmp_path)
    kept = open_ledger(configured.ledger_url)
    kept.observe("DU200", [Event("noted", {"text": "x" * 100})] * 200, NOW)
    kept.dispose()
    return configured, tmp_path / "portfolio.db"


def _middle_overwritten(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: 20 * 4096] + b"\xa5" * 4096 + content[21 * 4096 :])


def _only_the_rest_is_left(file: Path) -> None:
    file.unlink()
    file.with_name("portfolio.db-wal").write_bytes(b"committed")


def _made_a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("damage", "status", "words"),
    [
        (_middle_overwritten, Status.FAILURE, "damaged"),
        (_only_the_rest_is_left, Status.FAILURE, "still there beside it"),
        (_made_a_directory, Status.FAILURE, "cannot be opened"),
        (lambda file: file.write_bytes(b""), Status.WARNING, "is empty"),
        (lambda file: file.write_text("no database " * 999), Status.FAILURE, "damaged"),
    ],
    ids=["a page overwritten", "only the -wal left", "a directory", "emptied", "text"],
)
def test_what_became_of_the_file_is_named_with_what_to_do_and_left_as_it_is(
    tmp_path: Path, damage: Callable[[Path], object], status: Status, words: str
) -> None:
    configured, file = _with_events(tmp_path)
    assert ledger.look(configured)[0].status is Status.OK
    damage(file)
    before = file.stat() if file.exists() else None
    first, second = ledger.look(configured)
    assert (first.status, words in first.finding, second.status) == (status, True, Status.SKIPPED)
    assert first.remedy
    after = file.stat() if file.exists() else None
    assert (before is None) == (after is None)
    assert before is None or after is None or (before.st_ino, before.st_size) == (after.st_ino, after.st_size)


def test_a_ledger_that_is_locked_is_read_and_named_as_locked(tmp_path: Path) -> None:
    configured, file = _with_events(tmp_path)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        first, second = ledger.look(configured)
    assert (first.status, "another process keeps it locked" in first.finding) == (Status.FAILURE, True)
    assert second.status is Status.OK
