"""Orders: sells first, each through gate and preview, sent once, and every answer on record."""

import asyncio
import itertools
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.desk.clock import steady_seconds
from app.desk.ports import ModelUse, Offer
from app.desk.records import Claim, Intent, RunKey, RunStatus
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.desk.stages.committed_plan import plan_record
from app.desk.stages.execute import SEND_BUDGET_SECONDS
from app.domain.errors import OrderUncertain, UsageError
from app.domain.order import Order, OrderState, Side, client_order_id
from app.domain.plan import Action, Choice, Plan
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import FakeChooser, Office, policy
from tests.support.world import ACCOUNT, OPENING, PRICE, SPREAD, TODAY, conid, instrument, steady

DAY = RunRequest()


def orders_of(result: RunResult) -> dict[str, dict[str, object]]:
    """Orders of the report by symbol."""
    assert result.report is not None
    return {order["symbol"]: order for order in result.report["orders"]}


async def test_sells_go_before_buys(office: Office) -> None:
    office.chooser = FakeChooser(Action.ROTATE)
    await run_daily(office.desk(), DAY)
    sides = [side for _, side in office.broker.sent_symbols()]
    assert sides == [Side.SELL] * 4 + [Side.BUY]


async def test_an_order_is_sent_under_a_ticket_that_names_everything(office: Office) -> None:
    result = await run_daily(office.desk(), DAY)
    ticket = office.broker.placed[0]
    assert (ticket.account, ticket.conid, ticket.side) == (ACCOUNT, conid("AAPL"), Side.SELL)
    assert (ticket.quantity, ticket.time_in_force) == (Decimal(170), "DAY")
    assert ticket.limit_price <= PRICE - SPREAD
    assert (ticket.run_id, ticket.policy_hash) == (result.run_id, office.policy.hash)
    assert office.broker.signatures[0] == f"signed:{ticket.coid}"
    assert office.signer.tickets == office.broker.placed


async def test_a_filled_order_is_settled_with_its_price(office: Office, ledger: SqlLedger) -> None:
    result = await run_daily(office.desk(), DAY)
    for intent in ledger.intents(result.run_id):
        assert intent.state is OrderState.FILLED
        assert intent.sends == 1
        assert intent.filled_quantity == intent.quantity
        assert intent.average_price == PRICE - SPREAD
        assert intent.what_if is not None


@pytest.mark.parametrize(
    ("fate", "state", "reason"),
    [
        (Fate.RESTS, OrderState.ACKED, "still open at the broker"),
        (Fate.FILLS_HALF, OrderState.PARTIAL, "still open at the broker"),
        (Fate.IS_REJECTED, OrderState.REJECTED, "insufficient funds"),
        (Fate.IS_REFUSED, OrderState.NOT_SENT, "the broker's server refused the ticket"),
        (Fate.ANSWER_LOST, OrderState.FILLED, None),
        (Fate.KNOWN_ALREADY, OrderState.FILLED, None),
    ],
)
async def test_every_answer_of_the_broker_is_recorded_and_the_next_order_goes_on(
    office: Office, ledger: SqlLedger, fate: Fate, state: OrderState, reason: str | None
) -> None:
    office.broker.fates["AAPL"] = fate
    result = await run_daily(office.desk(), DAY)
    aapl, msft = ledger.intents(result.run_id)
    assert (aapl.symbol, aapl.state, aapl.sends) == ("AAPL", state, 1)
    assert msft.state is OrderState.FILLED
    assert orders_of(result)["AAPL"]["state"] == state
    assert orders_of(result)["AAPL"]["reason"] == reason
    assert set(office.broker.posts.values()) == {1}


async def test_an_order_whose_fate_nobody_knows_stops_everything_after_it(office: Office, ledger: SqlLedger) -> None:
    office.broker.fates["AAPL"] = Fate.REQUEST_LOST
    with pytest.raises(OrderUncertain, match="unknown whether AAPL reached the broker") as caught:
        await run_daily(office.desk(), DAY)
    assert "Nothing more was sent" in (caught.value.remedy or "")
    (record,) = ledger.runs()
    aapl, msft = ledger.intents(record.run_id)
    assert (aapl.state, msft.state, msft.sends) == (OrderState.UNKNOWN, OrderState.PLANNED, 0)
    assert record.status is RunStatus.RUNNING
    assert office.broker.sent_symbols() == [("AAPL", Side.SELL)]


async def test_an_unknown_order_stays_uncertain_where_the_broker_cannot_be_asked_either(office: Office) -> None:
    office.broker.fates["AAPL"] = Fate.ANSWER_LOST
    office.broker.witness = lambda _: office.broker.unreachable.add("order_report")
    with pytest.raises(OrderUncertain, match="AAPL"):
        await run_daily(office.desk(), DAY)


async def test_an_accepted_order_whose_status_cannot_be_read_stays_open_and_the_run_goes_on(
    office: Office, ledger: SqlLedger
) -> None:
    office.broker.unreachable = {"order_status"}
    result = await run_daily(office.desk(), DAY)
    assert result.status is RunStatus.DONE
    assert [(i.symbol, i.state, i.sends) for i in ledger.intents(result.run_id)] == [
        ("AAPL", OrderState.ACKED, 1),
        ("MSFT", OrderState.ACKED, 1),
    ]
    assert "its status could not be read" in str(orders_of(result)["AAPL"]["reason"])


async def test_an_order_that_the_brokers_preview_faults_is_not_sent(office: Office, ledger: SqlLedger) -> None:
    office.broker.what_if_errors["AAPL"] = "no trading permission"
    result = await run_daily(office.desk(), DAY)
    aapl, msft = ledger.intents(result.run_id)
    assert (aapl.state, aapl.sends, msft.state) == (OrderState.NOT_SENT, 0, OrderState.FILLED)
    assert aapl.reason is not None
    assert aapl.reason.startswith("what_if: AAPL no trading permission")
    assert result.report is not None
    assert [refusal["rule"] for refusal in result.report["refusals"]] == ["what_if"]
    assert orders_of(result)["AAPL"]["what_if"] is not None


async def test_an_order_whose_price_went_missing_since_the_plan_is_not_sent(office: Office, ledger: SqlLedger) -> None:
    office.chooser = _Meanwhile(change=lambda: office.world.missing_quotes.update(AAPL="halted"))
    result = await run_daily(office.desk(), DAY)
    aapl, msft = ledger.intents(result.run_id)
    assert (aapl.state, aapl.sends, msft.state) == (OrderState.NOT_SENT, 0, OrderState.FILLED)
    assert aapl.reason is not None
    assert "no quote of AAPL: halted" in aapl.reason


@dataclass
class _Meanwhile(FakeChooser):
    """Chooses as the rules do, while the world changes."""

    change: Callable[[], None] = lambda: None

    async def choose(self, offer: Offer) -> tuple[Choice, ModelUse]:
        self.change()
        return await super().choose(offer)


async def test_the_gate_refuses_at_the_last_moment_what_it_allowed_before(office: Office, ledger: SqlLedger) -> None:
    office.chooser = _Meanwhile(change=lambda: office.world.set_session(now=OPENING + timedelta(hours=4, minutes=50)))
    result = await run_daily(office.desk(), DAY)
    for intent in ledger.intents(result.run_id):
        assert (intent.state, intent.sends) == (OrderState.NOT_SENT, 0)
        assert intent.reason is not None
        assert "quote_age" in intent.reason
    assert office.broker.posts.total() == 0


async def test_without_a_key_nothing_is_sent_and_the_remedy_names_the_setting(
    office: Office, ledger: SqlLedger
) -> None:
    desk = replace(office.desk(), signer=None)
    with pytest.raises(UsageError, match="TICKET_KEY"):
        await run_daily(desk, DAY)
    assert office.broker.posts.total() == 0
    (record,) = ledger.runs()
    assert {intent.state for intent in ledger.intents(record.run_id)} == {OrderState.PLANNED}


async def test_a_cancelled_run_still_records_the_answer_to_what_it_sent(office: Office, ledger: SqlLedger) -> None:
    office.broker.hold = asyncio.Event()
    running = asyncio.create_task(run_daily(office.desk(), DAY))
    await office.broker.placing.wait()
    running.cancel()
    (record,) = ledger.runs()
    assert ledger.intents(record.run_id)[0].state is OrderState.SENDING
    office.broker.hold.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    aapl, msft = ledger.intents(record.run_id)
    assert (aapl.state, aapl.broker_order_id) == (OrderState.ACKED, "9000")
    assert (msft.state, msft.sends) == (OrderState.PLANNED, 0)


async def test_a_run_cancelled_twice_still_records_the_answer_to_what_it_sent(
    office: Office, ledger: SqlLedger
) -> None:
    office.broker.hold = asyncio.Event()
    running = asyncio.create_task(run_daily(office.desk(), DAY))
    await office.broker.placing.wait()
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    office.broker.hold.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    (record,) = ledger.runs()
    assert ledger.intents(record.run_id)[0].state is OrderState.ACKED


async def test_an_order_that_rests_is_followed_until_the_broker_is_done_with_it(
    office: Office, ledger: SqlLedger
) -> None:
    office.policy = policy(follow_seconds=60)
    office.broker.fates["AAPL"] = Fate.RESTS

    async def fill_meanwhile(_: float) -> None:
        order = office.broker.orders[0]
        office.broker.orders[0] = replace(
            order, status="Filled", filled_quantity=order.quantity, average_price=PRICE - SPREAD
        )

    result = await run_daily(replace(office.desk(), sleep=fill_meanwhile), DAY)
    assert ledger.intents(result.run_id)[0].state is OrderState.FILLED
    assert orders_of(result)["AAPL"]["filled_quantity"] == "170"


async def test_a_committed_buy_is_held_to_the_cool_down_that_began_since(office: Office, ledger: SqlLedger) -> None:
    first = await run_daily(office.desk(), DAY)
    book = f"{ACCOUNT}@sim:{TODAY}:7:synthetic"
    tomorrow = TODAY + timedelta(days=1)
    office.world.next_day(tomorrow)
    office.world.performance = steady(tomorrow)
    # The broker lists the day's orders only.
    office.broker.orders.clear()
    key = RunKey(book, ACCOUNT, tomorrow, "daily")
    claim = ledger.claim(key, "interrupted", office.policy.hash, office.world.now())
    assert isinstance(claim, Claim)
    buy = Order(instrument("AAPL"), Side.BUY, Decimal(10), PRICE, "rebalance: too little of it")
    plan = Plan(Action.REBALANCE, (buy,), "drift")
    coid = client_order_id(book, tomorrow, "daily", conid("AAPL"), Side.BUY, 1)
    record = plan_record(plan, Choice(plan.id, "as it was", "rules"))
    ledger.commit_plan(claim, record, [Intent(coid, buy)], office.world.now())
    ledger.abandon(claim, RunStatus.FAILED, "the process ended", office.world.now())

    result = await run_daily(office.desk(), DAY)

    assert result.run_id == claim.run_id != first.run_id
    assert orders_of(result)["AAPL"]["state"] == "NOT_SENT"
    assert "cool_down: AAPL sold at a loss 1 sessions ago" in str(orders_of(result)["AAPL"]["reason"])
    assert office.broker.posts[coid] == 0


async def test_an_order_that_is_not_committed_within_the_send_budget_is_never_sent(
    office: Office, ledger: SqlLedger
) -> None:
    seconds = itertools.count(0, SEND_BUDGET_SECONDS + 1)
    with pytest.raises(OrderUncertain, match="not sent in time"):
        await run_daily(replace(office.desk(), steady=lambda: float(next(seconds))), DAY)
    assert office.broker.placed == []
    (record,) = ledger.runs()
    assert ledger.intents(record.run_id)[0].state is OrderState.SENDING


@pytest.mark.skipif(sys.platform != "linux", reason="the clock that passes while a machine sleeps is Linux's")
def test_deadlines_pass_while_the_machine_sleeps() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= steady_seconds() <= time.clock_gettime(time.CLOCK_BOOTTIME)
