"""Money paid in or out is neither gain nor loss: drawdown and index through the ledger, day after day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from app.desk.records import Flow
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.navs import NavKind, NavPoint, since
from app.domain.policy import Policy
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office, policy
from tests.support.world import ACCOUNT, PRICE, TODAY

BOOK = f"{ACCOUNT}@sim:{TODAY}:7:synthetic"
INVESTED, CASH = Decimal(204_000), Decimal(46_000)


def idle() -> Policy:
    """The default without anything that buys or sells by choice."""
    shipped = policy()
    names = ("reinforce_winners", "sector_rotation", "cut_losers", "rebalance")
    off = {name: getattr(shipped.strategies, name).model_copy(update={"enabled": False}) for name in names}
    return shipped.model_copy(update={"strategies": shipped.strategies.model_copy(update=off)})


def priced(office: Office, price: Decimal) -> None:
    """Every holding at that price, bought at 100."""
    held = office.world.positions
    held.update({n: replace(position, price=price, average_cost=PRICE) for n, position in held.items()})


async def day(office: Office, on: date) -> tuple[float | None, float | None]:
    """(drawdown, loss of the day) that the daily run of that day measures; its close is recorded after it."""
    office.world.next_day(on)
    result = await run_daily(office.desk(), RunRequest())
    assert result.report is not None
    measured = {metric["name"]: metric["value"] for metric in result.report["evaluation"]["metrics"]}
    office.world.set_session(now=datetime(on.year, on.month, on.day, 20, 30, tzinfo=UTC))
    await run_daily(office.desk(), RunRequest(slot="close"))
    return measured["drawdown"], measured["daily_loss"]


def closing(ledger: SqlLedger) -> NavPoint:
    return next(point for point in reversed(ledger.navs(BOOK)) if point.kind is NavKind.CLOSE)


@pytest.mark.parametrize("amount", [80_000, -20_000])
async def test_a_deposit_or_a_withdrawal_moves_neither_the_drawdown_nor_the_index_nor_the_peak(
    office: Office, ledger: SqlLedger, amount: int
) -> None:
    office.policy = idle()
    priced(office, PRICE)
    assert await day(office, TODAY) == (0.0, 0.0)
    before = closing(ledger)

    second = TODAY + timedelta(days=1)
    office.world.cash += amount
    ledger.add_flow(BOOK, Flow(second, Decimal(amount), "from my bank", "owner"), office.world.now())
    assert await day(office, second) == (0.0, 0.0)
    after = closing(ledger)
    assert (after.session_date, after.nav) == (second, before.nav + amount)
    assert (after.index, after.peak) == (before.index, before.peak)


@pytest.mark.parametrize("amount", [80_000, -20_000])
async def test_the_fall_after_a_flow_is_measured_from_all_the_money_that_was_there(
    office: Office, ledger: SqlLedger, amount: int
) -> None:
    office.policy = idle()
    priced(office, PRICE)
    await day(office, TODAY)
    second, third = TODAY + timedelta(days=1), TODAY + timedelta(days=2)
    office.world.cash += amount
    ledger.add_flow(BOOK, Flow(second, Decimal(amount), "from my bank", "owner"), office.world.now())
    await day(office, second)

    priced(office, Decimal(97))
    lost = float(INVESTED * 3 / 100 / (INVESTED + CASH + amount))
    assert await day(office, third) == pytest.approx((lost, lost))
    assert closing(ledger).drawdown == pytest.approx(lost)


@pytest.mark.parametrize("amount", [80_000, -20_000])
async def test_a_flow_on_a_day_of_losses_hides_none_and_adds_none(
    office: Office, ledger: SqlLedger, amount: int
) -> None:
    office.policy = idle()
    priced(office, PRICE)
    await day(office, TODAY)
    second = TODAY + timedelta(days=1)
    priced(office, Decimal(97))
    office.world.cash += amount
    ledger.add_flow(BOOK, Flow(second, Decimal(amount), "from my bank", "owner"), office.world.now())
    lost = float(INVESTED * 3 / 100 / (INVESTED + CASH))
    assert await day(office, second) == pytest.approx((lost, lost))
    assert closing(ledger).drawdown == pytest.approx(lost)


def test_a_fall_since_a_day_counts_from_closes_and_not_from_what_an_account_was_worth_at_noon() -> None:
    told = [(0, NavKind.CLOSE, 1.5), (1, NavKind.RUN, 1.0), (1, NavKind.CLOSE, 0.9), (2, NavKind.RUN, 1.2)]
    told += [(2, NavKind.CLOSE, 0.95), (3, NavKind.RUN, 0.8)]
    points = [NavPoint(TODAY + timedelta(days=days), kind, Decimal(100), index, peak=2.0) for days, kind, index in told]
    # The first value counts before any close.
    assert [point.peak for point in since(points, TODAY + timedelta(days=1))] == [1.0, 1.0, 1.2, 1.0, 1.0]
    assert since(points, TODAY) == tuple(points)
