from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from app.desk.records import Event, Flow, Quarantine, RunStatus, Verification
from app.domain.errors import LedgerError
from app.domain.order import OrderState
from app.domain.ruling import KillLevel
from app.ledger import audit
from app.ledger.engine import open_ledger
from app.ledger.events import OwnKind, ledger_link, link_hash
from app.ledger.sql_ledger import SqlLedger
from tests.support.ledgers import Databases
from tests.unit.ledger.builders import (
    AT,
    BOOK,
    KEY,
    MEMORY,
    REPORT,
    TODAY,
    claimed,
    direct,
    filled,
    intent,
    planned,
    point,
    rows,
    run_each,
    sent,
)

# Events of the story below in its first book.
LENGTH = 18
POSITIONS = range(1, LENGTH + 1)


@pytest.fixture(scope="session")
def url(databases: Databases, migrated: str) -> Iterator[str]:
    """Two books; in the first a run with a fill and an order never found, a run that failed and a word from outside."""
    url = databases.copy(migrated)
    ledger = open_ledger(url)
    ledger.observe("DU200", [Event("noted", {"amount": "5"})], AT)
    one, two = intent(1), intent(2)
    claim = planned(ledger, [one, two])
    ledger.record(claim, [Event("seen", {"nav": "1"}), Event("measured", {"nav": "1"})], AT)
    for each in (one, two):
        sent(ledger, claim, each)
    filled(ledger, claim, one)
    ledger.settle(claim, two.coid, OrderState.UNKNOWN, AT)
    ledger.absent(claim, two.coid, AT)
    ledger.settle(claim, two.coid, OrderState.ABANDONED, AT)
    ledger.close(claim, RunStatus.DONE, REPORT, [Event("closing")], AT, point(), MEMORY)
    failed = claimed(ledger, replace(KEY, slot="close"))
    ledger.abandon(failed, RunStatus.FAILED, "no answer", AT)
    ledger.tighten(BOOK, KillLevel.REDUCING, "drawdown", AT)
    ledger.set_level(BOOK, KillLevel.HALTED, "looks wrong", "a person", AT)
    ledger.add_flow(BOOK, Flow(TODAY, Decimal("7.50"), "salary", "a person"), AT)
    ledger.quarantine(BOOK, Quarantine(9, "SPLT", "price halved", TODAY), AT)
    ledger.dispose()
    yield url
    databases.drop(url)


@pytest.fixture
def at_hand(url: str) -> Iterator[Connection]:
    """To change what is stored by hand; in the end nothing was."""
    with direct(url) as connection:
        yield connection


def _after(connection: Connection, *statements: str) -> Verification:
    """The verdict once these have run, which are then undone."""
    with connection.begin_nested() as change:
        assert run_each(connection, *statements) > 0
        verification = audit.verify(connection)
        change.rollback()
    return verification


def _unguard(url: str) -> str:
    """Takes the foreign keys out of the way within a transaction."""
    if url.startswith("sqlite"):
        return "PRAGMA defer_foreign_keys = ON"
    return (
        "ALTER TABLE intents DROP CONSTRAINT fk_intents_run_id; "
        "ALTER TABLE run_memory DROP CONSTRAINT fk_run_memory_run_id"
    )


def _event(connection: Connection, seq: int) -> tuple[Any, ...]:
    query = "SELECT book, seq, run_id, kind, at, payload, prev, hash FROM events"
    return tuple(connection.exec_driver_sql(f"{query} WHERE book = '{BOOK}' AND seq = {seq}").one())


def test_an_empty_ledger_is_sound(ledger: SqlLedger) -> None:
    assert ledger.verify() == Verification(events=0, books=0, problems=())


def test_an_untouched_ledger_is_sound(at_hand: Connection) -> None:
    assert audit.verify(at_hand) == Verification(events=LENGTH + 1, books=2, problems=())


CHANGES = {
    "payload": "payload = replace(payload, '}', ' }')",
    "payload padded": "payload = payload || ' '",
    "payload emptied": "payload = '{\"altered\":1}'",
    "kind": "kind = kind || 'x'",
    "time": "at = replace(at, '2022', '2021')",
    "run": "run_id = coalesce(run_id, '') || 'x'",
    "link": "prev = replace(replace(prev, '0', 'x'), 'a', '0')",
    "hash": "hash = upper(hash) || ''",
    "book": "book = 'DU300'",
    "sequence": "seq = seq + 1000",
}
# Only SQLite lets anything into a text column.
CHANGES_OF_TYPE = {
    "payload as a number": "payload = 5",
    "payload as bytes": "payload = x'00ff'",
    "kind as bytes": "kind = x'00ff'",
    "time as bytes": "at = x'00ff'",
    "run as bytes": "run_id = x'00ff'",
    "link as bytes": "prev = x'00ff'",
    "hash as bytes": "hash = x'00ff'",
    "book as bytes": "book = x'00ff'",
    "sequence as bytes": "seq = x'00ff'",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_any_event_is_found_and_placed(at_hand: Connection, change: str) -> None:
    _change_every_event(at_hand, change, CHANGES[change])


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize("change", CHANGES_OF_TYPE)
def test_a_change_of_any_events_type_is_found_and_placed(at_hand: Connection, change: str) -> None:
    _change_every_event(at_hand, change, CHANGES_OF_TYPE[change])


def _change_every_event(connection: Connection, change: str, assignment: str) -> None:
    for seq in POSITIONS:
        verification = _after(connection, f"UPDATE events SET {assignment} WHERE book = '{BOOK}' AND seq = {seq}")  # noqa: S608
        assert not verification.ok, f"{change} at {seq}"
        named = [problem for problem in verification.problems if f"book {BOOK}, event" in problem]
        assert named or change.startswith("book"), verification.problems


def test_a_removed_event_is_found_wherever_it_was(at_hand: Connection) -> None:
    for seq in POSITIONS:
        verification = _after(at_hand, f"DELETE FROM events WHERE book = '{BOOK}' AND seq = {seq}")  # noqa: S608
        assert any(f"book {BOOK}, event" in problem for problem in verification.problems), seq


def test_the_gap_that_a_removed_event_leaves_is_named(at_hand: Connection) -> None:
    verification = _after(at_hand, f"DELETE FROM events WHERE book = '{BOOK}' AND seq = 3")  # noqa: S608
    assert verification.problems == (
        f"book {BOOK}, event 4: 3 was expected, so events are missing or were inserted",
        f"book {BOOK}, event 4: does not link to the event before it",
        f"book {BOOK}, event 4: is number 5 of the ledger where 4 was expected",
        f"book {BOOK}, event 4: does not link to the event before it in the ledger",
    )


def test_a_removed_tail_of_any_length_is_found(at_hand: Connection) -> None:
    for seq in POSITIONS:
        verification = _after(at_hand, f"DELETE FROM events WHERE book = '{BOOK}' AND seq >= {seq}")  # noqa: S608
        assert any(f"recorded as event {LENGTH}" in problem for problem in verification.problems), seq


def test_a_removed_start_of_any_length_is_found_even_when_renumbered(at_hand: Connection) -> None:
    for seq in POSITIONS:
        verification = _after(
            at_hand,
            f"DELETE FROM events WHERE book = '{BOOK}' AND seq <= {seq}",  # noqa: S608
            # Two steps, so that no two rows share a number on the way.
            f"UPDATE events SET seq = {seq} - seq WHERE book = '{BOOK}'",  # noqa: S608
            f"UPDATE events SET seq = -seq WHERE book = '{BOOK}'",  # noqa: S608
        )
        assert not verification.ok, seq


def test_an_inserted_event_is_found_wherever_it_is(at_hand: Connection) -> None:
    for seq in POSITIONS:
        book, _, run_id, kind, at, payload, prev, _ = _event(at_hand, seq)
        forged = link_hash(prev, book, seq, run_id, kind, at, payload)
        verification = _after(
            at_hand,
            f"UPDATE events SET seq = -seq - 1 WHERE book = '{BOOK}' AND seq >= {seq}",  # noqa: S608
            f"UPDATE events SET seq = -seq WHERE book = '{BOOK}' AND seq < 0",  # noqa: S608
            f"INSERT INTO events SELECT book, {seq}, run_id, kind, at, payload, prev, '{forged}', 99, link FROM events "  # noqa: S608
            f"WHERE book = '{BOOK}' AND seq = {seq + 1}",
            f"UPDATE chain SET seq = seq + 1 WHERE book = '{BOOK}'",  # noqa: S608
        )
        assert not verification.ok, seq


def test_an_event_appended_past_the_ledger_is_found(at_hand: Connection) -> None:
    last = _event(at_hand, LENGTH)
    forged = link_hash(last[-1], BOOK, LENGTH + 1, None, "noted", last[4], "{}")
    verification = _after(
        at_hand,
        f"INSERT INTO events VALUES ('{BOOK}', {LENGTH + 1}, NULL, 'noted', '{last[4]}', '{{}}', "  # noqa: S608
        f"'{last[-1]}', '{forged}', {LENGTH + 2}, '{_next_link(at_hand, forged)}')",
    )
    assert verification.problems == (
        f"book {BOOK}, event {LENGTH + 1}: the chain's head was recorded as event {LENGTH}, so events at the end are "
        "missing, changed or were added",
        f"the ledger: its head was recorded as event {LENGTH + 1}, and the newest one is {LENGTH + 2}",
    )


def _next_link(connection: Connection, event_hash: str) -> str:
    number, link = connection.exec_driver_sql("SELECT number, link FROM events ORDER BY number DESC LIMIT 1").one()
    return ledger_link(link, number + 1, event_hash)


def test_two_events_that_change_places_are_found(at_hand: Connection) -> None:
    for seq in POSITIONS[:-1]:
        verification = _after(
            at_hand,
            f"UPDATE events SET seq = -1 WHERE book = '{BOOK}' AND seq = {seq}",  # noqa: S608
            f"UPDATE events SET seq = {seq} WHERE book = '{BOOK}' AND seq = {seq + 1}",  # noqa: S608
            f"UPDATE events SET seq = {seq + 1} WHERE book = '{BOOK}' AND seq = -1",  # noqa: S608
        )
        assert not verification.ok, seq


@pytest.mark.parametrize("altered", ['{"altered":1}', "[]", "not JSON", "null"])
def test_an_altered_event_with_its_own_hash_recomputed_is_found(at_hand: Connection, altered: str) -> None:
    for seq in POSITIONS:
        book, _, run_id, kind, at, _, prev, _ = _event(at_hand, seq)
        forged = link_hash(prev, book, seq, run_id, kind, at, altered)
        verification = _after(
            at_hand,
            f"UPDATE events SET payload = '{altered}', hash = '{forged}' "  # noqa: S608
            f"WHERE book = '{BOOK}' AND seq = {seq}",
        )
        assert any("event" in problem for problem in verification.problems), seq


def test_a_chain_moved_to_another_book_is_found(at_hand: Connection) -> None:
    verification = _after(
        at_hand,
        f"UPDATE events SET book = 'DU300' WHERE book = '{BOOK}'",  # noqa: S608
        f"UPDATE chain SET book = 'DU300' WHERE book = '{BOOK}'",  # noqa: S608
    )
    assert not verification.ok


OTHER_RECORDS = {
    "report rewritten": "UPDATE runs SET report = replace(report, '0.12', '0.02') WHERE report IS NOT NULL",
    "report removed": "UPDATE runs SET report = NULL WHERE report IS NOT NULL",
    "report unsealed": "UPDATE runs SET sealed_seq = NULL WHERE report IS NOT NULL",
    "report put where none was": "UPDATE runs SET report = '{}' WHERE status = 'failed'",
    "seal claimed where none was": "UPDATE runs SET sealed_seq = 11 WHERE status = 'failed'",
    "status": "UPDATE runs SET status = 'rejected' WHERE status = 'done'",
    "plan rewritten": 'UPDATE runs SET plan = \'{"action":"HOLD"}\' WHERE plan IS NOT NULL',
    "plan removed": "UPDATE runs SET plan = NULL WHERE plan IS NOT NULL",
    "plan put where none was": "UPDATE runs SET plan = '{}' WHERE status = 'failed'",
    "run removed": "DELETE FROM runs WHERE status = 'done'",
    "head removed": f"DELETE FROM chain WHERE book = '{BOOK}'",  # noqa: S608
    "head moved back": f"UPDATE chain SET seq = seq - 1 WHERE book = '{BOOK}'",  # noqa: S608
    "head's hash": f"UPDATE chain SET hash = upper(hash) WHERE book = '{BOOK}'",  # noqa: S608
    "intent removed": "DELETE FROM intents WHERE position = 1",
    "intent's state": "UPDATE intents SET state = 'REJECTED' WHERE position = 1",
    "intent's quantity": "UPDATE intents SET quantity = '9' WHERE position = 0",
    "intent's quantity as words": "UPDATE intents SET quantity = 'ten' WHERE position = 0",
    "intent's limit": "UPDATE intents SET limit_price = '1' WHERE position = 0",
    "intent's limit removed": "UPDATE intents SET limit_price = NULL WHERE position = 0",
    "intent's fill": "UPDATE intents SET filled_quantity = '9' WHERE position = 0",
    "intent's average price": "UPDATE intents SET average_price = '1' WHERE position = 0",
    "intent's value": "UPDATE intents SET value = '1' WHERE position = 0",
    "intent's value removed": "UPDATE intents SET value = NULL WHERE position = 0",
    "intent's reference price": "UPDATE intents SET reference_price = '1' WHERE position = 0",
    "intent's absences": "UPDATE intents SET absent_reads = 2 WHERE position = 1",
    "intent's time": "UPDATE intents SET sent_at = replace(sent_at, '2026', '2025') WHERE position = 1",
    "intent's side": "UPDATE intents SET side = 'BUY' WHERE position = 0",
    "intent's leg": "UPDATE intents SET leg = 2 WHERE position = 0",
    "intent's instrument": "UPDATE intents SET conid = 3 WHERE position = 0",
    "intent's symbol": "UPDATE intents SET symbol = 'X' WHERE position = 0",
    "intent's rule": "UPDATE intents SET rule = 'rebalance' WHERE position = 0",
    "intent's rules": "UPDATE intents SET rules = 'rebalance' WHERE position = 0",
    "intent no exit any more": "UPDATE intents SET exit = NOT exit WHERE position = 0",
    "intent not mandatory any more": "UPDATE intents SET mandatory = NOT mandatory WHERE position = 0",
    "fill put where none was": "UPDATE intents SET filled_quantity = '1' WHERE position = 1",
    "intent added": "INSERT INTO intents SELECT run_id, 'PMforged', book, session_date, 7, action, rule, conid, symbol,"
    " side, leg, quantity, reference_price, mandatory, exit, 'PLANNED', 0, fence, NULL, NULL, '0', NULL, NULL, NULL,"
    " NULL, NULL, 0, rules FROM intents WHERE position = 0",
    "memory": "UPDATE run_memory SET content = replace(content, 'HIGH', 'LOW') WHERE kind = 'evaluation'",
    "memory removed": "DELETE FROM run_memory WHERE kind = 'account'",
    "memory added": "INSERT INTO run_memory SELECT run_id, 'account', '{}' FROM runs WHERE status = 'failed'",
    "NAV": "UPDATE navs SET nav = '2000'",
    "NAV's index": "UPDATE navs SET idx = 0.5",
    "NAV's peak": "UPDATE navs SET peak = 2.0",
    "NAV removed": "DELETE FROM navs",
    "level lowered": "UPDATE control SET level = 'ACTIVE'",
    "level's reason": "UPDATE control SET reason = 'fine'",
    "level's actor": "UPDATE control SET actor = 'somebody'",
    "level's time": "UPDATE control SET at = replace(at, '2022', '2021')",
    "level's review": "UPDATE control SET reviewed = 99",
    "level removed": "DELETE FROM control",
    "level as if never set": "UPDATE control SET level = 'ACTIVE', reason = NULL, actor = NULL, at = NULL, "
    "reviewed = NULL",
    "flow": "UPDATE flows SET amount = '8'",
    "flow's day": "UPDATE flows SET session_date = '2022-03-15'",
    "flow's note": "UPDATE flows SET note = 'bonus'",
    "flow removed": "DELETE FROM flows",
    "flow added": "INSERT INTO flows SELECT book, 1, session_date, amount, note, actor, kind, external_id FROM flows",
    "quarantine's reason": "UPDATE quarantines SET reason = 'none'",
    "quarantine lifted": "DELETE FROM quarantines",
    "quarantine added": "INSERT INTO quarantines SELECT book, 10, symbol, reason, since FROM quarantines",
}


@pytest.mark.parametrize("change", OTHER_RECORDS)
def test_a_change_of_any_other_record_is_found(url: str, at_hand: Connection, change: str) -> None:
    run_each(at_hand, _unguard(url))
    verification = _after(at_hand, OTHER_RECORDS[change])
    assert len(verification.problems) >= 1
    assert all(f"book {BOOK}" in problem or "run run_" in problem for problem in verification.problems)


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_an_amount_stored_as_bytes_is_found(at_hand: Connection) -> None:
    assert not _after(at_hand, "UPDATE intents SET quantity = x'00ff' WHERE position = 0").ok


def test_a_level_put_on_a_book_without_an_event_is_found(at_hand: Connection) -> None:
    forged = "INSERT INTO control VALUES ('DU200', 'HALTED', 'why', 'who', '2022-03-14T14:00:00Z', NULL, NULL, NULL)"
    assert _after(at_hand, forged).problems == ("book DU200, its kill level: no intact event tells of it",)


def test_a_rewritten_report_with_its_stored_hash_rewritten_too_is_found(at_hand: Connection) -> None:
    verification = _after(at_hand, "UPDATE runs SET report = '{}', report_hash = '44136fa3' WHERE status = 'done'")
    (problem,) = verification.problems
    assert "its report, report_hash is not what the events say" in problem


def test_a_truncated_chain_with_a_rewritten_head_still_owes_the_report_its_seal(at_hand: Connection) -> None:
    kept = 5
    before = _event(at_hand, kept)
    verification = _after(
        at_hand,
        f"DELETE FROM events WHERE book = '{BOOK}' AND seq > {kept}",  # noqa: S608
        f"UPDATE chain SET seq = {kept}, hash = '{before[-1]}' WHERE book = '{BOOK}'",  # noqa: S608
    )
    assert any("no intact event" in problem for problem in verification.problems)


def test_one_books_damage_leaves_the_other_books_verdict_alone(at_hand: Connection) -> None:
    verification = _after(at_hand, "UPDATE events SET kind = 'x' WHERE book = 'DU200'")
    assert verification.problems == ("book DU200, event 1: its content is not what its hash was taken over",)


@pytest.mark.parametrize("kind", list(OwnKind))
def test_nobody_else_may_write_the_ledgers_own_events(ledger: SqlLedger, kind: OwnKind) -> None:
    claim = claimed(ledger)
    forged = [Event("fine"), Event(kind.value, {"report_hash": "x"})]
    with pytest.raises(LedgerError, match="own"):
        ledger.record(claim, forged, AT)
    with pytest.raises(LedgerError, match="own"):
        ledger.observe(BOOK, forged, AT)
    with pytest.raises(LedgerError, match="own"):
        ledger.close(claim, RunStatus.DONE, REPORT, forged, AT)
    assert ledger.verify() == Verification(events=1, books=1, problems=())


def test_the_seal_is_the_last_event_of_its_run(url: str) -> None:
    run = rows(url, "SELECT run_id, sealed_seq FROM runs WHERE status = 'done'")[0]
    told = rows(url, f"SELECT kind, seq FROM events WHERE run_id = '{run[0]}' ORDER BY seq")  # noqa: S608
    assert [kind for kind, _ in told] == [
        "run_claimed",
        "plan_committed",
        "seen",
        "measured",
        *["intent_moved"] * 4,
        "intent_absent",
        "intent_moved",
        "closing",
        "run_sealed",
    ]
    assert told[-1][1] == run[1]


def test_the_link_hash_never_changes() -> None:
    # A golden value: ledgers of years ago must still verify.
    link = link_hash("0" * 64, "DU100", 1, None, "flow_added", "2022-03-14T14:00:00.000000+00:00", '{"amount":"5"}')
    assert link == "7a4ae64163b9423acc3287c5abafef6652a4e4fc4014540b43128d91a5f50b2f"


def test_later_nav_points_of_the_session_replace_what_a_seal_told(ledger: SqlLedger) -> None:
    claim = claimed(ledger)
    ledger.close(claim, RunStatus.DONE, REPORT, [], AT, point(nav="1000"))
    again = claimed(ledger, replace(KEY, slot="manual"))
    ledger.close(again, RunStatus.DONE, REPORT, [], AT + timedelta(hours=1), point(nav="1010", index=1.01))
    assert ledger.verify().ok
    assert [each.nav for each in ledger.navs(BOOK)] == [point(nav="1010").nav]
    assert ledger.navs(BOOK)[0].session_date == TODAY
