"""Several accounts in one ledger: every control acts on the one that is meant, says which, and never guesses."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.desk.accounts import Whose
from app.desk.controls.cash_flow import FlowStatement, explain_flow
from app.desk.controls.level import Release, level_of, release, set_level
from app.desk.desk import Desk
from app.desk.records import Quarantine, RunStatus
from app.desk.run.approvals import approve, reject
from app.desk.run.attempt import RunRequest
from app.desk.run.catch_up import catch_up
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.desk.run.preview import open_preview
from app.desk.run.reconcile_now import cancel_buys_after_halt, reconcile_now
from app.desk.stages.pipeline import perform_stages
from app.desk.states import Executed, Run
from app.domain.errors import BrokerUnavailable, NotReady, UsageError
from app.domain.policy import ApprovalScope, Mode
from app.domain.ruling import KillLevel
from app.domain.session import SessionState, Simulation
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office, policy
from tests.support.world import ACCOUNT, TODAY, conid
from tests.unit.desk.test_nav_history import idle

pytestmark = pytest.mark.slow

A, B, STRANGER = ACCOUNT, "DU7654321", "DU9999999"
WORLD = f"@sim:{TODAY}:7:synthetic"
AT = datetime(2022, 3, 14, 15, tzinfo=UTC)
BLANKS = ["", " ", "\t"]


@pytest.fixture
async def office(office: Office) -> Office:
    """Both accounts have had their day, B after A, and there was nothing to do: the fake has one list of orders."""
    office.policy = idle()
    office.world.positions = {n: replace(p, average_cost=p.price) for n, p in office.world.positions.items()}
    office.world.set_session(accounts=(A, B))
    for account in (A, B):
        assert (await run_daily(office.desk(), RunRequest(account))).status is RunStatus.DONE
    return office


def own(ledger: SqlLedger, account: str) -> KillLevel:
    return ledger.level(account + WORLD).level


def put(
    ledger: SqlLedger,
    level: KillLevel,
    account: str | None = None,
    configured: tuple[str, ...] = (),
    everywhere: bool = False,
) -> dict[str, Any]:
    return set_level(ledger, level, "looked", "owner", AT, Whose(account, configured, everywhere))


async def test_an_account_that_went_reducing_is_lifted_by_its_name_whoever_ran_later(
    office: Office, ledger: SqlLedger
) -> None:
    ledger.tighten(A + WORLD, KillLevel.REDUCING, "daily_loss is 6 %", AT)
    told = put(ledger, KillLevel.ACTIVE, account=A)
    assert (told["account"], told["level"], own(ledger, A)) == ("DU…567", "ACTIVE", KillLevel.ACTIVE)


@pytest.mark.parametrize("level", [KillLevel.ACTIVE, KillLevel.REDUCING])
def test_of_several_accounts_one_must_be_named_and_the_choices_are_told(
    office: Office, ledger: SqlLedger, level: KillLevel
) -> None:
    ledger.tighten(A + WORLD, KillLevel.REDUCING, "daily_loss is 6 %", AT)
    with pytest.raises(UsageError, match="several accounts") as caught:
        put(ledger, level)
    assert caught.value.remedy is not None
    assert caught.value.remedy.endswith(f"{B}, {A}")
    assert (own(ledger, A), own(ledger, B)) == (KillLevel.REDUCING, KillLevel.ACTIVE)


def test_the_setting_names_the_account_where_nobody_does(office: Office, ledger: SqlLedger) -> None:
    assert put(ledger, KillLevel.REDUCING, configured=(A,))["account"] == "DU…567"
    assert (own(ledger, A), own(ledger, B)) == (KillLevel.REDUCING, KillLevel.ACTIVE)
    with pytest.raises(UsageError, match="several accounts"):
        put(ledger, KillLevel.ACTIVE, configured=(A, B))
    with pytest.raises(UsageError, match="not on record"):
        put(ledger, KillLevel.ACTIVE, configured=(STRANGER,))
    assert own(ledger, A) is KillLevel.REDUCING


def test_a_halt_that_names_nobody_halts_everybody_and_says_so(office: Office, ledger: SqlLedger) -> None:
    told = put(ledger, KillLevel.HALTED, configured=(A,))
    assert (told["account"], [row["level"] for row in told["accounts"]]) == ("all", ["HALTED", "HALTED"])
    assert ledger.level("an account that has not run yet").level is KillLevel.HALTED


def test_a_halt_of_one_account_leaves_the_other(office: Office, ledger: SqlLedger) -> None:
    assert put(ledger, KillLevel.HALTED, account=A)["account"] == "DU…567"
    assert (own(ledger, A), own(ledger, B)) == (KillLevel.HALTED, KillLevel.ACTIVE)


def test_a_level_of_all_accounts_is_told_where_it_outlasts_what_was_asked_for(
    office: Office, ledger: SqlLedger
) -> None:
    put(ledger, KillLevel.HALTED)
    told = put(ledger, KillLevel.ACTIVE, account=A)
    assert (told["level"], own(ledger, A)) == ("HALTED", KillLevel.HALTED)
    assert "--all" in told["note"]
    ledger.tighten(B + WORLD, KillLevel.HALTED, "a stranger's order", AT)
    assert put(ledger, KillLevel.ACTIVE, everywhere=True)["level"] == "ACTIVE"
    assert (own(ledger, A), own(ledger, B)) == (KillLevel.ACTIVE, KillLevel.ACTIVE)


def test_one_and_all_at_once_are_a_contradiction(office: Office, ledger: SqlLedger) -> None:
    with pytest.raises(UsageError, match="at once"):
        put(ledger, KillLevel.ACTIVE, account=A, everywhere=True)


def test_the_level_shows_each_account_and_the_strictest_first(office: Office, ledger: SqlLedger) -> None:
    assert (level_of(ledger)["level"], level_of(ledger)["account"]) == ("ACTIVE", "all")
    put(ledger, KillLevel.REDUCING, account=A)
    told = level_of(ledger)
    assert (told["level"], told["account"]) == ("REDUCING", "DU…567")
    assert {row["account"]: row["level"] for row in told["accounts"]} == {"DU…567": "REDUCING", "DU…321": "ACTIVE"}
    assert level_of(ledger, Whose(B))["level"] == "ACTIVE"


@pytest.mark.parametrize("account", [STRANGER, "du1234567", "DU1234567 ", "DU…567", A + WORLD])
def test_an_account_that_is_not_on_record_is_refused_and_those_that_are_are_told(
    office: Office, ledger: SqlLedger, account: str
) -> None:
    for level in KillLevel:
        with pytest.raises(UsageError, match="not on record") as caught:
            put(ledger, level, account=account)
        assert caught.value.remedy is not None
        assert A in caught.value.remedy
    with pytest.raises(UsageError, match="not on record"):
        level_of(ledger, Whose(account))
    assert (own(ledger, A), own(ledger, B)) == (KillLevel.ACTIVE, KillLevel.ACTIVE)


@pytest.mark.parametrize("blank", BLANKS)
async def test_a_blank_account_is_nobody_and_not_everybody(office: Office, ledger: SqlLedger, blank: str) -> None:
    office.account = A
    posts = office.broker.posts.total()
    for level in KillLevel:
        with pytest.raises(UsageError, match="blank"):
            put(ledger, level, account=blank, configured=(A,))
    with pytest.raises(UsageError, match="blank"):
        await run_daily(office.desk(), RunRequest(blank, slot="extra"))
    with pytest.raises(UsageError, match="blank"):
        await exit_position(office.desk(), "KO", "owner", blank)
    with pytest.raises(UsageError, match="blank"):
        await reconcile_now(office.desk(), blank)
    assert office.broker.posts.total() == posts
    assert own(ledger, A) is KillLevel.ACTIVE


async def test_a_deposit_is_booked_on_the_account_that_shows_it(office: Office, ledger: SqlLedger) -> None:
    office.world.next_day(TODAY + timedelta(days=1))
    office.world.cash += 20_000
    await run_daily(office.desk(), RunRequest(A))
    office.world.cash -= 20_000
    await run_daily(office.desk(), RunRequest(B))

    def say(account: str | None) -> dict[str, Any]:
        return explain_flow(ledger, FlowStatement(Decimal(20_000), "my bank", "owner", None, Whose(account)), AT)

    with pytest.raises(UsageError, match="several accounts"):
        say(None)
    with pytest.raises(UsageError, match="explains nothing"):
        say(B)
    assert say(A)["account"] == "DU…567"
    assert (len(ledger.flows(A + WORLD)), ledger.flows(B + WORLD)) == (1, ())


def test_a_release_is_of_the_account_whose_name_is_in_quarantine(office: Office, ledger: SqlLedger) -> None:
    ledger.quarantine(A + WORLD, Quarantine(7, "KO", "a split", TODAY), AT)
    with pytest.raises(UsageError, match="several accounts"):
        release(ledger, Release("KO", "looked", "owner"), AT)
    with pytest.raises(UsageError, match="not in quarantine in account DU…321"):
        release(ledger, Release("KO", "looked", "owner", Whose(B)), AT)
    assert release(ledger, Release("ko", "looked", "owner", Whose(A)), AT)["account"] == "DU…567"
    assert ledger.quarantined(A + WORLD) == ()


async def test_an_approval_names_the_account_of_its_run(office: Office, ledger: SqlLedger) -> None:
    office.world.next_day(TODAY + timedelta(days=1))
    office.policy = policy({"mode": Mode.APPROVE, "scope": ApprovalScope.ALL})
    office.world.positions[conid("AAPL")] = replace(office.world.positions[conid("AAPL")], average_cost=Decimal(130))
    waiting = await run_daily(office.desk(), RunRequest(A, slot="afternoon"))
    for account in (None, B, STRANGER, ""):
        with pytest.raises(UsageError):
            await approve(office.desk(), waiting.run_id, "owner", account=account)
        with pytest.raises(UsageError):
            await reject(office.desk(), waiting.run_id, "owner", "no", account=account)
    record = ledger.run(waiting.run_id)
    assert record is not None
    assert record.status is RunStatus.AWAITING_APPROVAL
    assert (await approve(office.desk(), waiting.run_id, "owner", account=A)).status is RunStatus.DONE


async def test_by_hand_one_of_several_accounts_is_named_even_where_the_settings_list_them(office: Office) -> None:
    office.account = A
    desk = replace(office.desk(), accounts=(A, B))
    with pytest.raises(UsageError, match="names 2 accounts") as caught:
        await exit_position(desk, "KO", "owner")
    assert caught.value.remedy is not None
    assert caught.value.remedy.endswith(f"{A}, {B}")
    with pytest.raises(UsageError, match="names 2 accounts"):
        await reconcile_now(desk)
    # A scheduled run goes by the first of the list, as ever.
    day = await run_daily(desk, RunRequest(slot="extra"))
    assert day.report is not None
    assert day.report["account"] == A
    sold = await exit_position(desk, "KO", "owner", B)
    assert sold.report is not None
    assert sold.report["account"] == B


async def test_without_a_name_the_choices_of_the_session_are_told_to_the_caller_and_to_no_log(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(UsageError) as caught:
            await run_daily(office.desk(), RunRequest(slot="extra"))
        with pytest.raises(UsageError) as previewed:
            await open_preview(office.desk(), "a page that nobody named an account on")
    assert caught.value.remedy is not None
    assert caught.value.remedy.endswith(f"{A}, {B}")
    assert A not in str(previewed.value)
    assert A not in caplog.text


async def test_halting_takes_back_the_open_buys_of_every_account(office: Office, ledger: SqlLedger) -> None:
    put(ledger, KillLevel.HALTED)
    told = await cancel_buys_after_halt(office.desk(), None)
    assert told.count("0 open buys were asked to be cancelled") == 2
    assert told.startswith("DU…567: ")
    assert (await cancel_buys_after_halt(office.desk(), B)).startswith("trading is halted")
    office.broker.unreachable = {"session_status"}
    assert (await cancel_buys_after_halt(office.desk(), None)).startswith("not cancelled: ")


async def test_an_account_that_only_waited_for_a_login_is_not_on_record(office: Office, ledger: SqlLedger) -> None:
    office.world.set_session(state=SessionState.LOGIN_REQUIRED, accounts=())
    with pytest.raises(NotReady):
        await run_daily(office.desk(), RunRequest(STRANGER))
    assert ledger.runs(1)[0].key.account == STRANGER
    with pytest.raises(UsageError, match="not on record"):
        put(ledger, KillLevel.ACTIVE, account=STRANGER)


async def test_a_misspelt_account_that_waited_for_a_login_holds_up_no_other(office: Office) -> None:
    office.world.next_day(TODAY + timedelta(days=1))
    ready = office.world.session
    office.world.set_session(state=SessionState.LOGIN_REQUIRED, accounts=())
    for account in (STRANGER, B):
        with pytest.raises(NotReady):
            await run_daily(office.desk(), RunRequest(account))
    office.world.set_session(state=ready.state, accounts=ready.accounts)
    desk = office.desk()
    (made,) = await catch_up(desk, await desk.broker.session())
    assert made.report is not None
    assert made.report["account"] == B


async def test_what_fails_for_one_account_is_raised_after_the_other_accounts_turn(
    office: Office, ledger: SqlLedger
) -> None:
    office.world.next_day(TODAY + timedelta(days=1))
    ready = office.world.session
    office.world.set_session(state=SessionState.LOGIN_REQUIRED, accounts=())
    for account in (A, B):
        with pytest.raises(NotReady):
            await run_daily(office.desk(), RunRequest(account))
    office.world.set_session(state=ready.state, accounts=ready.accounts)
    desk, tried = office.desk(), []

    async def fails_once(desk: Desk, run: Run) -> Executed:
        tried.append(run.key.account)
        if len(tried) == 1:
            raise BrokerUnavailable("no answer")
        return await perform_stages(desk, run)

    with pytest.raises(BrokerUnavailable):
        await catch_up(desk, await desk.broker.session(), fails_once)
    assert sorted(tried) == [A, B]


async def test_whose_day_waits_is_told_by_the_accounts_own_runs_and_not_by_the_newest(
    office: Office, ledger: SqlLedger
) -> None:
    office.world.set_session(simulation=None, paper=True)
    await run_daily(office.desk(), RunRequest(A, slot="extra"))
    office.world.set_session(simulation=Simulation(TODAY, 7, "synthetic", 0.1))
    await run_daily(office.desk(), RunRequest(B, slot="afternoon"))
    office.broker.unreachable = {"session_status"}
    held = len(ledger.runs(100))
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), RunRequest(A))
    assert ledger.runs(1)[0].key.book == A
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), RunRequest(B))
    assert len(ledger.runs(100)) == held + 1


async def test_a_level_of_one_account_is_lifted_in_each_of_its_simulated_worlds(
    office: Office, ledger: SqlLedger
) -> None:
    ledger.tighten(A + WORLD, KillLevel.REDUCING, "daily_loss is 6 %", AT)
    office.world.set_session(simulation=Simulation(TODAY, 8, "synthetic", 0.1))
    await run_daily(office.desk(), RunRequest(A))
    assert put(ledger, KillLevel.ACTIVE, account=A)["level"] == "ACTIVE"
    assert own(ledger, A) is KillLevel.ACTIVE


def test_runs_are_listed_by_account(office: Office, ledger: SqlLedger) -> None:
    assert {run.key.account for run in ledger.runs(20, None, A)} == {A}
    assert [book.account for book in ledger.books()] == [B, A]


@pytest.mark.parametrize("words", ["", " ", "x" * 501, "a\0b", "\udcff"])
@pytest.mark.parametrize("what", ["reason", "actor"])
async def test_reasons_and_names_are_text(office: Office, ledger: SqlLedger, what: str, words: str) -> None:
    said = {"reason": "looked", "actor": "owner", what: words}
    ask: tuple[Callable[[], object], ...] = (
        lambda: set_level(ledger, KillLevel.ACTIVE, said["reason"], said["actor"], AT, Whose(A)),
        lambda: release(ledger, Release("KO", said["reason"], said["actor"], Whose(A)), AT),
    )
    for each in ask:
        with pytest.raises(UsageError, match=f"the {what} is"):
            each()
    with pytest.raises(UsageError, match=f"the {what} is"):
        await reject(office.desk(), "run_none", said["actor"], said["reason"])
    if what == "actor":
        with pytest.raises(UsageError, match="the actor is"):
            await approve(office.desk(), "run_none", words)
        with pytest.raises(UsageError, match="the actor is"):
            await exit_position(office.desk(), "KO", words, A)
