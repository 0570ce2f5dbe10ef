"""How far a run goes: the strictest of request, policy and the two settings, and its report says which."""

import pytest

from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.errors import UsageError
from app.domain.order import OrderState, Side
from app.domain.policy import ApprovalScope, Mode
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office, policy

DAY = RunRequest()


@pytest.mark.parametrize(
    ("trading_mode", "server_mode", "because"),
    [
        ("off", "paper", "TRADING_MODE is off"),
        ("paper", "off", "TRADING_MODE of the IBKR MCP server is off"),
        ("off", "off", "TRADING_MODE is off"),
    ],
)
async def test_with_trading_off_on_either_side_everything_is_previewed(
    office: Office, ledger: SqlLedger, trading_mode: str, server_mode: str, because: str
) -> None:
    office.trading_mode = trading_mode
    office.world.set_session(trading_mode=server_mode)
    result = await run_daily(office.desk(), DAY)
    assert result.status is RunStatus.DRY_RUN
    assert result.report is not None
    assert (result.report["mode"], result.report["mode_reason"]) == ("preview", because)
    assert {order["reason"] for order in result.report["orders"]} == {because}
    assert office.broker.posts.total() == 0
    assert ledger.intents(result.run_id) == ()


async def test_a_policy_that_only_previews_is_obeyed(office: Office) -> None:
    office.policy = policy({"mode": Mode.PREVIEW})
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    assert result.report["mode_reason"] == "the policy's approval.mode is preview"
    assert office.broker.posts.total() == 0


async def test_in_paper_mode_the_report_says_paper_and_who_allowed_it(office: Office) -> None:
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    assert result.report["mode"] == "paper"
    assert result.report["mode_reason"] == "TRADING_MODE is paper; request and policy allow it"


async def test_approval_holds_back_what_is_discretionary_and_lets_exits_go(office: Office, ledger: SqlLedger) -> None:
    office.policy = policy({"mode": Mode.APPROVE})
    result = await run_daily(office.desk(), DAY)
    assert result.status is RunStatus.AWAITING_APPROVAL
    assert office.broker.sent_symbols() == [("AAPL", Side.SELL)]
    assert [(i.symbol, i.state) for i in ledger.intents(result.run_id)] == [
        ("AAPL", OrderState.FILLED),
        ("MSFT", OrderState.PLANNED),
    ]
    assert result.report is not None
    assert [order["reason"] for order in result.report["orders"]] == [None, "waits for approval"]
    again = await run_daily(office.desk(), DAY)
    assert (again.run_id, again.status) == (result.run_id, RunStatus.AWAITING_APPROVAL)


async def test_approval_of_scope_all_holds_back_exits_too(office: Office, ledger: SqlLedger) -> None:
    office.policy = policy({"mode": Mode.APPROVE, "scope": ApprovalScope.ALL})
    result = await run_daily(office.desk(), DAY)
    assert result.status is RunStatus.AWAITING_APPROVAL
    assert office.broker.posts.total() == 0
    assert {intent.state for intent in ledger.intents(result.run_id)} == {OrderState.PLANNED}


async def test_live_trading_against_a_simulator_is_refused(office: Office, ledger: SqlLedger) -> None:
    office.trading_mode = "live"
    with pytest.raises(UsageError, match="the broker is a simulator"):
        await run_daily(office.desk(), DAY)
    assert ledger.runs() == ()


@pytest.mark.parametrize(("mode", "paper", "kind"), [("live", True, "a paper"), ("paper", False, "a live")])
async def test_paper_and_live_are_never_mixed_up(
    office: Office, ledger: SqlLedger, mode: str, paper: bool, kind: str
) -> None:
    office.trading_mode = mode
    office.world.set_session(paper=paper, simulation=None)
    with pytest.raises(UsageError, match=f"TRADING_MODE is {mode} and the broker's session is {kind} session"):
        await run_daily(office.desk(), DAY)
    assert ledger.runs() == ()
