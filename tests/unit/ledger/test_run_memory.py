"""What a run leaves for later ones to decide by: read back as it was, and by whom."""

import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.desk.records import RunMemory, RunStatus, Snapshot
from app.engine.memory import EvaluationRecord
from app.ledger.account import account_record
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import (
    ACCOUNT,
    AT,
    BOOK,
    EVALUATION,
    KEY,
    MEMORY,
    REPORT,
    TODAY,
    claimed,
    direct,
    execute,
    planned,
)


def _closed(
    ledger: SqlLedger,
    days: int,
    memory: RunMemory,
    status: RunStatus = RunStatus.DONE,
    *,
    slot: str = "daily",
    dry_run: bool = False,
) -> str:
    key = replace(KEY, session_date=TODAY + timedelta(days=days), slot=slot, dry_run=dry_run)
    claim = claimed(ledger, key)
    ledger.close(claim, status, REPORT, [], AT, memory=memory)
    return claim.run_id


def _measured(drawdown: float) -> RunMemory:
    return RunMemory(evaluation=replace(EVALUATION, drawdown_acted_at=drawdown))


def _acted_at(found: EvaluationRecord | None) -> float | None:
    return found.drawdown_acted_at if found else None


def _seen(nav: int) -> RunMemory:
    return RunMemory(account=replace(ACCOUNT, nav=Decimal(nav)))


def _nav(found: Snapshot | None) -> Decimal | None:
    return found.nav if found else None


def test_what_a_run_left_is_read_back_as_it_was(ledger: SqlLedger) -> None:
    run_id = _closed(ledger, 0, MEMORY)
    assert ledger.account_record(BOOK, TODAY + timedelta(days=1)).evaluation == EVALUATION
    assert ledger.last_snapshot(BOOK) == replace(ACCOUNT, run_id=run_id)
    assert ledger.asked_prices(run_id) == MEMORY.asked_prices
    assert ledger.verify().ok


def test_a_run_that_asked_nobody_has_no_asked_prices(ledger: SqlLedger) -> None:
    assert ledger.asked_prices(_closed(ledger, 0, RunMemory())) == {}
    assert ledger.asked_prices("run_elsewhere") == {}


def test_the_last_evaluation_is_of_the_newest_session_before(ledger: SqlLedger) -> None:
    for days, drawdown in ((-3, 0.03), (-1, 0.01), (-2, 0.02), (0, 0.0)):
        _closed(ledger, days, _measured(drawdown))
    assert _acted_at(ledger.account_record(BOOK, TODAY).evaluation) == 0.01
    assert ledger.account_record(BOOK, TODAY - timedelta(days=3)).evaluation is None
    assert ledger.account_record("DU200", TODAY).evaluation is None


def test_the_last_evaluation_is_not_a_dry_runs_nor_an_unfinished_ones(ledger: SqlLedger) -> None:
    _closed(ledger, -2, _measured(0.02))
    _closed(ledger, -1, _measured(0.5), dry_run=True)
    _closed(ledger, -1, _measured(0.9), RunStatus.HALTED)
    assert _acted_at(ledger.account_record(BOOK, TODAY).evaluation) == 0.02


def test_a_run_that_measured_nothing_does_not_hide_the_one_before(ledger: SqlLedger) -> None:
    _closed(ledger, -1, _measured(0.01))
    _closed(ledger, -1, RunMemory(), slot="close")
    assert _acted_at(ledger.account_record(BOOK, TODAY).evaluation) == 0.01


def test_the_last_snapshot_is_of_the_newest_run_that_saw_the_account_and_was_not_dry(ledger: SqlLedger) -> None:
    assert ledger.last_snapshot(BOOK) is None
    _closed(ledger, 1, _seen(1))
    _closed(ledger, 2, _seen(2), RunStatus.HALTED)
    _closed(ledger, 3, RunMemory())
    _closed(ledger, 4, RunMemory(), RunStatus.SKIPPED)
    _closed(ledger, 5, _seen(5), dry_run=True)
    # A failed attempt leaves nothing at all.
    ledger.abandon(claimed(ledger, replace(KEY, slot="failed")), RunStatus.FAILED, "why", AT)
    assert _nav(ledger.last_snapshot(BOOK)) == 2
    assert [found.nav for found in ledger.snapshots(BOOK, 2)] == [5, 2]
    assert ledger.last_snapshot("DU200") is None


def test_a_run_that_is_closed_again_leaves_only_what_it_left_last(ledger: SqlLedger) -> None:
    claim = planned(ledger, [])
    ledger.close(claim, RunStatus.AWAITING_APPROVAL, REPORT, [], AT, memory=MEMORY)
    again = ledger.reopen(claim.run_id, "two", AT)
    assert ledger.asked_prices(claim.run_id) == MEMORY.asked_prices
    assert ledger.verify().ok
    ledger.close(again, RunStatus.REJECTED, REPORT, [], AT)
    assert ledger.asked_prices(claim.run_id) == {}
    assert ledger.last_snapshot(BOOK) is None
    assert ledger.verify().ok


def test_nothing_is_read_out_of_a_report(ledger: SqlLedger, ledger_url: str) -> None:
    run_id = _closed(ledger, 0, MEMORY)
    execute(ledger_url, "UPDATE runs SET report = '{}'")
    assert ledger.account_record(BOOK, TODAY + timedelta(days=1)).evaluation == EVALUATION
    assert ledger.last_snapshot(BOOK) == replace(ACCOUNT, run_id=run_id)
    assert ledger.asked_prices(run_id) == MEMORY.asked_prices


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_what_a_record_costs_does_not_grow_with_the_runs_before_it(ledger: SqlLedger, ledger_url: str) -> None:
    for day in range(1, 6):
        _closed(ledger, day, MEMORY)
    few = _steps(ledger_url)
    for day in range(6, 46):
        _closed(ledger, day, MEMORY)
    assert _steps(ledger_url) <= few + 5


def _steps(ledger_url: str) -> int:
    """That the database takes to read the account's record."""
    count = Counter[str]()
    with direct(ledger_url) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(lambda: count.update(["step"]), 1)
        account_record(connection, BOOK, TODAY + timedelta(days=50), ())
        driver.set_progress_handler(None, 0)
    return count["step"]
