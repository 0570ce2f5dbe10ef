"""One account's orders go one after the other, so that two runs of different slots never both sell the same shares."""

from dataclasses import replace

import pytest

from app.desk.records import Busy, Claim, Done, RunStatus
from app.domain.errors import Fenced, LedgerError
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import AT, KEY, REPORT, ManualTime, claimed, intent, planned

EXIT = replace(KEY, slot="exit-aapl-1")


def test_another_slot_of_a_book_is_busy_while_a_run_is_at_work(ledger: SqlLedger) -> None:
    at_work = claimed(ledger)
    assert ledger.claim(EXIT, "two", "policy-1", AT) == Busy(at_work.run_id)
    assert isinstance(ledger.claim(replace(EXIT, book="DU200"), "two", "policy-1", AT), Claim)


def test_a_dry_run_neither_waits_nor_keeps_others_waiting(ledger: SqlLedger) -> None:
    claimed(ledger, replace(KEY, dry_run=True))
    claimed(ledger)
    assert isinstance(ledger.claim(replace(EXIT, dry_run=True), "two", "policy-1", AT), Claim)


def test_another_slot_goes_ahead_when_the_run_has_ended_or_been_abandoned(ledger: SqlLedger) -> None:
    first = claimed(ledger)
    ledger.close(first, RunStatus.DONE, REPORT, (), AT)
    second = claimed(ledger, EXIT)
    ledger.commit_plan(second, {"action": "HOLD"}, (intent(),), AT)
    ledger.abandon(second, RunStatus.FAILED, "the broker was away", AT)
    claimed(ledger, replace(KEY, slot="exit-ko-1"))


def test_who_slept_on_a_lapsed_lease_is_fenced_when_another_slot_begins(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    asleep = claimed(ledger)
    lease_time.advance(121)
    awake = claimed(ledger, EXIT, "two")
    with pytest.raises(Fenced):
        ledger.renew(asleep)
    ledger.renew(awake)
    assert ledger.verify().ok


def test_a_fenced_run_is_taken_over_under_its_own_key_once_the_other_has_ended(
    ledger: SqlLedger, lease_time: ManualTime
) -> None:
    asleep = planned(ledger)
    lease_time.advance(121)
    other = claimed(ledger, EXIT, "two")
    assert ledger.claim(KEY, "three", "policy-1", AT) == Busy(other.run_id)
    ledger.close(other, RunStatus.DONE, REPORT, (), AT)
    again = ledger.claim(KEY, "three", "policy-1", AT)
    assert isinstance(again, Claim)
    assert (again.run_id, again.fence) == (asleep.run_id, asleep.fence + 2)


def test_a_run_that_is_done_answers_while_another_slot_is_at_work(ledger: SqlLedger) -> None:
    first = claimed(ledger)
    ledger.close(first, RunStatus.DONE, REPORT, (), AT)
    claimed(ledger, EXIT)
    assert isinstance(ledger.claim(KEY, "two", "policy-1", AT), Done)


def test_an_approval_waits_for_the_run_that_is_at_work(ledger: SqlLedger) -> None:
    waiting = claimed(ledger)
    ledger.close(waiting, RunStatus.AWAITING_APPROVAL, REPORT, (), AT)
    at_work = claimed(ledger, EXIT)
    with pytest.raises(LedgerError, match=at_work.run_id):
        ledger.reopen(waiting.run_id, "two", AT)
    ledger.close(at_work, RunStatus.DONE, REPORT, (), AT)
    ledger.reopen(waiting.run_id, "two", AT)
