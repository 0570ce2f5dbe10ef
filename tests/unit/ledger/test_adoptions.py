"""An account is taken over once, with the first plan or close that says so, or not at all."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from app.desk.records import RunMemory, RunStatus
from app.domain.adoption import Adoption
from app.domain.errors import Fenced, LedgerError
from app.domain.policy import AdoptionMode
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import ADOPTION, AT, BOOK, KEY, PLAN, REPORT, TODAY, ManualTime, claimed, intent

LATER = replace(ADOPTION, nav=Decimal(1), holdings={})


@pytest.fixture
def ledger(ledger_url: str, lease_time: ManualTime) -> Iterator[SqlLedger]:
    opened = open_ledger(ledger_url, lease_seconds=120, now=lease_time)
    yield opened
    opened.dispose()


def adoption(ledger: SqlLedger, book: str = BOOK) -> Adoption | None:
    return ledger.account_record(book, TODAY).adoption


def test_it_is_recorded_with_the_plan_and_the_first_one_stays(ledger: SqlLedger) -> None:
    assert adoption(ledger) is None
    ledger.commit_plan(claimed(ledger), PLAN, [intent()], AT, adoption=ADOPTION)
    assert adoption(ledger) == ADOPTION
    ledger.commit_plan(claimed(ledger, replace(KEY, book="DU200")), PLAN, [], AT, adoption=LATER)
    assert (adoption(ledger), adoption(ledger, "DU200")) == (ADOPTION, LATER)
    assert [event.kind for event in ledger.events(0, BOOK)].count("adopted") == 1


def test_a_second_one_changes_nothing(ledger: SqlLedger) -> None:
    claim = claimed(ledger)
    ledger.commit_plan(claim, PLAN, [], AT, adoption=ADOPTION)
    ledger.close(claim, RunStatus.DONE, REPORT, [], AT, memory=RunMemory(adoption=LATER))
    assert adoption(ledger) == ADOPTION
    assert ledger.verify().ok


def test_a_close_without_a_plan_takes_over_too(ledger: SqlLedger) -> None:
    ledger.close(claimed(ledger), RunStatus.DONE, REPORT, [], AT, memory=RunMemory(adoption=ADOPTION))
    assert adoption(ledger) == ADOPTION


def test_where_the_plan_is_refused_nothing_is_taken_over(ledger: SqlLedger, lease_time: ManualTime) -> None:
    claim = claimed(ledger)
    with pytest.raises(LedgerError, match="does not name its action"):
        ledger.commit_plan(claim, {}, [], AT, adoption=ADOPTION)
    lease_time.advance(400)
    claimed(ledger, owner="two")
    with pytest.raises(Fenced):
        ledger.commit_plan(claim, PLAN, [], AT, adoption=ADOPTION)
    assert adoption(ledger) is None


def test_a_dry_run_takes_nothing_over(ledger: SqlLedger) -> None:
    claim = claimed(ledger, replace(KEY, dry_run=True))
    with pytest.raises(LedgerError, match="dry run"):
        ledger.close(claim, RunStatus.DRY_RUN, REPORT, [], AT, memory=RunMemory(adoption=ADOPTION))
    assert adoption(ledger) is None


def test_a_mode_may_be_chosen_before_and_changed_after_and_the_date_and_prices_stay(ledger: SqlLedger) -> None:
    ledger.choose_adoption(BOOK, AdoptionMode.NOW, "a fresh start", "owner", AT)
    assert ledger.account_record(BOOK, TODAY).adoption_mode is AdoptionMode.NOW
    ledger.commit_plan(claimed(ledger), PLAN, [], AT, adoption=ADOPTION)
    assert adoption(ledger) == replace(ADOPTION, mode=AdoptionMode.NOW)
    ledger.choose_adoption(BOOK, AdoptionMode.ADOPT, "on second thought", "owner", AT)
    assert adoption(ledger) == replace(ADOPTION, mode=AdoptionMode.ADOPT)
    assert ledger.account_record("DU200", TODAY).adoption_mode is None
    assert ledger.verify().ok


@pytest.mark.parametrize(("reason", "actor"), [(" ", "owner"), ("why", "")])
def test_a_mode_needs_a_reason_and_a_name(ledger: SqlLedger, reason: str, actor: str) -> None:
    with pytest.raises(LedgerError, match="who says so"):
        ledger.choose_adoption(BOOK, AdoptionMode.NOW, reason, actor, AT)
