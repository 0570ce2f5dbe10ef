"""PostgreSQL fails in each of its ways: told by its kind, with a remedy, without SQL, values or credentials."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from app.desk.records import Event
from app.domain.errors import LedgerError, LedgerUnavailable
from app.ledger.engine import open_ledger
from app.ledger.recent import looked_at, require_writable
from app.ledger.sql_ledger import SqlLedger
from tests.support.ledgers import PostgresDatabases
from tests.support.postgres import Server
from tests.unit.ledger.builders import AT, BOOK, KEY, direct, execute

pytestmark = pytest.mark.slow

SECRET = "secret-of-the-test"
SERVER = "its server cannot be reached"
BROKEN = "its server broke the work off"
# (SQLSTATE, what it is told as). Raised by a trigger: no test fills a server's disk.
STATES = {
    "53100": "the disk that holds it is full",
    "53200": BROKEN,
    "53300": "no connection to it is free",
    "57014": BROKEN,
    "57P01": SERVER,
    "57P03": SERVER,
    "57P05": BROKEN,
    "25P03": BROKEN,
    "25006": "it lets nothing be written",
    "55P03": "another process keeps it locked",
    "40P01": BROKEN,
    "40001": BROKEN,
    "28P01": "does not let this user in",
    "3D000": "does not let this user in",
    "42501": "it lets nothing be written",
    "42P01": "no ledger of this version",
    "42703": "no ledger of this version",
    "58030": "its disk cannot be read or written",
    "XX000": "its disk cannot be read or written",
    "XX001": "its pages are damaged",
    "XX002": "its pages are damaged",
    "08006": SERVER,
}


@pytest.fixture(scope="module")
def databases(postgres: Server) -> PostgresDatabases:
    return PostgresDatabases(postgres)


@pytest.fixture(scope="module")
def migrated(databases: PostgresDatabases) -> str:
    url = databases.empty()
    open_ledger(url).dispose()
    return url


@pytest.fixture
def guest(postgres: Server) -> Iterator[str]:
    """A role of the test's own, whom limits bind; without rights unless they are given."""
    name = f"guest_{uuid4().hex}"
    postgres.run(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'")
    yield name
    postgres.run(f"DROP ROLE IF EXISTS {name}")


def raising(url: str, state: str, message: str = "of the test") -> None:
    execute(
        url,
        "CREATE OR REPLACE FUNCTION fail() RETURNS trigger AS $$ BEGIN "
        f"RAISE EXCEPTION '{message}' USING ERRCODE = '{state}'; END $$ LANGUAGE plpgsql",
        "DROP TRIGGER IF EXISTS fails ON events",
        "CREATE TRIGGER fails BEFORE INSERT ON events EXECUTE FUNCTION fail()",
    )


def refused(ledger: SqlLedger) -> LedgerUnavailable:
    with pytest.raises(LedgerUnavailable) as caught:
        ledger.require_usable()
    with pytest.raises(LedgerUnavailable):
        ledger.claim(KEY, "one", "policy-1", AT)
    assert_fit_for_people(caught.value)
    return caught.value


def assert_fit_for_people(error: LedgerError) -> None:
    said = str(error)
    assert error.remedy
    for secret in (SECRET, " FROM ", " WHERE ", " VALUES ", "pg8000", "\n"):
        assert secret not in said.replace("postgresql+pg8000", ""), said


def test_each_state_is_told_by_its_kind(ledger: SqlLedger, ledger_url: str) -> None:
    for state, words in STATES.items():
        raising(ledger_url, state)
        with pytest.raises(LedgerUnavailable) as caught:
            ledger.observe(BOOK, [Event("noted")], AT)
        assert words in caught.value.cause, state
        assert str(make_url(ledger_url).database) in caught.value.cause
        assert_fit_for_people(caught.value)
    execute(ledger_url, "DROP TRIGGER fails ON events")
    ledger.observe(BOOK, [Event("noted")], AT)


@pytest.mark.parametrize("state", ["22003", "23505", "P0001", "22P02"])
def test_a_value_that_is_refused_is_no_reason_to_come_again_and_is_not_repeated(
    ledger: SqlLedger, ledger_url: str, state: str
) -> None:
    raising(ledger_url, state, "of DU7654321" if state.startswith("22") else "of the test")
    with pytest.raises(LedgerError) as caught:
        ledger.observe(BOOK, [Event("noted")], AT)
    assert not isinstance(caught.value, LedgerUnavailable)
    assert "DU7654321" not in str(caught.value)


def test_connections_that_the_server_ended_are_made_anew(ledger: SqlLedger, postgres: Server, ledger_url: str) -> None:
    ledger.observe(BOOK, [Event("noted")], AT)
    name = make_url(ledger_url).database
    postgres.run(f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608 - our own name
    ledger.require_usable()
    ledger.observe(BOOK, [Event("noted")], AT)
    assert ledger.verify().events == 2


def test_a_database_that_only_lets_read_is_told_and_written_again_afterwards(
    ledger: SqlLedger, ledger_url: str, postgres: Server
) -> None:
    name = make_url(ledger_url).database
    postgres.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    ledger.dispose()
    assert "lets nothing be written" in refused(ledger).cause
    assert ledger.runs() == ()
    with looked_at(ledger_url) as connection, pytest.raises(LedgerUnavailable, match="lets nothing be written"):
        require_writable(connection)
    postgres.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    ledger.dispose()
    ledger.require_usable()


def test_a_lock_that_somebody_keeps_is_told_as_that(ledger: SqlLedger, ledger_url: str) -> None:
    ledger.observe(BOOK, [Event("noted")], AT)
    with direct(ledger_url) as other:
        other.exec_driver_sql("LOCK TABLE ledger_head IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LedgerUnavailable, match="another process keeps it locked"):
            ledger.require_usable()
    ledger.require_usable()


def test_a_statement_that_takes_too_long_for_the_server_is_told(
    ledger: SqlLedger, ledger_url: str, postgres: Server
) -> None:
    ledger.observe(BOOK, [Event("noted")], AT)
    postgres.run(f"ALTER DATABASE {make_url(ledger_url).database} SET statement_timeout = '200ms'")
    ledger.dispose()
    with direct(ledger_url) as other:
        other.exec_driver_sql("LOCK TABLE ledger_head IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LedgerUnavailable, match=BROKEN):
            ledger.require_usable()
    ledger.require_usable()


def test_a_user_whom_the_server_turns_away_is_told_without_the_password(
    ledger_url: str, guest: str, postgres: Server
) -> None:
    url = make_url(ledger_url)
    mine = url.set(username=guest, password=SECRET).render_as_string(hide_password=False)
    postgres.run(f"GRANT portfolio TO {guest}" if url.username == "portfolio" else f"GRANT {url.username} TO {guest}")
    ledger = open_ledger(mine)
    ledger.require_usable()
    for change, back, words in (
        (f"ALTER ROLE {guest} NOLOGIN", f"ALTER ROLE {guest} LOGIN", "does not let this user in"),
        (f"ALTER ROLE {guest} CONNECTION LIMIT 0", f"ALTER ROLE {guest} CONNECTION LIMIT -1", "no connection"),
        (f"REVOKE {url.username} FROM {guest}", f"GRANT {url.username} TO {guest}", "lets nothing be written"),
    ):
        postgres.run(change)
        ledger.dispose()
        assert words in refused(ledger).cause
        postgres.run(back)
        ledger.dispose()
        ledger.require_usable()
    ledger.dispose()


def test_a_database_that_was_dropped_is_told_and_no_other_is_made(
    databases: PostgresDatabases, migrated: str, postgres: Server
) -> None:
    url = databases.copy(migrated)
    ledger = open_ledger(url)
    databases.drop(url)
    assert "does not let this user in" in refused(ledger).cause
    with pytest.raises(LedgerUnavailable):
        open_ledger(url)
    postgres.run(f"CREATE DATABASE {make_url(url).database}")
    # An empty one of that name is no ledger; the tables are not made under a service that runs.
    assert "no ledger of this version" in refused(ledger).cause
    with pytest.raises(LedgerUnavailable, match="no ledger of this version"):
        ledger.runs()
    ledger.dispose()
    databases.drop(url)


def test_another_revision_of_the_schema_is_told(ledger: SqlLedger, ledger_url: str) -> None:
    for revision, words in (("0001", r"no ledger of this version.*0001"), ("9999", "revision 9999")):
        execute(ledger_url, f"UPDATE alembic_version SET version_num = '{revision}'")  # noqa: S608 - literals above
        with pytest.raises(LedgerUnavailable, match=words):
            ledger.require_usable()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://user:secret-of-the-test@host/name", "driver of postgresql.* is not installed"),
        ("postgresql+nonsense://user:secret-of-the-test@host/name", "driver of postgresql.nonsense is not installed"),
        ("postgresql+pg8000://user:secret-of-the-test@host:port/name", "not a database URL"),
        ("postgresql+pg8000://user:secret-of-the-test@127.0.0.1:1/name?sslmode=require", "option.*sslmode"),
        ("postgresql+pg8000://user:secret-of-the-test@127.0.0.1:1/name", SERVER),
        ("postgresql+pg8000://user:secret-of-the-test@no-such-host.invalid/name", SERVER),
        ("postgresql+pg8000://127.0.0.1:1/name", "user"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_line_with_a_remedy(url: str, words: str) -> None:
    with pytest.raises(LedgerError, match=words) as caught:
        open_ledger(url)
    assert_fit_for_people(caught.value)
