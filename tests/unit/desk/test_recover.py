"""A person recovers a ledger that was restored from an older copy: what was lost is taken over, and nothing is sent."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.desk.run.recover import Wishes, recover, show_recovery
from app.domain.errors import UsageError
from app.domain.order import OrderState
from app.domain.policy import Mode
from app.domain.ruling import KillLevel
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import Office, policy
from tests.support.ledgers import SqliteDatabases
from tests.support.world import TODAY, conid
from tests.unit.ledger.builders import ManualTime

DAY = RunRequest()
ALL = Wishes("Ann", "the disk broke", adopt=("all",))
NONE = Wishes("Ann", "not ours", abandon=("all",))


@pytest.fixture
def older(ledger: SqlLedger, ledger_url: str, lease_time: ManualTime, tmp_path: Path) -> Iterator[SqlLedger]:
    """A copy of the ledger as it is before the test."""
    ledger.dispose()
    folder = tmp_path / "older"
    folder.mkdir()
    opened = open_ledger(SqliteDatabases(folder).copy(ledger_url), lease_seconds=120, now=lease_time)
    yield opened
    opened.dispose()


async def restored(office: Office, older: SqlLedger) -> None:
    """The day trades, the older copy takes the ledger's place, and the day's run halts."""
    await run_daily(office.desk(), DAY)
    office.ledger = older
    assert (await run_daily(office.desk("two"), DAY)).status is RunStatus.HALTED


async def test_orders_that_the_ledger_lacks_are_shown_with_the_run_that_they_belonged_to(
    office: Office, older: SqlLedger
) -> None:
    await restored(office, older)
    before = older.runs()
    seen = await show_recovery(office.desk())
    whose = {(o["symbol"], o["gap"], o["session_date"], o["slot"], o["leg"]) for o in seen["orders"]}
    assert whose == {(symbol, "unknown", TODAY.isoformat(), "daily", 1) for symbol in ("AAPL", "MSFT")}
    assert all(o["may"] == ["adopt", "abandon"] for o in seen["orders"])
    assert (seen["left"], seen["level"]) == (2, "HALTED")
    assert any("audit verify" in step for step in seen["next"])
    assert any("portfolio resume" in step for step in seen["next"])
    assert older.runs() == before


async def test_what_is_adopted_is_a_run_with_its_orders_and_the_day_does_not_trade_again(
    office: Office, older: SqlLedger
) -> None:
    await restored(office, older)
    done = await recover(office.desk(), ALL)
    assert done.report is not None
    assert (done.report["left"], len(done.report["adopted"])) == (0, 2)
    found = older.find_intents(older.books()[0].name, done.report["adopted"])
    assert {(i.symbol, i.state, i.filled_quantity, i.sends) for i in found.values()} == {
        ("AAPL", OrderState.FILLED, Decimal(170), 1),
        ("MSFT", OrderState.FILLED, Decimal(170), 1),
    }
    assert older.day_use(older.books()[0].name, TODAY).orders == 2
    assert older.level(older.books()[0].name).level is KillLevel.HALTED
    assert older.verify().problems == ()

    older.set_level(older.books()[0].name, KillLevel.ACTIVE, "recovered", "Ann", office.world.now())
    sent = office.broker.sent_symbols()
    await run_daily(office.desk("three"), DAY)
    assert office.broker.sent_symbols() == sent


async def test_a_day_that_was_not_run_again_is_held_by_a_run_that_says_how_it_came_to_be(
    office: Office, older: SqlLedger
) -> None:
    await run_daily(office.desk(), DAY)
    office.ledger = older
    await recover(office.desk(), ALL)
    again = await run_daily(office.desk("two"), DAY)
    assert again.status is RunStatus.DONE
    assert again.report is not None
    assert "Ann: the disk broke" in again.report["note"]
    assert [order["state"] for order in again.report["orders"]] == ["FILLED", "FILLED"]


async def test_recovering_twice_does_nothing_twice(office: Office, older: SqlLedger) -> None:
    await restored(office, older)
    first = await recover(office.desk(), ALL)
    assert first.report is not None
    runs = len(older.runs())
    named = Wishes("Ann", "again", adopt=tuple(first.report["adopted"]))
    second = await recover(office.desk(), named)
    assert second.report is not None
    assert (second.report["adopted"], second.report["left"]) == ([], 0)
    assert len(older.runs()) == runs + 1


async def test_what_is_abandoned_halts_no_more_and_keeps_automatic_orders_off_its_name(
    office: Office, older: SqlLedger
) -> None:
    await restored(office, older)
    done = await recover(office.desk(), NONE)
    assert done.report is not None
    assert (len(done.report["abandoned"]), done.report["left"]) == (2, 0)
    book = older.books()[0].name
    assert {q.symbol for q in older.quarantined(book)} == {"AAPL", "MSFT"}
    assert older.day_use(book, TODAY).orders == 0
    older.set_level(book, KillLevel.ACTIVE, "recovered", "Ann", office.world.now())
    sent = office.broker.sent_symbols()
    afternoon = await run_daily(office.desk("three"), RunRequest(slot="afternoon"))
    assert afternoon.status is RunStatus.DONE
    assert {symbol for symbol, _ in office.broker.sent_symbols()[len(sent) :]}.isdisjoint({"AAPL", "MSFT"})
    assert older.verify().problems == ()


async def test_a_plan_that_the_copy_has_and_its_sends_not_is_adopted_in_place_and_sends_no_more(
    office: Office, ledger: SqlLedger, ledger_url: str, lease_time: ManualTime, tmp_path: Path
) -> None:
    office.policy = policy({"mode": Mode.APPROVE})
    waits = await run_daily(office.desk(), DAY)
    planned = ledger.intents(waits.run_id)
    open_sell = next(i for i in planned if i.state is OrderState.PLANNED)
    ledger.dispose()
    # What the copy does not know: one of the orders that wait was sent, and filled.
    office.broker.appear(open_sell.coid, open_sell.symbol, open_sell.side, open_sell.quantity)
    seen = await show_recovery(office.desk())
    (stray,) = seen["orders"]
    assert (stray["gap"], stray["run_id"], stray["in_ledger"]) == ("never_sent", waits.run_id, "PLANNED")
    assert f"`portfolio reject {waits.run_id}`" in " ".join(seen["next"])
    done = await recover(office.desk(), ALL)
    assert done.report is not None
    after = {i.coid: i for i in ledger.intents(waits.run_id)}
    assert (after[open_sell.coid].state, after[open_sell.coid].sends) == (OrderState.FILLED, 1)
    assert OrderState.PLANNED not in {i.state for i in after.values()}
    assert ledger.verify().problems == ()


async def test_an_exit_by_hand_is_recognised_as_one(office: Office, older: SqlLedger) -> None:
    await exit_position(office.desk(), "KO", "Ann")
    office.ledger = older
    seen = await show_recovery(office.desk())
    assert [(o["symbol"], o["slot"]) for o in seen["orders"]] == [("KO", "exit-ko-1")]
    await recover(office.desk(), ALL)
    (intent,) = older.find_intents(older.runs()[0].key.book, [seen["orders"][0]["coid"]]).values()
    assert (intent.exit, [rule.value for rule in intent.rules]) == (True, ["manual_exit"])


async def test_an_id_that_follows_from_no_run_of_the_account_is_better_abandoned(office: Office) -> None:
    await run_daily(office.desk(), DAY)
    office.broker.stranger("PM" + "0" * 20, "KO", Decimal(5))
    seen = await show_recovery(office.desk())
    assert [(o["slot"], o["may"]) for o in seen["orders"]] == [(None, ["abandon", "adopt"])]
    assert "another installation" in seen["orders"][0]["why"]


async def test_two_orders_under_one_id_can_only_be_abandoned(office: Office) -> None:
    for _ in range(2):
        office.broker.stranger("PM" + "0" * 20, "KO", Decimal(5))
    seen = await show_recovery(office.desk())
    assert [o["may"] for o in seen["orders"]] == [["abandon"]]
    with pytest.raises(UsageError, match="cannot be adopted: the broker holds 2 orders"):
        await recover(office.desk(), replace(ALL, adopt=("PM" + "0" * 20,)))


async def test_an_order_that_is_only_behind_needs_nobody_and_is_settled_with_all_others(
    office: Office, ledger: SqlLedger
) -> None:
    office.broker.fates = {"AAPL": Fate.RESTS, "MSFT": Fate.RESTS}
    await run_daily(office.desk(), DAY)
    order = office.broker.working()[0]
    office.broker.fill(order.order_id, order.quantity)
    seen = await show_recovery(office.desk())
    assert ([o["gap"] for o in seen["orders"]], seen["left"]) == (["behind"], 0)
    await recover(office.desk(), ALL)
    found = ledger.find_intent(ledger.books()[0].name, str(order.coid))
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, order.quantity)


async def test_fills_that_the_broker_no_longer_tells_are_quantities_that_do_not_follow(
    office: Office, ledger: SqlLedger
) -> None:
    await run_daily(office.desk(), DAY)
    office.world.next_day(TODAY + timedelta(1))
    office.world.fill(conid("KO"), Decimal(-20), Decimal(100))
    seen = await show_recovery(office.desk())
    assert [doubt["symbol"] for doubt in seen["doubts"]] == ["KO"]
    assert any("`portfolio release KO`" in step for step in seen["next"])


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (Wishes("Ann", "why"), "nothing is asked for"),
        (Wishes("Ann", "why", ("all",), ("all",)), "adopted and abandoned"),
        (Wishes("Ann", "why", ("PM1",)), "shows no order PM1"),
        (Wishes(" ", "why", ("all",)), "actor is blank"),
        (Wishes("Ann", "", ("all",)), "reason is blank"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_before_anything_is_written(
    office: Office, ledger: SqlLedger, wishes: Wishes, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        await recover(office.desk(), wishes)
    assert ledger.runs() == ()
