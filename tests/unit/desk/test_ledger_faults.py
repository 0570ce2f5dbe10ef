"""The ledger fails in the middle of a run, or comes back as an older copy: nothing is sent twice, nothing is hidden."""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.stages.pipeline import perform_stages
from app.desk.states import Executed, Run
from app.domain.errors import LedgerUnavailable, OrderUncertain
from app.domain.order import BrokerOrder, OrderReport, OrderState, Placement, Ticket
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import FakeBroker, Office
from tests.support.world import TODAY
from tests.unit.ledger.builders import ManualTime

pytestmark = pytest.mark.slow

DAY = RunRequest()


@dataclass
class Watched(FakeBroker):
    """Tells before and after each order what a test wants to happen then; may forget its order list, as brokers do."""

    before: Callable[[int], object] = lambda _: None
    after: Callable[[int], object] = lambda _: None
    forgets: bool = False
    sends: int = field(default=0)

    async def place(self, ticket: Ticket, signature: str) -> Placement:
        self.sends += 1
        self.before(self.sends)
        placement = await super().place(ticket, signature)
        self.after(self.sends)
        return placement

    async def report(self, account: str) -> OrderReport:
        return replace(await super().report(account), trades=tuple(self.trades))

    def _list(self) -> tuple[BrokerOrder, ...]:
        return () if self.forgets else super()._list()


@dataclass
class Taken:
    """The ledger's file, which can be taken away and put back."""

    path: Path

    def away(self) -> None:
        self.path.rename(self.path.with_suffix(".away"))

    def back(self) -> None:
        self.path.with_suffix(".away").rename(self.path)


@pytest.fixture
def broker(office: Office) -> Watched:
    office.broker = Watched(office.world)
    return office.broker


@pytest.fixture
def taken(ledger_url: str) -> Taken:
    return Taken(Path(ledger_url.removeprefix("sqlite:///")))


def only(count: int, act: Callable[[], object]) -> Callable[[int], object]:
    return lambda number: act() if number == count else None


async def until_done(office: Office, lease_time: ManualTime) -> None:
    """The runs that a scheduler would start, until the day is done."""
    for _ in range(5):
        lease_time.advance(200)
        with suppress(OrderUncertain):
            if (await run_daily(office.desk(), DAY)).status is RunStatus.DONE:
                return
    raise AssertionError("the day is not done")


@pytest.mark.parametrize(
    "fate", [Fate.FILLS, Fate.RESTS, Fate.ANSWER_LOST, Fate.KNOWN_ALREADY], ids=lambda fate: fate.name
)
@pytest.mark.parametrize("which", [1, 2])
async def test_an_order_whose_answer_cannot_be_recorded_is_uncertain_to_the_caller_and_found_by_the_next_run(
    office: Office, broker: Watched, ledger: SqlLedger, taken: Taken, lease_time: ManualTime, which: int, fate: Fate
) -> None:
    broker.fate = lambda _: fate
    broker.after = only(which, taken.away)
    with pytest.raises(OrderUncertain, match=r"not on record: .*not there any more") as caught:
        await run_daily(office.desk(), DAY)
    assert "Nothing more was sent" in (caught.value.remedy or "")
    assert broker.posts.total() == which
    for _ in range(2):
        with pytest.raises(LedgerUnavailable):
            await run_daily(office.desk(), DAY)
    assert broker.posts.total() == which
    taken.back()
    broker.after = lambda _: None
    await until_done(office, lease_time)
    assert set(broker.posts.values()) == {1}
    assert broker.posts.total() == 2
    assert ledger.verify().ok


@pytest.mark.parametrize("fate", [Fate.IS_REJECTED, Fate.IS_REFUSED], ids=lambda fate: fate.name)
async def test_an_order_that_was_surely_not_taken_is_not_called_uncertain(
    office: Office, broker: Watched, taken: Taken, fate: Fate
) -> None:
    broker.fate = lambda _: fate
    broker.after = only(1, taken.away)
    with pytest.raises(LedgerUnavailable, match="not there any more"):
        await run_daily(office.desk(), DAY)
    assert broker.posts.total() == 1


async def test_a_ledger_that_is_gone_before_an_order_is_committed_sends_nothing(
    office: Office, broker: Watched, ledger: SqlLedger, taken: Taken, lease_time: ManualTime
) -> None:
    async def after_the_decision(desk: Desk, run: Run) -> Executed:
        taken.away()
        return await perform_stages(desk, run)

    with pytest.raises(LedgerUnavailable):
        await run_daily(office.desk(), DAY, after_the_decision)
    assert broker.posts.total() == 0
    taken.back()
    await until_done(office, lease_time)
    assert (broker.posts.total(), set(broker.posts.values())) == (2, {1})


async def test_the_end_of_a_run_is_on_record_once_the_ledger_is_back_and_nobody_waits_for_its_lease(
    office: Office, ledger: SqlLedger, taken: Taken
) -> None:
    async def after_the_decision(desk: Desk, run: Run) -> Executed:
        taken.away()
        return await perform_stages(desk, run)

    with pytest.raises(LedgerUnavailable):
        await run_daily(office.desk(), DAY, after_the_decision)
    taken.back()
    async with asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.05)
            if ledger.runs(1)[0].status is RunStatus.FAILED:
                break
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE


async def test_a_run_that_only_cannot_be_closed_is_closed_by_the_next_and_is_not_failed(
    office: Office, broker: Watched, ledger: SqlLedger, taken: Taken, lease_time: ManualTime
) -> None:
    async def and_then_gone(desk: Desk, run: Run) -> Executed:
        done = await perform_stages(desk, run)
        taken.away()
        return done

    with pytest.raises(LedgerUnavailable):
        await run_daily(office.desk(), DAY, and_then_gone)
    taken.back()
    await until_done(office, lease_time)
    (run,) = ledger.runs()
    assert run.status is RunStatus.DONE
    assert run.report is not None
    assert {order["state"] for order in run.report["orders"]} == {OrderState.FILLED}
    assert (broker.posts.total(), set(broker.posts.values())) == (2, {1})


def copied(taken: Taken, ledger: SqlLedger, into: list[bytes]) -> Callable[[], object]:
    """A copy of the ledger as it is on the disk now."""

    def copy() -> None:
        ledger.dispose()
        into.append(taken.path.read_bytes())

    return copy


@pytest.mark.parametrize("forgets", [False, True], ids=["listed", "only its executions are listed"])
@pytest.mark.parametrize("has_past", [False, True], ids=["first day", "second day"])
@pytest.mark.parametrize("when", ["before the run", "while the first is sent", "after the first"])
async def test_an_older_copy_that_lacks_todays_orders_sends_none_of_them_again(
    office: Office,
    broker: Watched,
    ledger: SqlLedger,
    taken: Taken,
    lease_time: ManualTime,
    when: str,
    forgets: bool,
    has_past: bool,
) -> None:
    if has_past:
        await run_daily(office.desk(), DAY)
        office.world.next_day(TODAY + timedelta(days=1))
        office.broker.orders.clear()
        broker.posts.clear()
        broker.sends = 0
    older: list[bytes] = []
    copy = copied(taken, ledger, older)
    if when == "before the run":
        copy()
    broker.before = only(1, copy) if when == "while the first is sent" else lambda _: None
    broker.after = only(2, copy) if when == "after the first" else lambda _: None
    assert (await run_daily(office.desk(), DAY)).status is RunStatus.DONE
    sent = broker.posts.total()
    assert sent >= 2
    ledger.dispose()
    shutil.copy(taken.path, taken.path.with_suffix(".newest"))
    taken.path.write_bytes(older[0])
    # The service was started again: this process knows nothing of the newer ledger.
    office.ledger = restored = open_ledger(f"sqlite:///{taken.path}", now=lease_time)
    broker.forgets = forgets
    for _ in range(4):
        lease_time.advance(200)
        with suppress(OrderUncertain):
            done = await run_daily(office.desk("two"), DAY)
            assert done.status in {RunStatus.HALTED, RunStatus.DONE}
    assert set(broker.posts.values()) == {1}
    assert broker.posts.total() == sent
    assert restored.verify().ok
    restored.dispose()
