"""What a person says of money from outside is believed as far as the account shows it, and never sells anything."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.desk.controls.cash_flow import FlowStatement, explain_flow
from app.desk.records import Flow
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.errors import LedgerError, UsageError
from app.domain.flows import amount_of, day_of
from app.domain.navs import NavKind, NavPoint
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.support.world import ACCOUNT, TODAY, steady
from tests.unit.desk.test_nav_history import idle
from tests.unit.ledger.builders import execute, rows

pytestmark = pytest.mark.slow

BOOK = f"{ACCOUNT}@sim:{TODAY}:7:synthetic"
SECOND = TODAY + timedelta(days=1)
DEPOSIT = Decimal(20_000)
DAY, DRY = RunRequest(), RunRequest(dry_run=True)


def say(ledger: SqlLedger, amount: str | Decimal, day: date | None = None, note: str = "my bank") -> dict[str, Any]:
    return explain_flow(ledger, FlowStatement(Decimal(amount), note, "owner", day), datetime.now(UTC))


async def ran(office: Office, request: RunRequest = DAY) -> Mapping[str, Any]:
    result = await run_daily(office.desk(), request)
    assert result.report is not None
    return result.report


def measured(report: Mapping[str, Any]) -> dict[str, Any]:
    return {metric["name"]: metric["value"] for metric in report["evaluation"]["metrics"]}


@pytest.fixture
async def deposited(office: Office) -> Office:
    """A first day without anything to do, its close, and a deposit that the second day's run cannot explain."""
    office.policy = idle()
    office.world.positions = {n: replace(p, average_cost=p.price) for n, p in office.world.positions.items()}
    await ran(office)
    office.world.set_session(now=datetime(2022, 3, 14, 20, 30, tzinfo=UTC))
    await ran(office, RunRequest(slot="close"))
    office.world.next_day(SECOND)
    office.world.cash += DEPOSIT
    assert (await ran(office))["continuity"]["unexplained_flow"] == "20000.00"
    return office


async def quiet(office: Office) -> Mapping[str, Any]:
    """One more run of the day, which sells nothing."""
    report = await ran(office, RunRequest(slot="extra"))
    assert report["orders"] == []
    assert report["level"]["level"] == "ACTIVE"
    return report


@pytest.mark.parametrize("seen", [(), (DRY,)], ids=["nothing", "a preview"])
@pytest.mark.parametrize("amount", ["60000", "-60000", "0.01", "300000"])
async def test_before_the_first_sealed_report_nothing_can_be_explained(
    office: Office, ledger: SqlLedger, seen: tuple[RunRequest, ...], amount: str
) -> None:
    office.policy = idle()
    for request in seen:
        await ran(office, request)
    with pytest.raises(UsageError, match="no run"):
        say(ledger, amount)
    report = await ran(office)
    assert ledger.flows(BOOK) == ()
    assert measured(report)["drawdown"] == 0
    assert report["level"]["level"] == "ACTIVE"


async def test_a_statement_that_an_earlier_version_took_before_the_first_report_is_unexplained_and_sells_nothing(
    office: Office, ledger: SqlLedger
) -> None:
    office.policy = idle()
    office.world.positions = {n: replace(p, average_cost=p.price) for n, p in office.world.positions.items()}
    ledger.add_flow(BOOK, Flow(TODAY, Decimal(60_000), "paid in last week", "owner"), office.world.now())
    report = await ran(office)
    assert (report["orders"], report["level"]["level"]) == ([], "ACTIVE")
    assert report["continuity"]["unexplained_flow"] == "-60000"
    assert measured(report)["drawdown"] is measured(report)["daily_loss"] is None
    assert say(ledger, "-60000")["unexplained"] == "0.00"
    again = await quiet(office)
    assert measured(again)["drawdown"] == 0


async def test_what_no_account_can_have_seen_stays_in_the_trail_of_an_earlier_version_alone(
    office: Office, ledger: SqlLedger, ledger_url: str
) -> None:
    office.policy = idle()
    await ran(office)
    ledger.add_flow(BOOK, Flow(TODAY, Decimal(5), "a gift", "owner"), office.world.now())
    huge = f"1{'0' * 400}"
    execute(ledger_url, f"UPDATE flows SET amount = '{huge}'")  # noqa: S608 (of this file)
    assert ledger.flows(BOOK) == ()
    assert rows(ledger_url, "SELECT amount FROM flows") == [(huge,)]
    assert (await quiet(office))["continuity"]["unexplained_flow"] == "0"


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("-20000", "not what the account shows"),
        ("-0.01", "not what the account shows"),
        ("20900", "not what the account shows"),
        ("40000", "not what the account shows"),
        ("270000", "not what the account shows"),
        ("999999999999.99", "not what the account shows"),
        ("1e12", "beyond every account"),
        ("1e400", "beyond every account"),
        ("-1e400", "beyond every account"),
        ("1e-400", "two decimals"),
        ("0.001", "two decimals"),
        ("20000.0000000000000000000000000001", "two decimals"),
        ("0", "paid in or out"),
        ("-0", "paid in or out"),
        ("NaN", "paid in or out"),
        ("Infinity", "paid in or out"),
    ],
)
async def test_an_amount_that_the_account_does_not_show_is_refused_and_nothing_is_sold(
    deposited: Office, ledger: SqlLedger, amount: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        say(ledger, amount)
    assert caught.value.remedy
    assert ledger.flows(BOOK) == ()
    report = await quiet(deposited)
    assert measured(report)["drawdown"] is measured(report)["daily_loss"] is None


async def test_a_refusal_says_the_numbers(deposited: Office, ledger: SqlLedger) -> None:
    with pytest.raises(UsageError) as caught:
        say(ledger, "60000")
    assert caught.value.cause == (
        "60,000.00 is not what the account shows: 20,000.00 USD from outside is unexplained, give or take 810.00, "
        "with a net asset value of 270,000.00 and 66,000.00 in cash"
    )


@pytest.mark.parametrize("amount", ["20000", "20000.00", "19500", "20500"])
async def test_what_fits_is_believed_and_the_next_run_counts_it_as_neither_gain_nor_loss(
    deposited: Office, ledger: SqlLedger, amount: str
) -> None:
    told = say(ledger, amount)
    assert (told["account"], told["session_date"]) == ("DU…567", SECOND.isoformat())
    report = await quiet(deposited)
    assert report["continuity"]["unexplained_flow"] == "0"
    assert measured(report)["daily_loss"] == pytest.approx(0, abs=0.003)
    assert ledger.navs(BOOK)[-1].index == pytest.approx(1, abs=0.003)


async def test_the_same_is_said_once(deposited: Office, ledger: SqlLedger) -> None:
    say(ledger, DEPOSIT)
    with pytest.raises(UsageError, match="explains nothing"):
        say(ledger, DEPOSIT)
    await quiet(deposited)
    with pytest.raises(UsageError, match="explains nothing"):
        say(ledger, DEPOSIT)
    assert len(ledger.flows(BOOK)) == 1


async def test_a_part_leaves_the_rest_unexplained_and_the_rest_may_follow(deposited: Office, ledger: SqlLedger) -> None:
    assert say(ledger, "15000")["unexplained"] == "5000.00"
    report = await quiet(deposited)
    assert measured(report)["drawdown"] is None
    say(ledger, "5000")
    assert measured(await ran(deposited, RunRequest(slot="afternoon")))["drawdown"] == 0


@pytest.mark.parametrize(
    "day",
    [
        date(1, 1, 1),
        date(9999, 12, 31),
        date(1979, 12, 31),
        date(2022, 3, 11),
        TODAY,
        date(2022, 3, 16),
        date(2022, 3, 12),
    ],
)
async def test_a_day_whose_report_does_not_show_the_money_is_refused(
    deposited: Office, ledger: SqlLedger, day: date
) -> None:
    with pytest.raises(UsageError):
        say(ledger, DEPOSIT, day)
    assert ledger.flows(BOOK) == ()
    assert say(ledger, DEPOSIT, SECOND)["session_date"] == SECOND.isoformat()


async def test_every_day_that_showed_it_may_be_named_and_counts_the_same(deposited: Office, ledger: SqlLedger) -> None:
    third = SECOND + timedelta(days=1)
    deposited.world.next_day(third)
    deposited.world.performance = (*steady(SECOND), (SECOND, Decimal(270_000)))
    assert (await ran(deposited))["continuity"]["unexplained_flow"] == "20000.00"
    say(ledger, DEPOSIT, SECOND)
    report = await quiet(deposited)
    assert (measured(report)["drawdown"], measured(report)["daily_loss"]) == (0, 0)
    assert ledger.navs(BOOK)[-1].index == 1


async def test_a_close_that_holds_the_money_before_a_run_saw_it_makes_neither_gain_nor_loss(
    office: Office, ledger: SqlLedger
) -> None:
    office.policy = idle()
    office.world.positions = {n: replace(p, average_cost=p.price) for n, p in office.world.positions.items()}
    await ran(office)
    # Paid in on the first day's afternoon: the broker's close of that day holds it, the second day's run sees it.
    office.world.next_day(SECOND)
    office.world.cash += DEPOSIT
    office.world.performance = (*steady(TODAY), (TODAY, Decimal(270_000)))
    await ran(office)
    say(ledger, DEPOSIT)
    report = await quiet(office)
    assert measured(report)["drawdown"] == 0
    assert measured(report)["daily_loss"] in {0, None}
    assert {point.index for point in ledger.navs(BOOK)} == {1}


@pytest.mark.parametrize("note", ["", "  ", "x" * 501, "a\0b", "\ud800"])
async def test_a_note_is_text(deposited: Office, ledger: SqlLedger, note: str) -> None:
    with pytest.raises(UsageError, match="the note is"):
        say(ledger, DEPOSIT, note=note)


@pytest.mark.parametrize("amount", ["5000", "-250.10", "+1", "0.01", "6e4"])
def test_an_amount_is_read_as_it_is_written(amount: str) -> None:
    assert amount_of(amount) == Decimal(amount)
    assert amount_of(Decimal(amount)) == Decimal(amount)


@pytest.mark.parametrize(
    "written",
    ["", " 5", "5 ", "5_000", "5,000", "５０００", "five", "NaN", "inf", "--5", "0x10", True, None, "1e9999", "5\n"],
)
def test_what_somebody_else_might_read_otherwise_is_no_amount(written: object) -> None:
    with pytest.raises(UsageError, match="is not an amount"):
        amount_of(written)


@pytest.mark.parametrize(
    "written", ["20220315", "2022-W11-2", "2022-3-15", "2022-02-30", "yesterday", 1647302400, "2022-03-15T00:00:00", ""]
)
def test_a_day_is_written_in_one_way(written: object) -> None:
    with pytest.raises(UsageError, match="is not a day"):
        day_of(written)


@pytest.mark.parametrize(
    "flow",
    [
        Flow(TODAY, Decimal("1e400"), "n", "a"),
        Flow(TODAY, Decimal("0.001"), "n", "a"),
        Flow(date(1, 1, 1), Decimal(1), "n", "a"),
        Flow(date(9999, 12, 31), Decimal(1), "n", "a"),
    ],
)
def test_the_ledger_takes_no_flow_that_no_account_can_have_seen(ledger: SqlLedger, flow: Flow) -> None:
    with pytest.raises(LedgerError):
        ledger.add_flow(BOOK, flow, datetime.now(UTC))
    assert ledger.flows(BOOK) == ()


@pytest.mark.parametrize("cash", [Decimal(-204_000), Decimal(-900_000)], ids=["nothing left", "less than nothing"])
async def test_a_value_that_is_not_positive_is_refused_before_anything_is_sent(
    office: Office, ledger: SqlLedger, cash: Decimal
) -> None:
    office.world.cash = cash
    with pytest.raises(LedgerError, match="no return can be told from the account's value of 2022-03-14"):
        await run_daily(office.desk(), RunRequest())
    assert office.broker.posts.total() == 0
    assert [run.status for run in ledger.runs()] == ["failed"]


@pytest.mark.parametrize("index", [-0.2, 0.0])
async def test_an_index_on_record_that_is_not_positive_is_refused_before_anything_is_sent(
    office: Office, ledger: SqlLedger, ledger_url: str, index: float
) -> None:
    ledger.add_navs(BOOK, [NavPoint(date(2022, 3, 11), NavKind.CLOSE, Decimal(250_000), 1.0, 1.0)])
    execute(ledger_url, f"UPDATE navs SET idx = {index}")  # noqa: S608 (of this file)
    with pytest.raises(LedgerError, match="2022-03-11: 250000 with index"):
        await run_daily(office.desk(), RunRequest())
    assert office.broker.posts.total() == 0
