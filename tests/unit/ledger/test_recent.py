"""The quick look holds the newest events against their hashes, and sees what the whole walk would see there."""

import pytest
from sqlalchemy import Connection

from app.desk.records import Event
from app.ledger.recent import altered, looked_at, require_writable
from app.ledger.sql_ledger import SqlLedger
from app.ledger.usable import is_current
from tests.unit.ledger.builders import AT, direct, run_each

BOOK = "DU200"
EVENTS = 6


@pytest.fixture
def told(ledger: SqlLedger) -> SqlLedger:
    for number in range(EVENTS):
        ledger.observe(BOOK, [Event("noted", {"number": str(number)})], AT)
    ledger.observe("DU300", [Event("noted", {})], AT)
    return ledger


def test_a_ledger_as_it_was_written_is_current_writable_and_unaltered(told: SqlLedger, ledger_url: str) -> None:
    with looked_at(ledger_url) as connection:
        assert is_current(connection)
        require_writable(connection)
        assert altered(connection) == ()
        assert altered(connection, newest=2) == ()
    assert told.verify().events == EVENTS + 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET payload = '{}' WHERE book = 'DU200' AND seq = 5",
        "UPDATE events SET kind = 'other' WHERE book = 'DU200' AND seq = 6",
        "UPDATE events SET prev = 'x' WHERE book = 'DU200' AND seq = 5",
        "DELETE FROM events WHERE book = 'DU200' AND seq = 6",
        "DELETE FROM events WHERE book = 'DU200' AND seq = 5",
        "DELETE FROM events WHERE book = 'DU300'",
        "UPDATE chain SET hash = 'x' WHERE book = 'DU200'",
        "UPDATE ledger_head SET link = 'x'",
        "UPDATE ledger_head SET number = number - 1",
        "DELETE FROM ledger_head",
    ],
)
def test_a_change_among_the_newest_is_found(told: SqlLedger, ledger_url: str, change: str) -> None:
    assert told.verify().ok
    with direct(ledger_url) as connection:
        assert run_each(connection, change) > 0
        assert _found(connection)


def _found(connection: Connection) -> tuple[str, ...]:
    problems = altered(connection, newest=3)
    assert all(problem.startswith(("book DU", "the ledger: ")) for problem in problems)
    return problems
