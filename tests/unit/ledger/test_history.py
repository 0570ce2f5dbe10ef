"""A ledger only grows: an older copy, or another ledger, under the name of the open one is seen before a write."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from app.desk.records import Event, RunStatus
from app.domain.errors import LedgerUnavailable
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.support.ledgers import Databases, PostgresDatabases
from tests.unit.ledger.builders import AT, BOOK, KEY, claimed, dump, planned

Restore = Callable[[str, str], None]


@pytest.fixture
def restore(databases: Databases) -> Restore:
    """Put what one database holds in the place of another, under a process that has the other open."""

    def into_a_file(source: str, target: str) -> None:
        path = target.removeprefix("sqlite:///")
        with closing(sqlite3.connect(source.removeprefix("sqlite:///"))) as old, closing(sqlite3.connect(path)) as now:
            old.backup(now)

    def into_a_server(source: str, target: str) -> None:
        # As a failover would: every connection ends, and the same name is another database.
        assert isinstance(databases, PostgresDatabases)
        databases.server.replace(target, source)

    return into_a_server if isinstance(databases, PostgresDatabases) else into_a_file


def test_an_older_copy_under_an_open_ledger_is_seen_and_the_newest_is_taken_again(
    ledger: SqlLedger, ledger_url: str, databases: Databases, restore: Restore
) -> None:
    ledger.observe(BOOK, [Event("noted")], AT)
    ledger.dispose()
    older = databases.copy(ledger_url)
    claim = planned(ledger)
    ledger.dispose()
    newest = databases.copy(ledger_url)
    restore(older, ledger_url)
    for call in (
        ledger.require_usable,
        lambda: ledger.claim(KEY, "one", "policy-1", AT),
        lambda: ledger.record(claim, [Event("noted")], AT),
    ):
        with pytest.raises(LedgerUnavailable, match="older copy, or another ledger") as caught:
            call()
        assert caught.value.remedy
    restore(newest, ledger_url)
    ledger.require_usable()
    ledger.abandon(claim, RunStatus.FAILED, "of the test", AT)
    assert ledger.verify().ok
    ledger.dispose()
    for url in (older, newest):
        databases.drop(url)


def test_another_ledger_of_the_same_account_is_seen_although_it_holds_more(
    ledger: SqlLedger, ledger_url: str, migrated: str, databases: Databases, restore: Restore
) -> None:
    ledger.observe(BOOK, [Event("noted", {"whose": "ours"})], AT)
    other_url = databases.copy(migrated)
    other = open_ledger(other_url)
    for _ in range(5):
        other.observe(BOOK, [Event("noted", {"whose": "theirs"})], AT)
    other.dispose()
    ledger.dispose()
    restore(other_url, ledger_url)
    with pytest.raises(LedgerUnavailable, match="older copy, or another ledger"):
        ledger.require_usable()
    # A process that begins now has seen nothing else: it works with what is there.
    fresh = open_ledger(ledger_url)
    fresh.require_usable()
    fresh.dispose()
    ledger.dispose()
    databases.drop(other_url)


def test_what_others_write_beside_is_growth(ledger: SqlLedger, ledger_url: str) -> None:
    other = open_ledger(ledger_url)
    for each in (ledger, other) * 3:
        each.observe(BOOK, [Event("noted")], AT)
        each.observe("DU300", [Event("noted")], AT)
    ledger.require_usable()
    other.require_usable()
    claimed(other)
    other.dispose()
    assert ledger.verify().events == 13


def test_the_first_words_of_others_in_a_new_ledger_are_growth(ledger: SqlLedger, ledger_url: str) -> None:
    ledger.require_usable()
    other = open_ledger(ledger_url)
    other.observe(BOOK, [Event("noted")], AT)
    other.dispose()
    ledger.observe(BOOK, [Event("noted")], AT)
    assert ledger.verify().events == 2


def test_what_was_rolled_back_was_never_seen(ledger: SqlLedger) -> None:
    claim = claimed(ledger)
    with pytest.raises(Exception, match="nan"):
        ledger.close(claim, RunStatus.DONE, {"drawdown": float("nan")}, [Event("first")], AT)
    ledger.require_usable()
    ledger.close(claim, RunStatus.DONE, {}, [], AT)


def test_the_question_whether_a_ledger_is_usable_leaves_it_as_it_is(ledger: SqlLedger, ledger_url: str) -> None:
    ledger.require_usable()
    planned(ledger)
    before = dump(ledger_url)
    for _ in range(3):
        ledger.require_usable()
    assert dump(ledger_url) == before
