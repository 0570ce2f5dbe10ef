"""Kill levels: what raises them, what they bind, and who lowers them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from app.desk.controls.level import level_of, set_level
from app.desk.ports import ModelUse, Offer
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.reconcile_now import reconcile_now
from app.domain.order import Side
from app.domain.plan import Choice
from app.domain.ruling import KillLevel
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import FakeChooser, Office, policy
from tests.support.world import ACCOUNT, TODAY, conid

DAY = RunRequest()
BOOK = f"{ACCOUNT}@sim:{TODAY}:7:synthetic"


async def test_a_drawdown_beyond_the_limit_raises_no_level(office: Office, ledger: SqlLedger) -> None:
    *earlier, yesterday = office.world.performance
    office.world.performance = (*((day, nav * 2) for day, nav in earlier), yesterday)
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    assert result.report["level"]["level"] == "ACTIVE"
    assert ledger.level(BOOK).level is KillLevel.ACTIVE


async def test_a_day_that_loses_too_much_leaves_exits_only_until_a_person_resumes(
    office: Office, ledger: SqlLedger
) -> None:
    office.world.performance = tuple((day, nav * 2) for day, nav in office.world.performance)
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    assert result.report["level"]["level"] == "REDUCING"
    assert "daily_loss is 50.0%, limit 5.0%" in result.report["level"]["reason"]
    assert {side for _, side in office.broker.sent_symbols()} <= {Side.SELL}
    assert ledger.level(BOOK).level is KillLevel.REDUCING
    set_level(ledger, KillLevel.ACTIVE, "looked at it", "owner", office.world.now())
    assert level_of(ledger)["level"] == "ACTIVE"


async def test_a_preview_says_what_the_level_would_be_and_changes_nothing(office: Office, ledger: SqlLedger) -> None:
    office.world.performance = tuple((day, nav * 2) for day, nav in office.world.performance)
    result = await run_daily(office.desk(), RunRequest(dry_run=True))
    assert result.report is not None
    assert result.report["level"]["level"] == "REDUCING"
    assert ledger.level(BOOK).level is KillLevel.ACTIVE


async def test_many_runs_without_a_person_raise_no_level(office: Office, ledger: SqlLedger) -> None:
    office.policy = policy({"review_after_runs": 1})
    await run_daily(office.desk(), DAY)
    office.world.next_day(TODAY + timedelta(days=1))
    result = await run_daily(office.desk(), DAY)
    assert result.report is not None
    assert result.report["level"]["level"] == "ACTIVE"
    assert ledger.level(BOOK).level is KillLevel.ACTIVE


async def test_halting_takes_our_open_buys_back_and_leaves_sells(office: Office, ledger: SqlLedger) -> None:
    office.broker.fates = {"AAPL": Fate.RESTS, "MSFT": Fate.RESTS}
    await run_daily(office.desk(), DAY)
    sell = office.broker.orders[0]
    buy = replace(sell, order_id="77", side=Side.BUY, coid=None, limit_price=Decimal(99))
    office.broker.orders.append(buy)
    ledger.set_level(None, KillLevel.HALTED, "a test", "owner", office.world.now())
    result = await reconcile_now(office.desk())
    assert result.status is RunStatus.RECONCILED
    # Another program's buy is not ours to cancel, and our sells lower the risk.
    assert all(order.is_open for order in office.broker.orders)


async def test_a_halt_between_planning_and_sending_stops_the_send(office: Office, ledger: SqlLedger) -> None:
    class HaltsWhileChoosing(FakeChooser):
        async def choose(self, offer: Offer) -> tuple[Choice, ModelUse]:
            ledger.set_level(None, KillLevel.HALTED, "just now", "owner", office.world.now())
            return await super().choose(offer)

    office.chooser = HaltsWhileChoosing()
    result = await run_daily(office.desk(), DAY)
    assert office.broker.posts.total() == 0
    assert result.report is not None
    assert {order["state"] for order in result.report["orders"]} == {"NOT_SENT"}
    assert all("kill_level" in order["reason"] for order in result.report["orders"])


async def test_an_order_under_our_name_that_was_never_sent_halts_the_book(office: Office, ledger: SqlLedger) -> None:
    office.broker.appear("PM0123456789abcdef0123", "KO", Side.SELL, Decimal(1))
    result = await run_daily(office.desk(), DAY)
    assert result.status is RunStatus.HALTED
    assert ledger.level(BOOK).level is KillLevel.HALTED
    assert conid("KO") in office.world.positions
