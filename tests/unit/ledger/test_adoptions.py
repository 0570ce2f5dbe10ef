"""An account is taken over once, with the first plan or close that says so, or not at all."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.desk.records import RunMemory, RunStatus, TakenOver
from app.domain.adoption import Adoption
from app.domain.errors import Fenced, LedgerError
from app.domain.policy import AdoptionMode
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import (
    ADOPTION,
    AT,
    BOOK,
    EVALUATION,
    KEY,
    PLAN,
    REPORT,
    TAKEN_OVER,
    TODAY,
    ManualTime,
    claimed,
    intent,
)

LATER = TakenOver(replace(ADOPTION, nav=Decimal(1), holdings={}), {})
TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
def ledger(ledger_url: str, lease_time: ManualTime) -> Iterator[SqlLedger]:
    opened = open_ledger(ledger_url, lease_seconds=120, now=lease_time)
    yield opened
    opened.dispose()


def adoption(ledger: SqlLedger, book: str = BOOK) -> Adoption | None:
    return ledger.account_record(book, TODAY).adoption


def test_it_is_recorded_with_the_plan_and_the_first_one_stays(ledger: SqlLedger) -> None:
    assert adoption(ledger) is None
    ledger.commit_plan(claimed(ledger), PLAN, [intent()], AT, taken_over=TAKEN_OVER)
    assert adoption(ledger) == ADOPTION
    ledger.commit_plan(claimed(ledger, replace(KEY, book="DU200")), PLAN, [], AT, taken_over=LATER)
    assert (adoption(ledger), adoption(ledger, "DU200")) == (ADOPTION, LATER.adoption)
    assert [event.kind for event in ledger.events(0, BOOK)].count("adopted") == 1


def test_a_second_one_changes_nothing(ledger: SqlLedger) -> None:
    for slot in ("daily", "afternoon"):
        claim = claimed(ledger, replace(KEY, slot=slot))
        ledger.commit_plan(claim, PLAN, [], AT, taken_over=TAKEN_OVER if slot == "daily" else LATER)
        ledger.close(claim, RunStatus.DONE, REPORT, [], AT)
    assert adoption(ledger) == ADOPTION
    assert ledger.verify().ok


def test_what_was_inherited_is_told_until_a_session_since_then_was_measured(ledger: SqlLedger) -> None:
    claim = claimed(ledger)
    ledger.commit_plan(claim, PLAN, [], AT, taken_over=TAKEN_OVER)
    ledger.close(claim, RunStatus.REJECTED, REPORT, [], AT, memory=RunMemory(EVALUATION))
    assert ledger.account_record(BOOK, TOMORROW).inherited == TAKEN_OVER.inherited
    later = claimed(ledger, replace(KEY, session_date=TOMORROW))
    ledger.close(later, RunStatus.DONE, REPORT, [], AT, memory=RunMemory(replace(EVALUATION, inherited=None)))
    found = ledger.account_record(BOOK, TOMORROW + timedelta(days=1))
    assert found.inherited is None
    assert found.evaluation == replace(EVALUATION, inherited=None)


def test_where_the_plan_is_refused_nothing_is_taken_over(ledger: SqlLedger, lease_time: ManualTime) -> None:
    claim = claimed(ledger)
    with pytest.raises(LedgerError, match="does not name its action"):
        ledger.commit_plan(claim, {}, [], AT, taken_over=TAKEN_OVER)
    lease_time.advance(400)
    claimed(ledger, owner="two")
    with pytest.raises(Fenced):
        ledger.commit_plan(claim, PLAN, [], AT, taken_over=TAKEN_OVER)
    assert adoption(ledger) is None


def test_a_dry_run_takes_nothing_over(ledger: SqlLedger) -> None:
    claim = claimed(ledger, replace(KEY, dry_run=True))
    with pytest.raises(LedgerError, match="dry run"):
        ledger.commit_plan(claim, PLAN, [], AT, taken_over=TAKEN_OVER)
    assert adoption(ledger) is None


def test_a_mode_may_be_chosen_before_and_changed_after_and_the_date_and_prices_stay(ledger: SqlLedger) -> None:
    ledger.choose_adoption(BOOK, AdoptionMode.NOW, "a fresh start", "owner", AT)
    assert ledger.account_record(BOOK, TODAY).adoption_mode is AdoptionMode.NOW
    ledger.commit_plan(claimed(ledger), PLAN, [], AT, taken_over=TAKEN_OVER)
    assert adoption(ledger) == replace(ADOPTION, mode=AdoptionMode.NOW)
    ledger.choose_adoption(BOOK, AdoptionMode.ADOPT, "on second thought", "owner", AT)
    assert adoption(ledger) == replace(ADOPTION, mode=AdoptionMode.ADOPT)
    assert ledger.account_record("DU200", TODAY).adoption_mode is None
    assert ledger.verify().ok


@pytest.mark.parametrize(("reason", "actor"), [(" ", "owner"), ("why", "")])
def test_a_mode_needs_a_reason_and_a_name(ledger: SqlLedger, reason: str, actor: str) -> None:
    with pytest.raises(LedgerError, match="who says so"):
        ledger.choose_adoption(BOOK, AdoptionMode.NOW, reason, actor, AT)
