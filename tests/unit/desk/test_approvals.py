"""What only a person may ask for: approvals, rejections, exits by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.desk.records import RunStatus
from app.desk.run.approvals import approve, reject
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.domain.errors import UsageError
from app.domain.order import OrderState, Side
from app.domain.policy import ApprovalScope, Mode
from app.domain.ruling import KillLevel
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import Office, policy
from tests.support.world import conid

DAY = RunRequest()


async def waiting(office: Office, **approval: object) -> RunResult:
    """A run whose discretionary order waits for a person."""
    office.policy = policy({"mode": Mode.APPROVE, **approval})
    result = await run_daily(office.desk(), DAY)
    assert result.status is RunStatus.AWAITING_APPROVAL
    return result


def states(ledger: SqlLedger, run_id: str) -> dict[str, OrderState]:
    return {intent.symbol: intent.state for intent in ledger.intents(run_id)}


async def test_an_approved_run_is_read_and_gated_anew_and_sends_what_waited_once(
    office: Office, ledger: SqlLedger
) -> None:
    first = await waiting(office)
    assert states(ledger, first.run_id) == {"AAPL": OrderState.FILLED, "MSFT": OrderState.PLANNED}
    result = await approve(office.desk("two"), first.run_id, "owner")
    assert (result.run_id, result.status) == (first.run_id, RunStatus.DONE)
    assert states(ledger, first.run_id) == {"AAPL": OrderState.FILLED, "MSFT": OrderState.FILLED}
    assert office.broker.sent_symbols() == [("AAPL", Side.SELL), ("MSFT", Side.SELL)]
    assert set(office.broker.posts.values()) == {1}
    assert ledger.verify().ok


async def test_an_approval_can_be_given_only_once(office: Office) -> None:
    first = await waiting(office)
    await approve(office.desk(), first.run_id, "owner")
    with pytest.raises(UsageError, match="is done and waits for nobody"):
        await approve(office.desk(), first.run_id, "owner")


async def test_a_run_that_nobody_knows_cannot_be_approved(office: Office) -> None:
    with pytest.raises(UsageError, match="there is no run run_none"):
        await approve(office.desk(), "run_none", "owner")


async def test_what_is_rejected_is_never_sent(office: Office, ledger: SqlLedger) -> None:
    first = await waiting(office)
    result = await reject(office.desk(), first.run_id, "owner", "not today")
    assert result.status is RunStatus.REJECTED
    msft = ledger.intents(first.run_id)[1]
    assert (msft.state, msft.reason) == (OrderState.NOT_SENT, "rejected by owner: not today")
    assert office.broker.sent_symbols() == [("AAPL", Side.SELL)]
    again = await run_daily(office.desk(), DAY)
    assert again.status is RunStatus.REJECTED


async def test_an_approval_that_comes_too_late_sends_nothing(office: Office, ledger: SqlLedger) -> None:
    first = await waiting(office, expires_minutes=30)
    office.world.set_session(now=office.world.now() + timedelta(minutes=31))
    result = await approve(office.desk(), first.run_id, "owner")
    assert result.status is RunStatus.REJECTED
    assert result.report is not None
    assert "expired" in result.report["note"]
    assert states(ledger, first.run_id)["MSFT"] is OrderState.NOT_SENT


async def test_a_price_that_moved_beyond_tolerance_asks_again(office: Office, ledger: SqlLedger) -> None:
    first = await waiting(office, price_tolerance=0.02)
    office.world.moved["MSFT"] = Decimal("97")
    asked = await approve(office.desk(), first.run_id, "owner")
    assert asked.status is RunStatus.AWAITING_APPROVAL
    assert states(ledger, first.run_id)["MSFT"] is OrderState.PLANNED
    # The person has now seen the new price.
    done = await approve(office.desk(), first.run_id, "owner")
    assert done.status is RunStatus.DONE
    assert states(ledger, first.run_id)["MSFT"] is OrderState.FILLED


async def test_with_scope_all_even_exits_wait_and_go_after_the_approval(office: Office, ledger: SqlLedger) -> None:
    first = await waiting(office, scope=ApprovalScope.ALL)
    assert office.broker.posts.total() == 0
    await approve(office.desk(), first.run_id, "owner")
    assert set(states(ledger, first.run_id).values()) == {OrderState.FILLED}


async def test_a_person_can_leave_one_position_and_the_report_says_who(office: Office, ledger: SqlLedger) -> None:
    result = await exit_position(office.desk(), "ko", "owner")
    assert result.status is RunStatus.DONE
    (ko,) = ledger.intents(result.run_id)
    assert (ko.symbol, ko.side, ko.quantity, ko.state) == ("KO", Side.SELL, Decimal(170), OrderState.FILLED)
    assert result.report is not None
    assert result.report["decision"]["chosen_by"] == "person:owner"
    assert conid("KO") not in office.world.positions


async def test_under_halted_a_person_can_still_leave_a_position_and_nothing_else_is_sent(
    office: Office, ledger: SqlLedger
) -> None:
    ledger.set_level(None, KillLevel.HALTED, "a test", "owner", office.world.now())
    stopped = await run_daily(office.desk(), DAY)
    assert stopped.status is RunStatus.HALTED
    assert office.broker.posts.total() == 0
    assert (await exit_position(office.desk(), "KO", "owner")).status is RunStatus.DONE
    assert office.broker.sent_symbols() == [("KO", Side.SELL)]


async def test_what_is_not_held_cannot_be_left(office: Office) -> None:
    with pytest.raises(UsageError, match="LLY is not held"):
        await exit_position(office.desk(), "LLY", "owner")
    assert office.broker.posts.total() == 0


async def test_an_exit_by_hand_is_previewed_where_trading_is_off(office: Office) -> None:
    office.trading_mode = "off"
    result = await exit_position(office.desk(), "KO", "owner")
    assert result.status is RunStatus.DRY_RUN
    assert office.broker.posts.total() == 0


async def test_a_second_exit_of_the_day_is_an_order_of_its_own(office: Office) -> None:
    office.broker.fates["KO"] = Fate.IS_REJECTED
    await exit_position(office.desk(), "KO", "owner")
    office.broker.fates.clear()
    second = await exit_position(office.desk(), "KO", "owner")
    assert second.report is not None
    assert second.report["slot"] == "exit-ko-2"
    assert len(office.broker.posts) == 2
    assert set(office.broker.posts.values()) == {1}
