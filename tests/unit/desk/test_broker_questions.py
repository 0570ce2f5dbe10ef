"""A question of the broker that nobody may answer costs one order: the others go, and that one is never sent again."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.desk.records import Claim, Intent, RunKey, RunStatus
from app.desk.report.schema import Report
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.desk.stages.committed_plan import plan_record
from app.domain.errors import OrderUncertain, UsageError
from app.domain.order import Order, OrderReport, OrderState, Placement, Side, Ticket, client_order_id
from app.domain.plan import Action, Choice, Plan
from app.domain.policy import Notifications, Occasion
from app.domain.questions import Question
from app.domain.ruling import KillLevel
from app.domain.slots import CLOSE_SLOT
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import QUESTION, Fate
from tests.support.fakes import FakeBroker, Office, policy
from tests.support.world import ACCOUNT, OPENING, PRICE, TODAY, conid, instrument
from tests.unit.desk.test_execute import orders_of
from tests.unit.ledger.builders import ManualTime, execute

pytestmark = pytest.mark.slow

DAY = RunRequest()


def asked_about(result: RunResult, symbol: str) -> list[dict[str, Any]]:
    """The questions of the report's order."""
    found: Any = orders_of(result)[symbol]["questions"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("asked", ["AAPL", "MSFT"])
async def test_an_order_that_is_asked_about_costs_that_order_and_the_day_is_done(
    office: Office, ledger: SqlLedger, asked: str
) -> None:
    office.broker.fates[asked] = Fate.IS_ASKED_ABOUT
    told: list[str] = []
    result = await run_daily(office.desk(), DAY, progress=told.append)
    assert result.status is RunStatus.DONE
    states = {intent.symbol: (intent.state, intent.sends) for intent in ledger.intents(result.run_id)}
    other = "MSFT" if asked == "AAPL" else "AAPL"
    assert states == {asked: (OrderState.UNKNOWN, 1), other: (OrderState.FILLED, 1)}
    assert any("Confirm Mandatory Cap Price" in line for line in told)
    assert ledger.verify().ok


async def test_the_report_says_what_was_asked_what_it_means_and_what_a_person_may_do(office: Office) -> None:
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    result = await run_daily(office.desk(), DAY)
    (question,) = asked_about(result, "AAPL")
    assert (question["ids"], question["text"], question["answered"]) == (["o10331"], QUESTION.text, False)
    assert "mandatory cap price" in question["meaning"]
    assert "execution.answer_questions may name o10331" in question["advice"]
    assert asked_about(result, "MSFT") == []
    assert result.report is not None
    assert "asked about AAPL" in result.report["note"]
    Report.model_validate(result.report)


async def test_a_report_of_before_questions_were_told_is_still_one(office: Office) -> None:
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    older = {**result.report, "orders": [
        {name: value for name, value in order.items() if name != "questions"} for order in result.report["orders"]
    ]}  # fmt: skip
    assert Report.model_validate(older).orders[0].questions == ()


async def test_the_day_can_be_run_again_and_nothing_is_sent_twice(office: Office) -> None:
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    first = await run_daily(office.desk(), DAY)
    again = await run_daily(office.desk("two"), DAY)
    assert (again.run_id, again.status, again.fresh) == (first.run_id, RunStatus.DONE, False)
    assert set(office.broker.posts.values()) == {1}


async def test_a_run_that_ended_behind_the_question_goes_on_with_the_orders_that_are_left(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    """The broker is lost after the question; the next attempt sends what the first could not."""
    office.broker.fates = {"AAPL": Fate.IS_ASKED_ABOUT, "MSFT": Fate.REQUEST_LOST}
    with pytest.raises(OrderUncertain, match="MSFT"):
        await run_daily(office.desk(), DAY)
    (record,) = ledger.runs()
    lease_time.advance(200)
    with pytest.raises(OrderUncertain, match="MSFT") as caught:
        await run_daily(office.desk("two"), DAY)
    assert "AAPL" not in str(caught.value)
    lease_time.advance(200)
    assert (await run_daily(office.desk("three"), DAY)).status is RunStatus.DONE
    states = [(intent.symbol, intent.state) for intent in ledger.intents(record.run_id)]
    assert states == [("AAPL", OrderState.ABANDONED), ("MSFT", OrderState.ABANDONED)]
    assert set(office.broker.posts.values()) == {1}


async def test_a_run_that_is_taken_up_at_once_waits_for_no_question(office: Office, ledger: SqlLedger) -> None:
    office.broker = _Interrupted(office.world)
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    with pytest.raises(_Killed):
        await run_daily(office.desk(), DAY)
    (record,) = ledger.runs()
    assert [i.state for i in ledger.intents(record.run_id)] == [OrderState.UNKNOWN, OrderState.PLANNED]
    office.now.advance(121)  # type: ignore[attr-defined]  # the lease of whoever was killed
    assert (await run_daily(office.desk("two"), DAY)).status is RunStatus.DONE
    assert [i.state for i in ledger.intents(record.run_id)] == [OrderState.UNKNOWN, OrderState.FILLED]
    assert set(office.broker.posts.values()) == {1}


class _Killed(BaseException):
    """The process ends."""


class _Interrupted(FakeBroker):
    """Ends the process at the first look behind the question."""

    ended = False

    async def report(self, account: str) -> OrderReport:
        if self.posts and not self.ended:
            self.ended = True
            raise _Killed
        return await super().report(account)


async def test_an_order_that_is_at_the_broker_in_spite_of_the_question_is_found(
    office: Office, ledger: SqlLedger
) -> None:
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT_AND_THERE
    result = await run_daily(office.desk(), DAY)
    aapl = ledger.intents(result.run_id)[0]
    assert (aapl.state, aapl.filled_quantity, aapl.questions) == (OrderState.FILLED, Decimal(170), (QUESTION,))
    assert result.report is not None
    assert result.report["note"] is None


async def test_one_that_appears_later_is_recorded_by_the_next_slot(office: Office, ledger: SqlLedger) -> None:
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    first = await run_daily(office.desk(), DAY)
    coid = ledger.intents(first.run_id)[0].coid
    office.broker.appear(coid, "AAPL", Side.SELL, Decimal(170))
    assert (await run_daily(office.desk("two"), RunRequest(slot="afternoon"))).status is RunStatus.DONE
    assert ledger.intents(first.run_id)[0].state is OrderState.FILLED
    assert office.broker.oversold == []


async def test_its_name_gets_no_other_order_that_day_from_a_program_or_by_hand(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    await run_daily(office.desk(), DAY)
    for slot in ("extra", "afternoon"):
        later = await run_daily(office.desk(slot), RunRequest(slot=slot))
        assert "AAPL" not in orders_of(later)
        with pytest.raises(UsageError, match="all that can be sold of AAPL is being sold"):
            await exit_position(office.desk("by hand"), "AAPL", "a person")
        lease_time.advance(200)
    assert office.broker.sent_symbols().count(("AAPL", Side.SELL)) == 1


async def test_the_legs_behind_it_are_not_sent(office: Office, ledger: SqlLedger) -> None:
    office.policy = policy(max_order_value=Decimal(6_000))
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    result = await run_daily(office.desk(), DAY)
    legs = [(i.leg, i.state) for i in ledger.intents(result.run_id) if i.symbol == "AAPL"]
    assert legs == [(1, OrderState.UNKNOWN), (2, OrderState.NOT_SENT), (3, OrderState.NOT_SENT)]
    assert {i.state for i in ledger.intents(result.run_id) if i.symbol == "MSFT"} == {OrderState.FILLED}


async def test_the_close_and_the_next_day_give_it_up(office: Office, ledger: SqlLedger, lease_time: ManualTime) -> None:
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    first = await run_daily(office.desk(), DAY)
    lease_time.advance(3600)
    office.world.set_session(now=OPENING + timedelta(hours=6))
    assert (await run_daily(office.desk(), RunRequest(slot=CLOSE_SLOT))).status is RunStatus.DONE
    aapl = ledger.intents(first.run_id)[0]
    assert (aapl.state, aapl.sends) == (OrderState.ABANDONED, 1)
    office.broker.fates.clear()
    office.broker.orders.clear()
    office.world.next_day(date(2022, 3, 15))
    tomorrow = await run_daily(office.desk(), DAY)
    assert orders_of(tomorrow)["AAPL"]["state"] == "FILLED"


@pytest.mark.parametrize(("fate", "second"), [(Fate.IS_ASKED_ABOUT, Decimal(60)), (Fate.IS_REJECTED, Decimal(150))])
async def test_the_money_of_a_purchase_that_may_be_there_is_not_spent_twice(
    office: Office, ledger: SqlLedger, fate: Fate, second: Decimal
) -> None:
    """46,000 in cash and a reserve of 25,000: there is room for 210 shares, and the first order takes 150."""
    book = f"{ACCOUNT}@sim:{TODAY}:7:synthetic"
    claim = ledger.claim(RunKey(book, ACCOUNT, TODAY, "daily"), "interrupted", office.policy.hash, office.world.now())
    assert isinstance(claim, Claim)
    buys = [Order(instrument(s), Side.BUY, Decimal(150), PRICE, "rebalance: too little of it") for s in ("AMD", "WMT")]
    plan = Plan(Action.REBALANCE, tuple(buys), "drift")
    intents = [Intent(client_order_id(book, TODAY, "daily", buy.instrument.conid, Side.BUY, 1), buy) for buy in buys]
    record = plan_record(plan, Choice(plan.id, "as it was", "rules"))
    ledger.commit_plan(claim, record, intents, office.world.now())
    ledger.abandon(claim, RunStatus.FAILED, "the process ended", office.world.now())
    office.broker.fates["AMD"] = fate
    result = await run_daily(office.desk(), DAY)
    assert abs(Decimal(str(orders_of(result)["WMT"]["quantity"])) - second) <= 2


async def test_nobody_looks_for_it_where_the_broker_cannot_be_asked_and_the_next_run_does(
    office: Office, ledger: SqlLedger
) -> None:
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    office.broker.witness = lambda _: office.broker.unreachable.add("order_report")
    result = await run_daily(office.desk(), DAY)
    aapl, msft = ledger.intents(result.run_id)
    assert (aapl.state, aapl.absent_reads, msft.state) == (OrderState.UNKNOWN, 0, OrderState.FILLED)
    office.broker.witness = lambda _: None
    office.broker.unreachable = set()
    await run_daily(office.desk("two"), RunRequest(slot="afternoon"))
    assert ledger.intents(result.run_id)[0].absent_reads == 1


async def test_a_person_is_told_once_with_id_text_meaning_and_what_to_do(office: Office, ledger: SqlLedger) -> None:
    told = Notifications(urls=("json://localhost",), on=(Occasion.ORDER_UNCERTAIN,))
    office.policy = policy().model_copy(update={"notifications": told})
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    await run_daily(office.desk(), DAY)
    await run_daily(office.desk("two"), DAY)
    (notice,) = ledger.take_notices()
    assert notice.title == f"{OPENING:%Y-%m-%d} daily: the broker asked about an order and nobody may answer"
    for words in ("SELL 170 AAPL", "o10331", "Confirm Mandatory Cap Price", "broker's own program"):
        assert words in notice.body
    assert ACCOUNT not in notice.body


async def test_of_several_questions_about_one_order_all_are_told(office: Office, ledger: SqlLedger) -> None:
    told = Notifications(urls=("json://localhost",), on=(Occasion.ORDER_UNCERTAIN,))
    office.policy = policy().model_copy(update={"notifications": told})
    office.broker = _Says(office.world, said=(QUESTION, replace(QUESTION, ids=("o7",), text="And this?")))
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    await run_daily(office.desk(), DAY)
    (notice,) = ledger.take_notices()
    for words in ("o10331", "Confirm Mandatory Cap Price", "o7", "And this?"):
        assert words in notice.body
    assert "answer_questions" not in notice.body


@dataclass
class _Says(FakeBroker):
    """Answers the first order with these questions."""

    said: tuple[Question, ...] = ()

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        placement = await super().place(ticket, signature)
        return replace(placement, questions=self.said) if len(self.placed) == 1 else placement


async def test_questions_that_were_answered_are_on_record_too(office: Office, ledger: SqlLedger) -> None:
    confirmed = Question(("o383",), "size exceeds the Size Limit of 5", answered=True)
    office.broker = _Says(office.world, said=(confirmed,))
    result = await run_daily(office.desk(), DAY)
    assert ledger.intents(result.run_id)[0].questions == (confirmed,)
    (question,) = asked_about(result, "AAPL")
    assert (question["answered"], question["advice"]) == (True, None)
    assert [intent.symbol for intent in ledger.asked()] == ["AAPL"]
    assert ledger.verify().ok


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE questions SET text = 'Are you well?'",
        "UPDATE questions SET ids = '[\"o383\"]'",
        "UPDATE questions SET answered = NOT answered",
        "UPDATE questions SET why = 'because'",
        "DELETE FROM questions",
    ],
)
async def test_a_question_that_was_changed_afterwards_is_noticed(
    office: Office, ledger: SqlLedger, ledger_url: str, change: str
) -> None:
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    await run_daily(office.desk(), DAY)
    assert ledger.verify().ok
    assert execute(ledger_url, change) == 1
    assert not ledger.verify().ok


@pytest.mark.parametrize(
    ("answers", "kind", "signed"),
    [
        ({}, "paper", {}),
        ({"o10331": None}, "paper", {"o10331": Decimal(97)}),
        ({"o354": None}, "paper", {"o354": None}),
        ({"o383": Decimal(500), "o451": Decimal(50_000), "o403": None}, "paper",
         {"o383": Decimal(500), "o403": None, "o451": Decimal(50_000)}),
    ],
)  # fmt: skip
async def test_what_the_policy_confirms_in_advance_is_signed_with_the_order_and_its_bound(
    office: Office, answers: dict[str, Decimal | None], kind: str, signed: dict[str, Decimal | None]
) -> None:
    office.policy = policy(answer_questions=answers)
    office.trading_mode = kind
    await run_daily(office.desk(), DAY)
    ticket = office.broker.placed[0]
    assert dict(ticket.answers) == signed
    assert ticket.conid == conid("AAPL")
    assert ticket.limit_price >= PRICE * (1 - Decimal("0.03"))


class _AsksBeforeItCancels(FakeBroker):
    """Nothing is cancelled without a person."""

    async def cancel(self, account: str, order_id: str) -> str:
        return "unknown: the broker asked before it cancels: o7: All of it?"


async def test_a_question_about_a_cancel_is_told_to_a_person(office: Office, ledger: SqlLedger) -> None:
    told = Notifications(urls=("json://localhost",), on=(Occasion.ORDER_UNCERTAIN,))
    office.policy = policy().model_copy(update={"notifications": told})
    office.broker = _AsksBeforeItCancels(office.world)
    office.broker.stranger("PM0001", "AMD", Decimal(5))
    book = f"{ACCOUNT}@sim:{TODAY}:7:synthetic"
    ledger.set_level(book, KillLevel.HALTED, "a person said so", "a person", OPENING)
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.HALTED
    (notice,) = ledger.take_notices()
    assert "BUY 5 AMD is not cancelled: unknown: the broker asked before it cancels: o7" in notice.body
