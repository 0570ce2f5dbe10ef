"""The close of the day: final states, trades of others, the closing value."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.errors import UsageError
from app.domain.navs import NavKind
from app.domain.order import OrderState
from app.domain.policy import Mode
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import Office, policy
from tests.support.world import ACCOUNT, TODAY

DAY, CLOSE = RunRequest(), RunRequest(slot="close")
BOOK = f"{ACCOUNT}@sim:{TODAY}:7:synthetic"
EVENING = datetime(2022, 3, 14, 20, 30, tzinfo=UTC)


async def test_before_the_exchange_has_closed_there_is_no_close(office: Office) -> None:
    with pytest.raises(UsageError, match="the close slot opens at 20:20 UTC"):
        await run_daily(office.desk(), CLOSE)


async def test_the_close_records_the_closing_value_and_sends_nothing(office: Office, ledger: SqlLedger) -> None:
    await run_daily(office.desk(), DAY)
    sent = office.broker.posts.total()
    office.world.set_session(now=EVENING)
    result = await run_daily(office.desk(), CLOSE)
    assert result.status is RunStatus.DONE
    newest = ledger.navs(BOOK)[-1]
    assert (newest.session_date, newest.kind) == (TODAY, NavKind.CLOSE)
    assert office.broker.posts.total() == sent
    assert (await run_daily(office.desk(), CLOSE)).run_id == result.run_id
    assert ledger.verify().ok


async def test_an_order_that_did_not_fill_ended_with_its_day(office: Office, ledger: SqlLedger) -> None:
    office.broker.fates["AAPL"] = Fate.RESTS
    first = await run_daily(office.desk(), DAY)
    assert ledger.intents(first.run_id)[0].state is OrderState.ACKED
    office.world.set_session(now=EVENING)
    await run_daily(office.desk(), CLOSE)
    assert ledger.intents(first.run_id)[0].state is OrderState.CANCELLED


async def test_what_nobody_approved_by_the_close_is_not_sent(office: Office, ledger: SqlLedger) -> None:
    office.policy = policy({"mode": Mode.APPROVE})
    first = await run_daily(office.desk(), DAY)
    office.world.set_session(now=EVENING)
    await run_daily(office.desk(), CLOSE)
    record = ledger.run(first.run_id)
    assert record is not None
    assert record.status is RunStatus.REJECTED
    assert ledger.intents(first.run_id)[1].state is OrderState.NOT_SENT


async def test_a_run_after_the_latest_start_is_missed_and_does_nothing(office: Office, ledger: SqlLedger) -> None:
    office.world.set_session(now=datetime(2022, 3, 14, 19, 31, tzinfo=UTC))
    result = await run_daily(office.desk(), DAY)
    assert result.status is RunStatus.MISSED
    assert office.broker.posts.total() == 0
    assert ledger.intents(result.run_id) == ()


async def test_a_quantity_that_changed_by_itself_is_left_alone_until_a_person_has_looked(
    office: Office, ledger: SqlLedger
) -> None:
    await run_daily(office.desk(), DAY)
    office.world.next_day(TODAY + timedelta(days=1))
    office.broker.orders.clear()
    number, position = next((n, p) for n, p in office.world.positions.items() if p.instrument.symbol == "KO")
    office.world.positions[number] = type(position)(
        position.instrument, position.quantity * 2, Decimal(50), Decimal(90)
    )
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    (mark,) = result.report["continuity"]["quarantine"]
    assert mark["symbol"] == "KO"
    assert "like a split of 2:1" in mark["reason"]
    # A loss of 44 % is past the stop, and still nothing is sold: the numbers cannot be trusted.
    assert "KO" in {due["symbol"] for due in result.report["evaluation"]["exits_due"]}
    assert "KO" not in {order["symbol"] for order in result.report["orders"]}
    assert "KO" in result.report["market"]["untradable"]
    ledger.release(BOOK, number, "a split, seen at the broker", "owner", office.world.now())
    assert ledger.quarantined(BOOK) == ()
