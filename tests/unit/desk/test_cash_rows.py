"""What the broker's rows say of the account's cash goes on record by itself, each once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.desk.controls.cash_flow import FlowStatement, explain_flow
from app.desk.controls.flow_plan import Announcement, cancel_plan, list_flows, plan_flow
from app.desk.controls.statement import Statement, import_statement
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.what_if import what_if
from app.domain.cash import CashKind, CashRow, CashSource
from app.domain.errors import UsageError
from app.domain.navs import NavKind
from app.domain.order import Side
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.support.world import ACCOUNT, TODAY
from tests.unit.desk.test_nav_history import idle

pytestmark = pytest.mark.slow

BOOK = f"{ACCOUNT}@sim:{TODAY}:7:synthetic"
SECOND, THIRD = TODAY + timedelta(days=1), TODAY + timedelta(days=2)
DEPOSIT = Decimal(20_000)
DAY = RunRequest()


def row(kind: CashKind, amount: Decimal | str, day: date = SECOND, **more: Any) -> CashRow:  # noqa: ANN401 - fields
    return CashRow(more.pop("id", f"{kind}-{day}-{amount}"), day, kind, Decimal(amount), "USD", **more)


async def ran(office: Office, request: RunRequest = DAY) -> Mapping[str, Any]:
    result = await run_daily(office.desk(), request)
    assert result.report is not None
    return result.report


async def closed(office: Office, on: date) -> None:
    office.world.set_session(now=datetime(on.year, on.month, on.day, 20, 30, tzinfo=UTC))
    await ran(office, RunRequest(slot="close"))


def told(office: Office, *rows: CashRow, paid: Decimal | None = None) -> None:
    """The account's cash moved by what the rows say, or by `paid`."""
    office.world.cash_rows += rows
    office.world.cash += sum((one.amount for one in rows), Decimal(0)) if paid is None else paid


def unexplained(report: Mapping[str, Any]) -> Decimal:
    return Decimal(report["continuity"]["unexplained_flow"])


def closing(ledger: SqlLedger) -> float:
    return next(point.index for point in reversed(ledger.navs(BOOK)) if point.kind is NavKind.CLOSE)


@pytest.fixture
async def second(office: Office) -> Office:
    """The morning of the second day, after a first one without anything to do."""
    office.policy = idle()
    office.world.positions = {n: replace(p, average_cost=p.price) for n, p in office.world.positions.items()}
    await ran(office)
    await closed(office, TODAY)
    office.world.next_day(SECOND)
    return office


async def test_a_deposit_is_a_flow_by_itself_and_income_is_a_return(second: Office, ledger: SqlLedger) -> None:
    nav, before = second.world.nav, closing(ledger)
    told(second, row(CashKind.DEPOSIT, DEPOSIT), row(CashKind.DIVIDEND, "900"), row(CashKind.FEE, "-40.5"))
    report = await ran(second)
    assert unexplained(report) == 0
    assert report["continuity"]["recorded_income"] == "859.50"
    assert {one["kind"]: Decimal(one["amount"]) for one in report["continuity"]["rows"]} == {
        "deposit": DEPOSIT,
        "dividend": 900,
        "fee": Decimal("-40.5"),
    }
    await closed(second, SECOND)
    assert closing(ledger) / before == pytest.approx(1 + 859.5 / float(nav), rel=1e-12)
    (flow,) = ledger.flows(BOOK)
    assert (flow.amount, flow.actor, flow.session_date) == (DEPOSIT, "broker", SECOND)
    assert flow.external_id == second.world.cash_rows[0].id
    assert [each.kind for each in ledger.income(BOOK)] == [CashKind.DIVIDEND, CashKind.FEE]
    assert ledger.verify().problems == ()


async def test_rows_that_are_told_again_and_twice_count_once(second: Office, ledger: SqlLedger) -> None:
    told(second, row(CashKind.DEPOSIT, DEPOSIT))
    second.world.cash_rows *= 2
    await ran(second)
    await ran(second, RunRequest(slot="extra"))
    second.world.next_day(THIRD)
    report = await ran(second)
    assert unexplained(report) == 0
    assert report["continuity"]["rows"] == []
    assert len(ledger.flows(BOOK)) == 1


async def test_a_row_that_comes_days_late_takes_the_doubt_away(second: Office, ledger: SqlLedger) -> None:
    before = closing(ledger)
    told(second, paid=DEPOSIT)
    assert unexplained(await ran(second)) == DEPOSIT
    nav = second.world.nav
    second.world.next_day(THIRD)
    # The broker's own close of that day has the money, for which the row has that day.
    second.world.performance = (*(one for one in second.world.performance if one[0] < SECOND), (SECOND, nav))
    told(second, row(CashKind.DEPOSIT, DEPOSIT), paid=Decimal(0))
    assert unexplained(await ran(second)) == 0
    await closed(second, THIRD)
    assert closing(ledger) == pytest.approx(before, rel=1e-12)


async def test_a_row_whose_money_has_not_moved_waits_for_it(second: Office, ledger: SqlLedger) -> None:
    told(second, row(CashKind.DIVIDEND, "4000"), paid=Decimal(0))
    assert unexplained(await ran(second)) == 0
    assert ledger.income(BOOK) == ()
    second.world.next_day(THIRD)
    second.world.cash += 4000
    assert unexplained(await ran(second)) == 0
    assert [flow.amount for flow in ledger.income(BOOK)] == [4000]


async def test_a_correction_takes_back_what_it_corrects(second: Office, ledger: SqlLedger) -> None:
    told(second, row(CashKind.DIVIDEND, "4000"))
    await ran(second)
    second.world.next_day(THIRD)
    told(second, row(CashKind.DIVIDEND, "-4000", THIRD), row(CashKind.DIVIDEND, "3900", THIRD))
    assert unexplained(await ran(second)) == 0
    assert sum(flow.amount for flow in ledger.income(BOOK)) == 3900


async def test_what_a_person_explained_is_not_counted_again_when_its_row_comes(
    second: Office, ledger: SqlLedger
) -> None:
    told(second, paid=DEPOSIT)
    await ran(second)
    explain_flow(ledger, FlowStatement(DEPOSIT, "my bank", "owner"), datetime.now(UTC))
    second.world.next_day(THIRD)
    told(second, row(CashKind.DEPOSIT, DEPOSIT), paid=Decimal(0))
    told(second, row(CashKind.DIVIDEND, "900", THIRD))
    report = await ran(second)
    assert unexplained(report) == 0
    assert [one["kind"] for one in report["continuity"]["rows"]] == ["dividend"]
    assert [flow.actor for flow in ledger.flows(BOOK)] == ["owner"]


async def test_where_rows_are_silent_the_brokers_own_performance_tells_a_flow(
    second: Office, ledger: SqlLedger
) -> None:
    told(second, paid=DEPOSIT)
    assert unexplained(await ran(second)) == DEPOSIT
    second.world.next_day(THIRD)
    implied = row(
        CashKind.DEPOSIT, "19999.71", id="performance-20220315", margin=Decimal("0.50"), source=CashSource.PERFORMANCE
    )
    told(second, implied, paid=Decimal(0))
    assert unexplained(await ran(second)) == 0
    assert [flow.amount for flow in ledger.flows(BOOK)] == [DEPOSIT]
    told(second, row(CashKind.DEPOSIT, DEPOSIT), row(CashKind.FEE, "-9", THIRD), paid=Decimal(-9))
    await ran(second, RunRequest(slot="extra"))
    assert len(ledger.flows(BOOK)) == 1


async def test_a_preview_and_a_broker_without_an_answer_put_nothing_on_record(
    second: Office, ledger: SqlLedger
) -> None:
    told(second, row(CashKind.DEPOSIT, DEPOSIT))
    assert unexplained(await ran(second, RunRequest(dry_run=True))) == 0
    second.broker.unreachable.add("cash_rows")
    assert unexplained(await ran(second)) == DEPOSIT
    assert ledger.flows(BOOK) == ()


async def test_new_money_is_what_came_and_was_not_invested_within_what_the_policy_keeps(second: Office) -> None:
    told(second, row(CashKind.DEPOSIT, DEPOSIT))
    assert (await ran(second))["memory"]["new_money"] == "20000.00"
    second.broker.trade_of_others("KO", Side.BUY, Decimal(50))
    second.world.next_day(THIRD)
    # Another program's purchase is none of ours.
    assert (await ran(second))["memory"]["new_money"] == "20000.00"


async def test_a_planned_withdrawal_is_known_to_the_decision_until_it_leaves(second: Office, ledger: SqlLedger) -> None:
    asked = Announcement(Decimal(-5000), THIRD, "a car", "owner")
    assert plan_flow(ledger, asked, datetime.now(UTC))["withdrawal"] == "5000"
    assert (await ran(second))["memory"]["planned_withdrawal"] == "5000"
    second.world.next_day(THIRD)
    told(second, row(CashKind.WITHDRAWAL, "-5000", THIRD))
    assert (await ran(second))["memory"]["planned_withdrawal"] == "0"
    assert ledger.flow_plans(BOOK) == ()
    assert ledger.verify().problems == ()


async def test_a_withdrawal_that_does_not_come_lapses_with_a_notice_and_another_is_taken_back(
    second: Office, ledger: SqlLedger
) -> None:
    now = datetime.now(UTC)
    plan_flow(ledger, Announcement(Decimal(5000), SECOND, "a car", "owner"), now)
    other = plan_flow(ledger, Announcement(Decimal(700), date(2022, 12, 1), "a trip", "owner"), now)
    second.world.next_day(THIRD)
    assert (await ran(second))["memory"]["planned_withdrawal"] == "700"
    assert [notice.title for notice in ledger.take_notices()] == [f"{THIRD}: a planned withdrawal lapsed"]
    cancel_plan(ledger, other["number"], "stayed at home", "owner", now)
    assert list_flows(ledger)["planned"] == []
    with pytest.raises(UsageError, match="no planned withdrawal"):
        cancel_plan(ledger, other["number"], "again", "owner", now)


@pytest.mark.parametrize(
    ("amount", "due", "words"),
    [
        ("9999999", THIRD, "more than the account"),
        ("5000", TODAY - timedelta(days=1), "is over"),
        ("0", THIRD, "not an"),
    ],
)
async def test_a_plan_that_cannot_be_kept_is_refused(
    second: Office, ledger: SqlLedger, amount: str, due: date, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        plan_flow(ledger, Announcement(Decimal(amount), due, "a car", "owner"), datetime.now(UTC))


async def test_a_statement_explains_what_the_account_shows_and_nothing_twice(second: Office, ledger: SqlLedger) -> None:
    told(second, paid=DEPOSIT + 900)
    assert unexplained(await ran(second)) == DEPOSIT + 900
    rows = tuple(
        replace(one, source=CashSource.STATEMENT)
        for one in (row(CashKind.DEPOSIT, DEPOSIT), row(CashKind.DIVIDEND, "900"), row(CashKind.DIVIDEND, "70", TODAY))
    )
    found = import_statement(ledger, Statement(rows, "owner"), datetime.now(UTC))
    assert (found["recorded"], found["passed_over"], found["flows"], found["income"]) == (2, 1, "20000.00", "900.00")
    with pytest.raises(UsageError, match="explains anything"):
        import_statement(ledger, Statement(rows, "owner"), datetime.now(UTC))
    assert unexplained(await ran(second, RunRequest(slot="extra"))) == 0


@pytest.mark.parametrize("amount", [Decimal(5000), Decimal(-5000)])
async def test_what_if_decides_on_cash_that_is_not_there_and_writes_nothing(
    second: Office, ledger: SqlLedger, amount: Decimal
) -> None:
    before, cash = ledger.newest_event(), second.world.cash
    report = await what_if(second.desk(), amount)
    assert Decimal(report["portfolio"]["cash"]) == cash + amount
    assert unexplained(report) == 0
    assert Decimal(report["memory"]["new_money"]) == max(amount, Decimal(0))
    assert (ledger.newest_event(), second.broker.placed) == (before, [])
    assert report["plans"]


async def test_what_if_refuses_more_than_the_account_has(second: Office) -> None:
    with pytest.raises(UsageError, match="more than the account"):
        await what_if(second.desk(), Decimal(-9_000_000))


async def test_new_money_is_a_reason_to_buy_at_the_next_run(second: Office) -> None:
    strategies = idle().strategies
    rebalance = strategies.rebalance.model_copy(update={"enabled": True})
    second.policy = idle().model_copy(update={"strategies": strategies.model_copy(update={"rebalance": rebalance})})
    told(second, row(CashKind.DEPOSIT, Decimal(60_000)))
    report = await ran(second)
    assert report["decision"]["action"] == "REBALANCE"
    (plan,) = (one for one in report["plans"] if one["id"] == report["decision"]["plan_id"])
    assert "New money: " in plan["reason"]
    assert {order["side"] for order in report["orders"]} == {"BUY"}
