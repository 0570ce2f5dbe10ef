import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from app.domain.errors import LedgerError
from app.ledger.engine import MIGRATIONS, create_ledger_engine, migrate, open_ledger, stored_revision
from app.ledger.schema import HEAD, metadata
from app.ledger.transactions import reading, writing
from tests.unit.ledger.builders import claimed, execute, rows

OBJECTS = "SELECT name, sql FROM sqlite_master WHERE name != 'alembic_version' AND sql IS NOT NULL ORDER BY name"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Engine]:
    engine = create_ledger_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    yield engine
    engine.dispose()


def _objects(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        return {name: " ".join(sql.split()) for name, sql in connection.execute(text(OBJECTS))}


def test_the_newest_migration_is_the_one_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrations_lead_to_the_tables_that_the_code_declares(empty: Engine, tmp_path: Path) -> None:
    with writing(empty) as connection:
        migrate(connection, HEAD)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    declared = create_ledger_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    with writing(declared) as connection:
        metadata.create_all(connection)
    # To the letter, so that checks and partial indices count too.
    assert _objects(empty) == _objects(declared)
    declared.dispose()


def test_migrations_go_down_to_nothing_and_up_again(empty: Engine) -> None:
    with writing(empty) as connection:
        migrate(connection, HEAD)
    there = _objects(empty)
    with writing(empty) as connection:
        migrate(connection, "base")
    assert _objects(empty) == {}
    with writing(empty) as connection:
        migrate(connection, HEAD)
    assert _objects(empty) == there


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: Engine) -> None:
    with writing(empty) as connection:
        connection.execute(text("CREATE TABLE navs (book TEXT)"))
    before = _objects(empty)
    with pytest.raises(LedgerError, match="navs already exists"), writing(empty) as connection:
        migrate(connection, HEAD)
    assert _objects(empty) == before
    with reading(empty) as connection:
        assert stored_revision(connection) is None


def test_opening_makes_the_schema_and_opening_again_keeps_the_records(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    first = open_ledger(url)
    claim = claimed(first)
    first.dispose()
    second = open_ledger(url)
    assert second.run(claim.run_id) is not None
    second.dispose()


def test_twenty_callers_who_open_a_new_ledger_at_once_all_get_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    together = Barrier(20)

    def call(_: int) -> bool:
        together.wait()
        ledger = open_ledger(url)
        ok = ledger.verify().ok
        ledger.dispose()
        return ok

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(call, range(20)))


def test_a_ledger_of_a_newer_version_is_refused(ledger_url: str) -> None:
    execute(ledger_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match="newer version"):
        open_ledger(ledger_url)


def test_sqlite_is_durable_and_lets_readers_work_beside_the_writer(ledger_url: str) -> None:
    engine = create_ledger_engine(ledger_url)
    with reading(engine) as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 15_000}


def test_a_reader_does_not_wait_for_a_writer(ledger_url: str) -> None:
    ledger = open_ledger(ledger_url)
    with closing(sqlite3.connect(ledger_url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert ledger.runs() == ()
        writer.execute("ROLLBACK")
    ledger.dispose()
    assert rows(ledger_url, "SELECT count(*) FROM runs") == [(0,)]


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("", "not a database URL"),
        ("nonsense", "not a database URL"),
        ("mysql://host/name", "cannot be kept in mysql"),
        ("sqlite:////nonexistent/folder/ledger.db", "unable to open database file"),
        ("postgresql+pg8000://nobody@127.0.0.1:1/none", "could not be read or written"),
    ],
)
def test_a_database_that_cannot_be_opened_is_an_error_with_a_remedy(url: str, word: str) -> None:
    with pytest.raises(LedgerError, match=word) as caught:
        open_ledger(url)
    assert caught.value.remedy


def test_a_file_that_is_no_database_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, just a note of more than a hundred characters " * 3)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="not a database"):
        open_ledger(f"sqlite:///{path}")
    assert path.read_bytes() == before
