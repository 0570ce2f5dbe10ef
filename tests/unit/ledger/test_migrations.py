from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from app.desk.records import Event, RunStatus
from app.domain.errors import LedgerError
from app.ledger import events
from app.ledger.engine import MIGRATIONS, create_ledger_engine, migrate, open_ledger
from app.ledger.events import OwnKind
from app.ledger.schema import HEAD, metadata
from app.ledger.transactions import reading, writing
from app.ledger.usable import stored_revision
from tests.support.ledgers import Databases
from tests.unit.ledger.builders import (
    AT,
    BOOK,
    KEY,
    TODAY,
    ManualTime,
    budget,
    claimed,
    dump,
    execute,
    intent,
    planned,
    sent,
)
from tests.unit.ledger.everything import play

pytestmark = pytest.mark.slow

OBJECTS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE name != 'alembic_version' AND sql IS NOT NULL",
    "postgresql": """
        SELECT table_name || '.' || column_name, concat_ws(' ', data_type, is_nullable, column_default)
            FROM information_schema.columns WHERE table_schema = 'public' AND table_name != 'alembic_version'
        UNION ALL SELECT conname, pg_get_constraintdef(oid)
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%'
        UNION ALL SELECT indexname, indexdef FROM pg_indexes
            WHERE schemaname = 'public' AND tablename != 'alembic_version'
    """,
}


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    url = databases.empty()
    yield url
    databases.drop(url)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    engine = create_ledger_engine(empty_url)
    yield engine
    engine.dispose()


def _objects(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        found = connection.exec_driver_sql(OBJECTS[engine.dialect.name].replace("%", "%%"))
        return {name: " ".join(sql.split()) for name, sql in found}


def test_the_newest_migration_is_the_one_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrations_lead_to_the_tables_that_the_code_declares(empty: Engine, databases: Databases) -> None:
    with writing(empty) as connection:
        migrate(connection, HEAD)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    url = databases.empty()
    declared = create_ledger_engine(url)
    with writing(declared) as connection:
        metadata.create_all(connection)
    # To the letter, so that checks and partial indices count too.
    assert _objects(empty) == _objects(declared)
    declared.dispose()
    databases.drop(url)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("base", "0001"),
        ("0001", "0002"),
        ("0002", "0003"),
        ("0003", "0004"),
        ("0004", "0005"),
        ("0005", "0006"),
        ("0006", "0007"),
        ("0007", "0008"),
        ("0008", "0009"),
        ("base", HEAD),
    ],
)
def test_each_migration_goes_down_to_where_it_started_and_up_again(empty: Engine, lower: str, upper: str) -> None:
    if lower != "base":
        with writing(empty) as connection:
            migrate(connection, lower)
    start = _objects(empty)
    for _ in range(2):
        with writing(empty) as connection:
            migrate(connection, upper)
        there = _objects(empty)
        assert there != start
        with writing(empty) as connection:
            migrate(connection, lower)
        assert _objects(empty) == start


def test_records_live_through_a_migration_down_and_up(empty: Engine, empty_url: str) -> None:
    ledger = open_ledger(empty_url)
    one, two = intent(1), intent(2)
    claim = planned(ledger, [one, two])
    sent(ledger, claim, one)
    before = dump(empty_url)
    with writing(empty) as connection:
        migrate(connection, "0001")
    with writing(empty) as connection:
        migrate(connection, HEAD)
    after = dump(empty_url)
    # The value in base currency, and how often an order was not found, are what the oldest schema has no place for.
    kept = [[(*row[:-3], row[-1]) for row in stored["intents"]] for stored in (before, after)]
    assert kept[0] == kept[1]
    assert after["runs"] == before["runs"]
    assert of_books(after["events"]) == of_books(before["events"])
    # The ledger's own chain began anew, which a process takes for another ledger until it begins anew too.
    ledger.dispose()
    ledger = open_ledger(empty_url)
    assert ledger.day_use(BOOK, TODAY).turnover == 1500
    assert ledger.sending(claim, two.coid, two.order.quantity, two.order.reference_price, AT, budget()) is None
    ledger.abandon(claim, RunStatus.FAILED, "the broker was away", AT)
    claimed(ledger, replace(KEY, slot="manual"))
    ledger.dispose()


def test_the_newest_migration_down_and_up_leaves_every_row_and_the_audit_finds_all_of_them(
    empty: Engine, empty_url: str, lease_time: ManualTime
) -> None:
    ledger = open_ledger(empty_url, lease_seconds=120, now=lease_time)
    play(ledger, lease_time)
    before = dump(empty_url)
    for revision in ("0005", HEAD):
        with writing(empty) as connection:
            migrate(connection, revision)
    after = dump(empty_url)
    ledger.dispose()
    again = open_ledger(empty_url)
    assert again.verify().problems == ()
    again.dispose()
    events_before, events_after = before.pop("events"), after.pop("events")
    assert of_books(events_after) == of_books(events_before)
    assert before["chunks"]
    # Numbered anew, and with one event of what was found for each book with runs or messages.
    assert len(events_after) == len(events_before) + 2
    assert [name for name in set(before) - {"chain", "ledger_head", "chunks"} if before[name] != after[name]] == []


def of_books(events: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """As revision 0005 had them."""
    return [row[:8] for row in events if row[3] != OwnKind.COLUMNS_FOUND]


def test_a_version_before_the_rules_that_still_runs_can_plan_nothing(empty_url: str) -> None:
    ledger = open_ledger(empty_url)
    planned(ledger, [intent(1)])
    ledger.dispose()
    columns = [column.name for column in metadata.tables["intents"].columns if column.name != "rules"]
    as_then = ", ".join(columns), ", ".join(columns).replace("position", "position + 1").replace("coid", "'PMx'")
    with pytest.raises(DBAPIError, match="rules"):
        execute(empty_url, f"INSERT INTO intents ({as_then[0]}) SELECT {as_then[1]} FROM intents")  # noqa: S608


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: Engine) -> None:
    with writing(empty) as connection:
        connection.execute(text("CREATE TABLE navs (book TEXT)"))
    before = _objects(empty)
    with pytest.raises(LedgerError, match="already exists"), writing(empty) as connection:
        migrate(connection, HEAD)
    assert _objects(empty) == before
    with reading(empty) as connection:
        assert stored_revision(connection) is None


def test_opening_makes_the_schema_and_opening_again_keeps_the_records(empty_url: str) -> None:
    first = open_ledger(empty_url)
    claim = claimed(first)
    first.dispose()
    second = open_ledger(empty_url)
    assert second.run(claim.run_id) is not None
    second.dispose()


def test_twenty_callers_who_open_a_new_ledger_at_once_all_get_it(empty_url: str) -> None:
    together = Barrier(20)

    def call(_: int) -> bool:
        together.wait()
        ledger = open_ledger(empty_url)
        ok = ledger.verify().ok
        ledger.dispose()
        return ok

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(call, range(20)))


def test_a_ledger_of_a_newer_version_is_refused(ledger_url: str) -> None:
    execute(ledger_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match="newer version"):
        open_ledger(ledger_url)


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_sqlite_is_durable_and_lets_readers_work_beside_the_writer(ledger_url: str) -> None:
    engine = create_ledger_engine(ledger_url)
    with reading(engine) as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 15_000}


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_postgresql_waits_for_the_disk_and_not_for_ever_for_a_lock(ledger_url: str) -> None:
    engine = create_ledger_engine(ledger_url)
    with reading(engine) as connection:
        names = ("synchronous_commit", "lock_timeout", "transaction_isolation", "transaction_read_only")
        settings = [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]
    engine.dispose()
    assert settings == ["on", "15s", "repeatable read", "on"]


def test_a_reader_does_not_wait_for_a_writer(ledger_url: str) -> None:
    ledger = open_ledger(ledger_url)
    engine = create_ledger_engine(ledger_url)
    with writing(engine) as connection:
        events.observe(connection, BOOK, [Event("noted")], AT)
        assert ledger.verify().events == 0
    assert ledger.verify().events == 1
    engine.dispose()
    ledger.dispose()


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
