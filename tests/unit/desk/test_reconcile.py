"""After an interruption: what arrived is settled, what is not found stops the day, and nothing is ever sent twice."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.errors import BrokerUnavailable, OrderUncertain
from app.domain.order import OrderState, Side
from app.domain.plan import Action
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import FakeChooser, Office
from tests.unit.ledger.builders import ManualTime

DAY = RunRequest()


async def interrupted(office: Office, ledger: SqlLedger, fate: Fate = Fate.REQUEST_LOST) -> str:
    """A run whose first order's fate nobody knows; its id."""
    office.broker.fates["AAPL"] = fate
    with pytest.raises(OrderUncertain):
        await run_daily(office.desk(), DAY)
    (record,) = ledger.runs()
    return record.run_id


async def test_an_uncertain_order_stops_the_run_and_the_next_run_reconciles(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    run_id = await interrupted(office, ledger)
    coid = ledger.intents(run_id)[0].coid
    office.broker.appear(coid, "AAPL", Side.SELL, Decimal(170))
    lease_time.advance(121)
    office.chooser = FakeChooser(Action.HOLD)

    told: list[str] = []
    result = await run_daily(office.desk("two"), DAY, progress=told.append)

    assert (result.run_id, result.status) == (run_id, RunStatus.DONE)
    assert office.chooser.asked == []
    assert "decision kept from the interrupted attempt: CUT_LOSERS" in told
    assert [(i.symbol, i.state, i.sends) for i in ledger.intents(run_id)] == [
        ("AAPL", OrderState.FILLED, 1),
        ("MSFT", OrderState.FILLED, 1),
    ]
    assert set(office.broker.posts.values()) == {1}
    assert result.report is not None
    assert result.report["decision"]["action"] == "CUT_LOSERS"
    assert [order["state"] for order in result.report["orders"]] == ["FILLED", "FILLED"]
    assert ledger.verify().ok


async def test_an_order_that_is_not_found_stops_the_day_until_enough_complete_reads_did_not_show_it(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    run_id = await interrupted(office, ledger)
    lease_time.advance(121)
    with pytest.raises(OrderUncertain, match="SELL 170 AAPL"):
        await run_daily(office.desk("two"), DAY)
    aapl, msft = ledger.intents(run_id)
    assert (aapl.state, msft.state, msft.sends) == (OrderState.UNKNOWN, OrderState.PLANNED, 0)
    assert office.broker.sent_symbols() == [("AAPL", Side.SELL)]

    lease_time.advance(121)
    assert (await run_daily(office.desk("three"), DAY)).status is RunStatus.DONE
    aapl, msft = ledger.intents(run_id)
    assert (aapl.state, aapl.sends, msft.state) == (OrderState.ABANDONED, 1, OrderState.FILLED)
    assert office.broker.sent_symbols() == [("AAPL", Side.SELL), ("MSFT", Side.SELL)]


async def test_one_read_is_no_evidence_of_absence_however_late_it_comes(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    run_id = await interrupted(office, ledger)
    lease_time.advance(3600)
    late = replace(office.desk("two"), now=lambda: lease_time() + timedelta(hours=1))
    with pytest.raises(OrderUncertain):
        await run_daily(late, DAY)
    aapl = ledger.intents(run_id)[0]
    assert (aapl.state, aapl.absent_reads) == (OrderState.UNKNOWN, 1)


async def test_many_reads_at_once_are_no_evidence_of_absence(office: Office, ledger: SqlLedger) -> None:
    run_id = await interrupted(office, ledger)
    for _ in range(5):
        with pytest.raises(OrderUncertain):
            await run_daily(office.desk("two"), RunRequest(slot="afternoon"))
    assert ledger.intents(run_id)[0].state is OrderState.UNKNOWN
    assert ledger.intents(run_id)[0].absent_reads >= 5


async def test_a_process_that_died_while_sending_leaves_an_order_to_be_found(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    office.broker.unreachable = {"place_order"}
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), DAY)
    (record,) = ledger.runs()
    coid = ledger.intents(record.run_id)[0].coid
    assert ledger.intents(record.run_id)[0].state is OrderState.SENDING
    office.broker.unreachable = set()
    lease_time.advance(121)
    with pytest.raises(OrderUncertain):
        await run_daily(office.desk("two"), DAY)
    assert ledger.intents(record.run_id)[0].state is OrderState.UNKNOWN
    office.broker.appear(coid, "AAPL", Side.SELL, Decimal(170))
    lease_time.advance(121)
    assert (await run_daily(office.desk("three"), DAY)).status is RunStatus.DONE
    assert office.broker.posts[coid] == 0


async def test_an_uncertain_order_of_one_slot_stops_the_other_slots_of_the_day(
    office: Office, ledger: SqlLedger
) -> None:
    await interrupted(office, ledger)
    sent = office.broker.posts.total()
    with pytest.raises(OrderUncertain, match="SELL 170 AAPL"):
        await run_daily(office.desk("two"), RunRequest(slot="afternoon"))
    assert office.broker.posts.total() == sent


async def test_another_slot_settles_an_uncertain_order_that_is_found_and_goes_on(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    run_id = await interrupted(office, ledger)
    coid = ledger.intents(run_id)[0].coid
    office.broker.appear(coid, "AAPL", Side.SELL, Decimal(170))
    assert (await run_daily(office.desk("two"), RunRequest(slot="afternoon"))).status is RunStatus.DONE
    assert ledger.intents(run_id)[0].state is OrderState.FILLED
    lease_time.advance(121)
    assert (await run_daily(office.desk("three"), DAY)).status is RunStatus.DONE


async def test_another_slot_settles_what_an_ended_run_left_open(office: Office, ledger: SqlLedger) -> None:
    office.broker.fates["AAPL"] = Fate.RESTS
    first = await run_daily(office.desk(), DAY)
    resting = office.broker.orders[0]
    office.broker.orders[0] = replace(
        resting, status="Filled", filled_quantity=resting.quantity, average_price=Decimal(100)
    )
    del office.world.positions[resting.conid]
    await run_daily(office.desk(), RunRequest(slot="afternoon"))
    aapl = ledger.intents(first.run_id)[0]
    assert (aapl.state, aapl.average_price, aapl.sends) == (OrderState.FILLED, Decimal(100), 1)
    assert ledger.verify().ok


@pytest.mark.parametrize("fate", [Fate.IS_REFUSED, Fate.IS_REJECTED])
async def test_an_order_at_the_broker_that_the_ledger_knows_as_refused_halts(
    office: Office, ledger: SqlLedger, fate: Fate
) -> None:
    office.broker.fates["AAPL"] = fate
    ended = await run_daily(office.desk(), DAY)
    coid = ledger.intents(ended.run_id)[0].coid
    office.broker.appear(coid, "AAPL", Side.SELL, Decimal(170))
    result = await run_daily(office.desk("two"), RunRequest(slot="afternoon"))
    assert result.status is RunStatus.HALTED
    assert office.broker.posts[coid] == 1


async def test_a_preview_settles_nothing(office: Office, ledger: SqlLedger) -> None:
    run_id = await interrupted(office, ledger)
    coid = ledger.intents(run_id)[0].coid
    office.broker.appear(coid, "AAPL", Side.SELL, Decimal(170))
    result = await run_daily(office.desk("two"), RunRequest(dry_run=True))
    assert result.status is RunStatus.DRY_RUN
    assert ledger.intents(run_id)[0].state is OrderState.UNKNOWN


async def test_a_send_is_never_repeated_however_often_the_run_is_taken_up_again(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    await interrupted(office, ledger, Fate.REQUEST_LOST)
    lease_time.advance(121)
    with pytest.raises(OrderUncertain):
        await run_daily(office.desk("two"), DAY)
    # Long enough and often enough not seen: it is given up, watched, and the rest of the plan goes on.
    lease_time.advance(121)
    assert (await run_daily(office.desk("three"), DAY)).status is RunStatus.DONE
    assert set(office.broker.posts.values()) == {1}
