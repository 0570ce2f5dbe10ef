"""An exit that a person asked for, interrupted or asked for twice, and orders that the broker's list does not show."""

from decimal import Decimal

import pytest

from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.domain.errors import OrderUncertain, UsageError
from app.domain.order import OrderState, Side
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import Office
from tests.unit.ledger.builders import ManualTime


async def test_an_interrupted_exit_goes_on_with_its_plan(
    office: Office, ledger: SqlLedger, lease_time: ManualTime
) -> None:
    office.broker.fates["KO"] = Fate.REQUEST_LOST
    with pytest.raises(OrderUncertain):
        await exit_position(office.desk(), "KO", "a person")
    (record,) = ledger.runs()
    office.broker.appear(ledger.intents(record.run_id)[0].coid, "KO", Side.SELL, Decimal(170))
    lease_time.advance(121)

    result = await exit_position(office.desk("two"), "KO", "a person")

    assert (result.run_id, result.status) == (record.run_id, RunStatus.DONE)
    assert [(i.state, i.sends) for i in ledger.intents(record.run_id)] == [(OrderState.FILLED, 1)]


async def test_what_is_being_sold_already_is_not_sold_again(office: Office) -> None:
    office.broker.fates["KO"] = Fate.RESTS
    await exit_position(office.desk(), "KO", "a person")
    with pytest.raises(UsageError, match="is being sold"):
        await exit_position(office.desk(), "KO", "a person")


async def test_an_order_that_the_list_does_not_show_yet_still_counts(office: Office) -> None:
    office.broker.fates["AAPL"] = Fate.RESTS
    await run_daily(office.desk(), RunRequest())
    office.broker.orders.clear()
    with pytest.raises(UsageError, match="is being sold"):
        await exit_position(office.desk(), "AAPL", "a person")
