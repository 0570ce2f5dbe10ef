"""A call that fails leaves nothing behind. The failure is the disk's: a trigger refuses the write in the middle."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from app.desk.records import Claim, Event, RunStatus
from app.domain.errors import LedgerError
from app.domain.order import OrderState
from app.ledger.sql_ledger import SqlLedger
from app.ledger.transactions import ledger_errors
from tests.unit.ledger.builders import (
    AT,
    BOOK,
    KEY,
    MEMORY,
    PLAN,
    REPORT,
    ManualTime,
    budget,
    claimed,
    dump,
    execute,
    intent,
    point,
)

ONE, TWO = intent(1), intent(2)
Call = Callable[[SqlLedger, Claim], object]

CALLS: dict[str, tuple[str, Call]] = {
    "record": ("second", lambda ledger, claim: ledger.record(claim, [Event("first"), Event("second")], AT)),
    "observe": ("second", lambda ledger, claim: ledger.observe(BOOK, [Event("first"), Event("second")], AT)),
    "takeover": ("run_taken_over", lambda ledger, claim: ledger.claim(KEY, "two", "policy-2", AT)),
    "sending": (
        "intent_moved",
        lambda ledger, claim: ledger.sending(claim, ONE.coid, Decimal(10), Decimal(150), AT, budget()),
    ),
    "settle": ("intent_moved", lambda ledger, claim: ledger.settle(claim, ONE.coid, OrderState.NOT_SENT, AT)),
    "close": (
        "run_sealed",
        lambda ledger, claim: ledger.close(claim, RunStatus.HALTED, REPORT, [Event("first")], AT, point(), MEMORY),
    ),
    "add_navs": ("navs_added", lambda ledger, claim: ledger.add_navs(BOOK, [point()])),
    "abandon": ("run_abandoned", lambda ledger, claim: ledger.abandon(claim, RunStatus.FAILED, "why", AT)),
}


def _break(ledger_url: str, condition: str, table: str = "events") -> None:
    trigger = f"CREATE TRIGGER broken BEFORE INSERT ON {table} "
    if ledger_url.startswith("sqlite"):
        execute(ledger_url, f"{trigger} WHEN {condition} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
        return
    execute(
        ledger_url,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$",
        f"{trigger} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()",
    )


def _mend(ledger_url: str, table: str = "events") -> None:
    execute(ledger_url, "DROP TRIGGER broken" if ledger_url.startswith("sqlite") else f"DROP TRIGGER broken ON {table}")


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_at_its_last_event_leaves_nothing(
    ledger: SqlLedger, ledger_url: str, lease_time: ManualTime, call: str
) -> None:
    claim = claimed(ledger)
    ledger.commit_plan(claim, PLAN, [ONE, TWO], AT)
    lease_time.advance(121)
    kind, act = CALLS[call]
    _break(ledger_url, f"NEW.kind = '{kind}'")
    before = dump(ledger_url)
    with pytest.raises(LedgerError, match="the disk is full"):
        act(ledger, claim)
    assert dump(ledger_url) == before
    _mend(ledger_url)
    act(ledger, claim)
    assert dump(ledger_url) != before
    assert ledger.verify().ok


def test_a_first_claim_that_cannot_be_recorded_is_no_claim(ledger: SqlLedger, ledger_url: str) -> None:
    _break(ledger_url, "NEW.kind = 'run_claimed'")
    before = dump(ledger_url)
    with pytest.raises(LedgerError):
        ledger.claim(KEY, "one", "policy-1", AT)
    assert dump(ledger_url) == before
    _mend(ledger_url)
    claimed(ledger)


@pytest.mark.parametrize("table", ["intents", "events"])
def test_a_plan_whose_second_half_cannot_be_written_is_not_committed(
    ledger: SqlLedger, ledger_url: str, table: str
) -> None:
    claim = claimed(ledger)
    _break(ledger_url, "NEW.position = 1" if table == "intents" else "1 = 1", table)
    before = dump(ledger_url)
    with pytest.raises(LedgerError, match="the disk is full"):
        ledger.commit_plan(claim, PLAN, [ONE, TWO], AT)
    assert dump(ledger_url) == before
    _mend(ledger_url, table)
    ledger.commit_plan(claim, PLAN, [ONE, TWO], AT)


def test_a_plan_that_lists_an_intent_twice_is_not_committed(ledger: SqlLedger, ledger_url: str) -> None:
    claim = claimed(ledger)
    before = dump(ledger_url)
    with pytest.raises(LedgerError) as caught:
        ledger.commit_plan(claim, PLAN, [ONE, TWO, ONE], AT)
    assert dump(ledger_url) == before
    # The database's words, without the values that it would repeat.
    assert "unique" in str(caught.value).lower()
    assert ONE.coid not in str(caught.value)


def test_the_networks_own_errors_come_out_as_the_ledgers() -> None:
    with pytest.raises(LedgerError, match="ConnectionResetError") as caught, ledger_errors():
        raise ConnectionResetError
    assert caught.value.remedy


def test_a_report_that_is_not_json_closes_nothing(ledger: SqlLedger, ledger_url: str) -> None:
    claim = claimed(ledger)
    before = dump(ledger_url)
    with pytest.raises(LedgerError, match="nan"):
        ledger.close(claim, RunStatus.DONE, {"drawdown": float("nan")}, [Event("first")], AT, point())
    assert dump(ledger_url) == before


def test_reads_write_nothing(ledger: SqlLedger, ledger_url: str) -> None:
    claim = claimed(ledger)
    ledger.commit_plan(claim, PLAN, [ONE], AT)
    before = dump(ledger_url)
    ledger.intents(claim.run_id)
    ledger.open_intents(BOOK, KEY.session_date)
    ledger.find_intent(BOOK, ONE.coid)
    ledger.day_use(BOOK, KEY.session_date)
    ledger.navs(BOOK)
    ledger.run(claim.run_id)
    ledger.runs()
    ledger.find_intents(BOOK, [ONE.coid])
    ledger.account_record(BOOK, KEY.session_date, [ONE.coid])
    ledger.oversight(BOOK)
    ledger.last_snapshot(BOOK)
    ledger.snapshots(BOOK, 10)
    ledger.asked_prices(claim.run_id)
    ledger.verify()
    assert dump(ledger_url) == before
