"""A flow that was told by mistake is taken back on record, and only while that can make no gain or loss of it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.desk.accounts import Whose
from app.desk.controls.flow_plan import Announcement, list_flows, plan_flow
from app.desk.controls.flow_undo import take_back_flow
from app.desk.records import Flow
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.stages.pipeline import perform_stages
from app.domain.cash import CashKind
from app.domain.errors import UsageError
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.unit.desk.test_cash_flow import BOOK, SECOND, deposited, measured, ran, say

pytestmark = pytest.mark.slow
__all__ = ["deposited"]
AT = datetime(2022, 3, 15, 15, tzinfo=UTC)


def undo(ledger: SqlLedger, number: int, reason: str = "a typing mistake", **whose: str) -> dict[str, Any]:
    return take_back_flow(ledger, number, reason, "owner", AT, Whose(**whose))  # type: ignore[arg-type]


async def test_what_was_told_by_mistake_is_unexplained_again_and_can_be_told_rightly(
    deposited: Office, ledger: SqlLedger
) -> None:
    told = say(ledger, "2000", note="one nought too few")
    back = undo(ledger, told["number"])
    assert (back["amount"], back["unexplained"], back["taken_back"]) == ("2000", "20000.00", "a typing mistake")
    assert ledger.flows(BOOK) == ()
    say(ledger, "20000")
    report = await ran(deposited, RunRequest(slot="extra"))
    assert report["continuity"]["unexplained_flow"] == "0"
    assert measured(report)["drawdown"] == 0
    assert ledger.verify().ok


async def test_a_run_in_between_sees_the_account_as_if_nothing_had_been_told(
    deposited: Office, ledger: SqlLedger
) -> None:
    undo(ledger, say(ledger, "20000")["number"])
    report = await ran(deposited, RunRequest(slot="extra"))
    assert report["continuity"]["unexplained_flow"] == "20000.00"
    assert report["continuity"]["recorded_flows"] == "0"


async def test_once_a_run_has_reckoned_with_it_it_stays(deposited: Office, ledger: SqlLedger) -> None:
    number = say(ledger, "20000")["number"]
    await ran(deposited, RunRequest(slot="extra"))
    with pytest.raises(UsageError, match=f"a run has reckoned with flow {number}"):
        undo(ledger, number)
    assert [flow.amount for flow in ledger.flows(BOOK)] == [Decimal(20_000)]
    assert list_flows(ledger)["flows"][0]["counted"] is True


async def test_a_preview_reckons_with_nothing_for_good(deposited: Office, ledger: SqlLedger) -> None:
    number = say(ledger, "20000")["number"]
    await ran(deposited, RunRequest(dry_run=True))
    assert undo(ledger, number)["unexplained"] == "20000.00"


async def test_while_a_run_is_at_work_nothing_is_taken_back(deposited: Office, ledger: SqlLedger) -> None:
    number = say(ledger, "20000")["number"]
    desk = deposited.desk()
    told: list[str] = []

    def look(_: str) -> None:
        if not told:
            with pytest.raises(UsageError) as caught:
                undo(ledger, number)
            told.append(str(caught.value))

    await run_daily(desk, RunRequest(slot="extra"), perform_stages, look)
    assert told
    assert "is at it now: it stays" in told[0]


async def test_the_list_shows_what_was_taken_back_apart_and_under_its_number(
    deposited: Office, ledger: SqlLedger
) -> None:
    number = say(ledger, "2000")["number"]
    undo(ledger, number)
    right = say(ledger, "20000")["number"]
    told = list_flows(ledger)
    assert [(row["number"], row["counted"]) for row in told["flows"]] == [(right, False)]
    assert [(row["number"], row["amount"], row["taken_back"]) for row in told["taken_back"]] == [
        (number, "2000", "a typing mistake")
    ]


async def test_what_cannot_be_taken_back_is_told_with_what_to_do(deposited: Office, ledger: SqlLedger) -> None:
    number = say(ledger, "2000")["number"]
    undo(ledger, number)
    with pytest.raises(UsageError, match=f"flow {number} was taken back before: a typing mistake"):
        undo(ledger, number)
    plan = plan_flow(ledger, Announcement(Decimal(100), SECOND, "rent", "owner"), AT)["number"]
    with pytest.raises(UsageError, match=f"`portfolio flow cancel {plan}`"):
        undo(ledger, plan)
    for absent in (0, -1, 10**12):
        with pytest.raises(UsageError, match="no flow has the number"):
            undo(ledger, absent)
    row = ledger.add_flow(BOOK, Flow(SECOND, Decimal(7), "interest", "broker", CashKind.INTEREST, "transactions-1"), AT)
    assert row is not None
    with pytest.raises(UsageError, match="told by a row of the broker"):
        undo(ledger, row)
    for blank in ("", " ", "x" * 1000, "a\0b"):
        with pytest.raises(UsageError, match="the reason is blank"):
            undo(ledger, row, blank)


async def test_income_that_was_told_by_mistake_is_taken_back_as_income(deposited: Office, ledger: SqlLedger) -> None:
    flow = Flow(SECOND, Decimal(20_000), "a dividend?", "owner", CashKind.DIVIDEND)
    number = ledger.add_flow(BOOK, flow, AT)
    assert number is not None
    undo(ledger, number)
    assert ledger.income(BOOK) == ()
    assert ledger.verify().ok


async def test_a_row_of_the_broker_that_tells_of_money_that_was_taken_back_counts(
    deposited: Office, ledger: SqlLedger
) -> None:
    """Not taken for the money that somebody told of before: nobody has, any more."""
    undo(ledger, say(ledger, "20000")["number"])
    again = say(ledger, "20000")["number"]
    assert [replace(flow, note="") for flow in ledger.flows(BOOK)] == [Flow(SECOND, Decimal(20_000), "", "owner")]
    assert undo(ledger, again)["unexplained"] == "20000.00"
