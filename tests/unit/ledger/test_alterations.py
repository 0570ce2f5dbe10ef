"""What is changed in a ledger by hand is noticed, whatever it is. The whole of it is long; a part is always tried."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from app.documents import ROOT
from app.ledger.audit_rows import OUTSIDE
from app.ledger.engine import open_ledger
from app.ledger.schema import metadata
from tests.support.ledgers import Databases
from tests.unit.ledger.altering import Alteration, alterations, noticed, unguard
from tests.unit.ledger.builders import ManualTime, direct
from tests.unit.ledger.everything import play

pytestmark = pytest.mark.slow

# Of all alterations, so many places apart; a prime, so that each kind has its turn.
APART = 499
PARTS = 12


@pytest.fixture(scope="module")
def url(databases: Databases, migrated: str) -> Iterator[str]:
    url = databases.copy(migrated)
    time = ManualTime()
    ledger = open_ledger(url, lease_seconds=120, now=time)
    play(ledger, time)
    assert ledger.verify().problems == ()
    ledger.dispose()
    yield url
    databases.drop(url)


@pytest.fixture
def at_hand(url: str) -> Iterator[Connection]:
    with direct(url) as connection:
        unguard(connection)
        yield connection


def test_the_ledger_that_is_altered_has_something_in_every_table(at_hand: Connection) -> None:
    for name in metadata.tables:
        assert at_hand.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() > 0, name  # noqa: S608


def test_of_all_alterations_every_so_many_is_noticed(at_hand: Connection) -> None:
    _require_noticed(at_hand, list(alterations(at_hand))[::APART])


def test_a_change_of_any_column_is_noticed(at_hand: Connection) -> None:
    by_column = {one.column: one for one in alterations(at_hand) if one.column}
    assert len(by_column) == sum(len(table.columns) for table in metadata.tables.values())
    _require_noticed(at_hand, list(by_column.values()))


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_every_alteration_is_noticed(at_hand: Connection, part: int) -> None:
    _require_noticed(at_hand, list(alterations(at_hand))[part::PARTS])


def test_what_is_outside_is_a_handful_that_says_why() -> None:
    columns = {f"{table.name}.{column.name}" for table in metadata.tables.values() for column in table.columns}
    assert set(OUTSIDE) <= columns
    assert len(OUTSIDE) <= 5
    assert all(OUTSIDE.values())
    told = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert [name for name in OUTSIDE if f"`{name}`" not in told] == []


def _require_noticed(connection: Connection, some: list[Alteration]) -> None:
    found = {one.name: noticed(connection, one) for one in some if one.column not in OUTSIDE}
    assert [name for name, seen in found.items() if seen is False] == []
    assert sum(seen is True for seen in found.values()) > len(found) // 2
