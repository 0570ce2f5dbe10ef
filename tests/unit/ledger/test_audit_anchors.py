"""What a chain by itself cannot show, because every hash agrees again, a head that was kept elsewhere does."""

from collections.abc import Iterator

import pytest

from app.desk.records import Event
from app.domain.errors import LedgerUnavailable
from app.ledger.engine import open_ledger
from app.ledger.events import first_link, ledger_link, link_hash
from app.ledger.sql_ledger import SqlLedger
from app.record.anchors import Anchor
from tests.support.ledgers import Databases
from tests.unit.ledger.builders import AT, BOOK, ManualTime, execute, rows
from tests.unit.ledger.everything import play

pytestmark = pytest.mark.slow


@pytest.fixture
def anchor(ledger: SqlLedger, lease_time: ManualTime) -> Anchor:
    """Of a ledger in the middle of its days."""
    play(ledger, lease_time)
    return _anchored(ledger)


def _anchored(ledger: SqlLedger) -> Anchor:
    return Anchor(ledger.head(), AT, "0.1.0")


@pytest.fixture
def another(databases: Databases) -> Iterator[SqlLedger]:
    url = databases.empty()
    ledger = open_ledger(url)
    yield ledger
    ledger.dispose()
    databases.drop(url)


def test_a_ledger_that_has_grown_holds_every_anchor_that_was_taken_of_it(ledger: SqlLedger) -> None:
    taken = [_anchored(ledger)]
    for _ in range(3):
        ledger.observe(BOOK, [Event("noted")], AT)
        taken.append(_anchored(ledger))
    assert ledger.verify(taken).problems == ()
    assert [each.head.number for each in taken] == [0, 1, 2, 3]


def test_a_tail_that_was_cut_off_with_its_heads_put_back_is_found(
    ledger: SqlLedger, ledger_url: str, anchor: Anchor
) -> None:
    ledger.observe(BOOK, [Event("noted")], AT)
    newest = _anchored(ledger)
    _cut_off_the_last(ledger_url)
    # Without an anchor of that event everything agrees.
    assert ledger.verify([anchor]).problems == ()
    (problem,) = ledger.verify([anchor, newest]).problems
    assert f"event {newest.head.number}: the newest event is {anchor.head.number}, so the tail was cut off" in problem


def _cut_off_the_last(url: str) -> None:
    (number, link), (seq, digest) = (
        rows(url, "SELECT number, link FROM events ORDER BY number DESC")[1],
        rows(url, f"SELECT seq, hash FROM events WHERE book = '{BOOK}' ORDER BY seq DESC")[1],  # noqa: S608
    )
    execute(
        url,
        f"DELETE FROM events WHERE number > {number}",  # noqa: S608
        f"UPDATE ledger_head SET number = {number}, link = '{link}'",  # noqa: S608
        f"UPDATE chain SET seq = {seq}, hash = '{digest}' WHERE book = '{BOOK}'",  # noqa: S608
    )


def test_an_old_backup_is_found(ledger: SqlLedger, ledger_url: str, anchor: Anchor, databases: Databases) -> None:
    ledger.dispose()
    backup = databases.copy(ledger_url)
    ledger.observe(BOOK, [Event("noted")], AT)
    newest = _anchored(ledger)
    restored = open_ledger(backup)
    assert restored.verify([anchor]).problems == ()
    assert "an older copy put back" in restored.verify([newest]).problems[0]
    # It goes on by itself to as many events and more: another one is at that number.
    restored.observe(BOOK, [Event("another")], AT)
    restored.observe(BOOK, [Event("another")], AT)
    assert restored.verify().problems == ()
    assert "is another event now" in restored.verify([newest]).problems[0]
    restored.dispose()
    databases.drop(backup)


def test_another_ledger_is_found(another: SqlLedger, anchor: Anchor) -> None:
    assert another.verify().problems == ()
    assert "is of another ledger" in another.verify([anchor]).problems[0]


def test_a_ledger_that_was_emptied_is_found_and_takes_nothing_more(
    ledger: SqlLedger, ledger_url: str, anchor: Anchor
) -> None:
    tables = ("questions", "run_memory", "intents", "runs", "events", "chain", "navs", "control", "flows", "chunks",
              "quarantines", "notices", "ledger_head")  # fmt: skip
    execute(ledger_url, *(f"DELETE FROM {name}" for name in tables))  # noqa: S608
    assert "somebody emptied it" in ledger.verify().problems[0]
    assert any("the ledger was emptied" in problem for problem in ledger.verify([anchor]).problems)
    fresh = open_ledger(ledger_url)
    for call in (fresh.require_usable, fresh.head, lambda: fresh.observe(BOOK, [Event("noted")], AT)):
        with pytest.raises(LedgerUnavailable, match="somebody emptied it"):
            call()
    fresh.dispose()


def test_a_chain_that_was_written_anew_is_found(ledger: SqlLedger, ledger_url: str) -> None:
    ledger.observe(BOOK, [Event("noted", {"amount": "5"})], AT)
    anchor = _anchored(ledger)
    (before,) = rows(ledger_url, "SELECT prev, at FROM events")
    forged = link_hash(before[0], BOOK, 1, None, "noted", before[1], '{"amount":"6"}')
    link = ledger_link(first_link(ledger.head().ledger_id), 1, forged)
    execute(
        ledger_url,
        f"UPDATE events SET payload = '{{\"amount\":\"6\"}}', hash = '{forged}', link = '{link}'",  # noqa: S608
        f"UPDATE chain SET hash = '{forged}'",  # noqa: S608
        f"UPDATE ledger_head SET link = '{link}'",  # noqa: S608
    )
    assert ledger.verify().problems == ()
    (problem,) = ledger.verify([anchor]).problems
    assert "so the chain was written anew" in problem
