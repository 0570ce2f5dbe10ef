"""The daily run on a real ledger: one a day, told truly, and nothing left behind where it could not work."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.desk.records import Busy, Claim, Flow, RunKey, RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.errors import BrokerUnavailable, LedgerError, NotReady, PolicyError, UsageError
from app.domain.navs import NavKind
from app.domain.order import Side
from app.domain.session import SessionState
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.support.world import ACCOUNT, TODAY, weekdays_before
from tests.unit.ledger.builders import ManualTime, rows

DAY = RunRequest()
BOOK = f"{ACCOUNT}@sim:{TODAY}:7:synthetic"
KEY = RunKey(BOOK, ACCOUNT, TODAY, "daily")


async def test_a_day_is_read_measured_decided_traded_and_sealed(office: Office, ledger: SqlLedger) -> None:
    told: list[str] = []
    result = await run_daily(office.desk(), DAY, progress=told.append)
    assert result.fresh
    assert result.status is RunStatus.DONE
    assert office.broker.sent_symbols() == [("AAPL", Side.SELL), ("MSFT", Side.SELL)]
    assert result.report is not None
    assert [order["state"] for order in result.report["orders"]] == ["FILLED", "FILLED"]
    assert told[-1] == "run done"
    record = ledger.run(result.run_id)
    assert record is not None
    assert record.report == result.report
    assert ledger.verify().ok


async def test_a_second_call_gets_the_first_ones_report_and_sends_nothing(office: Office) -> None:
    first = await run_daily(office.desk(), DAY)
    second = await run_daily(office.desk("two"), DAY)
    assert not second.fresh
    assert (second.run_id, second.status, second.report) == (first.run_id, first.status, first.report)
    assert office.broker.posts.total() == 2


async def test_a_leased_run_answers_that_it_is_in_progress(office: Office, ledger: SqlLedger) -> None:
    claim = ledger.claim(KEY, "somebody", "hash", office.world.now())
    assert isinstance(claim, Claim)
    second = await run_daily(office.desk(), DAY)
    assert (second.run_id, second.status, second.report) == (claim.run_id, RunStatus.RUNNING, None)


async def test_a_dry_run_leaves_the_day_free_and_writes_no_value_and_no_intent(
    office: Office, ledger: SqlLedger, ledger_url: str
) -> None:
    dry = await run_daily(office.desk(), RunRequest(dry_run=True))
    assert dry.status is RunStatus.DRY_RUN
    assert dry.report is not None
    assert dry.report["mode"] == "preview"
    assert dry.report["mode_reason"] == "the request asks for a dry run"
    assert {order["state"] for order in dry.report["orders"]} == {"PREVIEWED"}
    assert all(order["what_if"]["commission"] == "1" for order in dry.report["orders"])
    assert office.broker.posts.total() == 0
    assert ledger.navs(BOOK) == ()
    assert rows(ledger_url, "SELECT * FROM intents") == []

    again = await run_daily(office.desk(), RunRequest(dry_run=True))
    assert again.run_id != dry.run_id
    real = await run_daily(office.desk(), DAY)
    assert real.fresh
    assert real.status is RunStatus.DONE
    assert office.broker.posts.total() == 2


async def test_an_account_that_the_session_does_not_have_is_refused_before_anything_is_written(
    office: Office, ledger: SqlLedger
) -> None:
    office.world.set_session(accounts=(ACCOUNT, "DU7654321"))
    with pytest.raises(UsageError, match=r"account DU…999 is not one of this session's") as caught:
        await run_daily(office.desk(), RunRequest(account="DU9999999"))
    assert caught.value.remedy is not None
    assert caught.value.remedy.startswith("The session's: DU…567, DU…321. Name one whole")
    for way in ("--account", "`account` over HTTP", "IBKR_ACCOUNT_ID"):
        assert way in caught.value.remedy
    assert ledger.runs() == ()


async def test_one_of_several_accounts_must_be_named(office: Office, ledger: SqlLedger) -> None:
    office.world.set_session(accounts=(ACCOUNT, "DU7654321"))
    with pytest.raises(UsageError, match="the session has 2 accounts"):
        await run_daily(office.desk(), DAY)
    assert ledger.runs() == ()
    assert (await run_daily(office.desk(), RunRequest(account=ACCOUNT))).status is RunStatus.DONE


@pytest.mark.parametrize("slot", ["", "Daily", "daily|run", "../daily", "a" * 33, "daily\n"])
async def test_a_slot_must_be_a_name(office: Office, slot: str) -> None:
    with pytest.raises(UsageError, match="there is no slot"):
        await run_daily(office.desk(), RunRequest(slot=slot))


async def test_a_day_on_which_the_exchange_is_closed_is_skipped_and_stays_free(
    office: Office, ledger: SqlLedger
) -> None:
    office.calendar.closed.add(TODAY)
    skipped = await run_daily(office.desk(), DAY)
    assert skipped.status is RunStatus.SKIPPED
    assert skipped.report is not None
    assert skipped.report["note"] == f"the exchange is closed on {TODAY}"
    assert skipped.report["portfolio"] is None
    assert ledger.navs(BOOK) == ()
    office.calendar.closed.clear()
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE


async def test_a_session_that_is_not_ready_is_on_record_where_the_account_is_known(
    office: Office, ledger: SqlLedger
) -> None:
    office.account = ACCOUNT
    office.world.set_session(state=SessionState.LOGIN_REQUIRED, accounts=(), message="log in", remedy="Log in")
    with pytest.raises(NotReady, match="LOGIN_REQUIRED: log in") as caught:
        await run_daily(office.desk(), DAY)
    assert caught.value.state == "LOGIN_REQUIRED"
    assert caught.value.remedy == "Log in"
    (record,) = ledger.runs()
    assert record.status is RunStatus.NOT_READY
    assert record.error == str(caught.value)
    office.world.set_session(state=SessionState.READY, accounts=(ACCOUNT,))
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE


async def test_a_session_that_is_not_ready_has_nothing_to_record_without_an_account(
    office: Office, ledger: SqlLedger
) -> None:
    office.world.set_session(state=SessionState.DOWN, accounts=())
    with pytest.raises(NotReady):
        await run_daily(office.desk(), DAY)
    assert ledger.runs() == ()


async def test_a_policy_in_another_currency_stops_the_run_and_frees_the_day(office: Office, ledger: SqlLedger) -> None:
    office.world.currency = "EUR"
    with pytest.raises(PolicyError, match="the policy is in USD, the account's base currency is EUR"):
        await run_daily(office.desk(), DAY)
    (record,) = ledger.runs()
    assert record.status is RunStatus.FAILED
    assert "base currency is EUR" in (record.error or "")
    office.world.currency = "USD"
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE


async def test_a_broker_that_stops_answering_fails_the_run_and_frees_the_day(office: Office, ledger: SqlLedger) -> None:
    office.broker.unreachable = {"portfolio"}
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), DAY)
    (record,) = ledger.runs()
    assert record.status is RunStatus.FAILED
    assert record.report is None
    office.broker.unreachable = set()
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE


async def test_the_first_days_history_comes_from_the_brokers_own_record(office: Office, ledger: SqlLedger) -> None:
    days = weekdays_before(TODAY, 3)
    office.world.performance = tuple(zip(days, (Decimal(200_000), Decimal(300_000), Decimal(270_000)), strict=True))
    result = await run_daily(office.desk(), DAY)
    navs = ledger.navs(BOOK)
    assert [point.kind for point in navs] == [NavKind.BROKER] * 3 + [NavKind.RUN]
    assert [point.session_date for point in navs] == [*days, TODAY]
    assert navs[-1].nav == Decimal(250_000)
    assert navs[-1].peak == pytest.approx(1.5)
    assert navs[-1].drawdown == pytest.approx(1 / 6)
    assert result.report is not None
    assert result.report["evaluation"]["drawdown"] == pytest.approx(1 / 6)


async def test_a_young_account_counts_drawdown_and_daily_loss_from_its_first_day(office: Office) -> None:
    office.world.performance = ()
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    measured = {metric["name"]: metric["value"] for metric in result.report["evaluation"]["metrics"]}
    assert (result.report["evaluation"]["drawdown"], measured["daily_loss"]) == (0.0, 0.0)
    assert [o for plan in result.report["plans"] for o in plan["orders"] if o["side"] == "BUY"]

    tomorrow = TODAY + timedelta(days=1)
    office.world.next_day(tomorrow)
    office.world.positions = {n: replace(p, price=Decimal(70)) for n, p in office.world.positions.items()}
    later = await run_daily(office.desk(), DAY)
    assert later.report is not None
    assert later.report["evaluation"]["drawdown"] == pytest.approx(0.2, abs=0.02)


async def test_the_next_day_follows_the_running_peak(office: Office, ledger: SqlLedger) -> None:
    await run_daily(office.desk(), DAY)
    tomorrow = TODAY + timedelta(days=1)
    office.world.next_day(tomorrow)
    fallen = {number: replace(p, price=Decimal(70)) for number, p in office.world.positions.items()}
    office.world.positions = fallen
    result = await run_daily(office.desk(), DAY)
    newest = ledger.navs(BOOK)[-1]
    assert newest.session_date == tomorrow
    assert newest.peak == 1.0
    assert newest.drawdown == pytest.approx(0.2, abs=0.02)
    assert result.report is not None
    assert result.report["evaluation"]["drawdown"] == pytest.approx(newest.drawdown)


async def test_money_that_left_is_unexplained_until_a_person_says_what_it_was(
    office: Office, ledger: SqlLedger
) -> None:
    await run_daily(office.desk(), DAY)
    tomorrow = TODAY + timedelta(days=1)
    office.world.next_day(tomorrow)
    office.world.cash -= 50_000
    doubtful = await run_daily(office.desk(), DAY)
    assert doubtful.report is not None
    assert doubtful.report["continuity"]["unexplained_flow"] == "-50000.00"
    assert doubtful.report["evaluation"]["drawdown"] is None
    assert "portfolio flow add" in doubtful.report["note"]
    assert ledger.navs(BOOK)[-1].session_date == TODAY

    ledger.add_flow(BOOK, Flow(tomorrow, Decimal(-50_000), "a withdrawal", "owner"), office.world.now())
    clear = await run_daily(office.desk(), RunRequest(slot="afternoon"))
    assert clear.report is not None
    assert clear.report["continuity"]["unexplained_flow"] == "0"
    assert clear.report["evaluation"]["drawdown"] == pytest.approx(0, abs=0.001)
    assert ledger.navs(BOOK)[-1].index == pytest.approx(1, abs=0.001)


async def test_a_name_sold_at_a_loss_yesterday_is_remembered_from_the_ledger(office: Office) -> None:
    await run_daily(office.desk(), DAY)
    office.world.next_day(TODAY + timedelta(days=1))
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    bought = {o["symbol"] for plan in result.report["plans"] for o in plan["orders"] if o["side"] == "BUY"}
    assert not bought & {"AAPL", "MSFT"}


async def test_time_does_not_run_backwards_in_one_account(office: Office, ledger: SqlLedger) -> None:
    await run_daily(office.desk(), DAY)
    before = ledger.navs(BOOK)
    office.world.next_day(date(2022, 3, 11))
    with pytest.raises(LedgerError, match=r"for 2022-03-14, after 2022-03-11.* another state directory"):
        await run_daily(office.desk(), DAY)
    assert ledger.navs(BOOK) == before


async def test_an_order_under_our_name_that_nobody_recorded_halts_the_day(office: Office, ledger: SqlLedger) -> None:
    office.broker.appear("PM0123456789abcdef0123", "KO", Side.BUY, Decimal(5))
    result = await run_daily(office.desk(), DAY)
    assert result.status is RunStatus.HALTED
    assert result.report is not None
    assert "PM0123456789abcdef0123" in result.report["note"]
    assert office.broker.posts.total() == 0
    assert ledger.navs(BOOK) == ()
    again = await run_daily(office.desk(), DAY)
    assert (again.run_id, again.status) == (result.run_id, RunStatus.HALTED)


async def test_other_peoples_orders_are_external_and_no_reason_to_halt(office: Office) -> None:
    office.broker.appear("by-hand-1", "KO", Side.BUY, Decimal(5))
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE


async def test_a_name_without_a_quote_is_untradable_and_the_rest_trades(office: Office) -> None:
    office.world.missing_quotes["MSFT"] = "no market data subscription"
    office.market_data.without_history.add("WMT")
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    assert set(result.report["market"]["untradable"]) == {"MSFT", "WMT"}
    assert ("MSFT", Side.SELL) not in office.broker.sent_symbols()
    assert ("AAPL", Side.SELL) in office.broker.sent_symbols()


async def test_a_lapsed_claim_is_taken_over_by_another_process(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    held = ledger.claim(KEY, "crashed", "hash", office.world.now())
    assert isinstance(held, Claim)
    assert isinstance(ledger.claim(KEY, "late", "hash", office.world.now()), Busy)
    lease_time.advance(121)
    result = await run_daily(office.desk(), DAY)
    assert (result.run_id, result.status) == (held.run_id, RunStatus.DONE)
