from dataclasses import replace
from datetime import timedelta
from inspect import signature
from typing import Any

import pytest

from app.desk.ports import Ledger
from app.desk.records import RunStatus
from app.domain.errors import LedgerError
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import AT, BOOK, KEY, PLAN, TODAY, claimed, execute, intent, planned

TOMORROW = TODAY + timedelta(days=1)


def _done(ledger: SqlLedger, days: int, report: dict[str, Any], *, slot: str = "daily", dry_run: bool = False) -> str:
    key = replace(KEY, session_date=TODAY + timedelta(days=days), slot=slot, dry_run=dry_run)
    claim = claimed(ledger, key)
    ledger.close(claim, RunStatus.DONE, report, [], AT + timedelta(days=days))
    return claim.run_id


def test_runs_come_newest_first_by_when_they_were_made(ledger: SqlLedger) -> None:
    # A simulated day in the past is newer than one that was run before it.
    made = [_done(ledger, days, {}) for days in (5, 1, 3)]
    assert [run.run_id for run in ledger.runs()] == made[::-1]
    assert [run.run_id for run in ledger.runs(limit=2)] == [made[2], made[1]]


def test_runs_can_be_those_of_one_book(ledger: SqlLedger) -> None:
    mine = claimed(ledger)
    claimed(ledger, replace(KEY, book="DU200"))
    assert [run.run_id for run in ledger.runs(book=BOOK)] == [mine.run_id]


def test_a_run_is_read_back_with_its_report(ledger: SqlLedger) -> None:
    run_id = _done(ledger, 0, {"nav": "12.50", "drawdown": 0.1, "missing": None})
    run = ledger.run(run_id)
    assert run is not None
    assert run.report == {"nav": "12.50", "drawdown": 0.1, "missing": None}
    assert (run.status, run.finished_at) == (RunStatus.DONE, AT)


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("UPDATE intents SET quantity = 'ten'", "an amount"),
        ("UPDATE runs SET started_at = 'yesterday'", "a time"),
    ],
)
def test_a_value_changed_by_hand_is_an_error_that_says_so(
    ledger: SqlLedger, ledger_url: str, statement: str, read: str
) -> None:
    claim = planned(ledger, [intent()])
    execute(ledger_url, statement)
    with pytest.raises(LedgerError, match=f"where {read} belongs.*audit verify"):
        ledger.intents(claim.run_id) if "amount" in read else ledger.run(claim.run_id)


def test_a_plan_survives_its_commit_unchanged(ledger: SqlLedger) -> None:
    claim = claimed(ledger)
    ledger.commit_plan(claim, {**PLAN, "orders": [{"quantity": "1.50"}], "post_trade": {"var": None}}, [], AT)
    ledger.abandon(claim, RunStatus.FAILED, "why", AT)
    resumed = claimed(ledger)
    assert resumed.plan == {**PLAN, "orders": [{"quantity": "1.50"}], "post_trade": {"var": None}}


def test_the_ledger_has_every_call_of_the_desks_port_as_the_port_declares_it(ledger: SqlLedger) -> None:
    port: Ledger = ledger
    for name in (name for name in vars(Ledger) if not name.startswith("_")):
        assert signature(getattr(type(port), name)) == signature(getattr(Ledger, name)), name
