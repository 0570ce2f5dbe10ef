"""Cash that no trade explains, over both brokers: told in rows, classified by itself, a gain only where it is one."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from app.desk.ports import ModelUse, Offer
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.cash import CashKind, CashRow
from app.domain.navs import NavKind
from app.domain.plan import Choice
from app.ledger.engine import open_ledger
from tests.contract.conftest import OpenVenue
from tests.contract.desks import desk_at
from tests.contract.venue import Venue
from tests.support.fakes import FakeChooser, policy

HELD = {"holdings": [{"symbol": "KO", "weight_pct": 20}, {"symbol": "XOM", "weight_pct": 20}]}
# Of a day, by its number; each amount is another one every day.
PAID: dict[CashKind, Callable[[int], Decimal]] = {
    CashKind.INTEREST: lambda day: Decimal("12.34") + day,
    CashKind.FEE: lambda day: Decimal("-7.50") - day,
    CashKind.DEPOSIT: lambda day: Decimal(5_000) + 37 * day,
    CashKind.WITHDRAWAL: lambda day: Decimal("-1200.25") - 11 * day,
}


async def test_rows_tell_what_came_and_of_which_kind(open_venue: OpenVenue) -> None:
    venue = await open_venue(**HELD)
    quantity = {p.instrument.symbol: p.quantity for p in (await venue.portfolio()).positions}["KO"]
    await venue.pay_dividend("KO", Decimal("0.46"))
    for kind, amount in PAID.items():
        await venue.move_cash(kind, amount(0))
    rows = await told(venue)
    assert {(row.kind, row.amount, row.currency) for row in rows} == {
        (CashKind.DIVIDEND, quantity * Decimal("0.46"), "USD"),
        *((kind, amount(0), "USD") for kind, amount in PAID.items()),
    }
    assert {row.day for row in rows} == {venue.now.date()}
    assert rows == await told(venue)
    assert len({row.id for row in rows}) == len(rows)


async def told(venue: Venue) -> tuple[CashRow, ...]:
    return await venue.broker.cash_rows(venue.account, [venue.conid("KO")])


@dataclass
class Thinking(FakeChooser):
    """The rules' choice, two seconds later: what is sent is later than what was read."""

    venue: Venue = field(kw_only=True)

    async def choose(self, offer: Offer) -> tuple[Choice, ModelUse]:
        """See `Chooser.choose`."""
        await self.venue.exchange.move(advance_seconds=2)
        return await super().choose(offer)


@pytest.mark.parametrize("days", [2, pytest.param(20, marks=pytest.mark.long)])
async def test_income_and_costs_are_performance_and_flows_are_not_day_after_day(
    open_venue: OpenVenue, days: int, tmp_path: Path
) -> None:
    venue = await open_venue(**HELD)
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    desk = replace(desk_at(venue, ledger, policy()), chooser=Thinking(venue=venue))
    navs: list[Decimal] = []
    paid: list[Decimal] = []
    for day in range(days + 1):
        if day:
            await venue.exchange.move(next_session=True)
            await venue.pay_dividend("KO", Decimal("0.11"))
            for kind, amount in PAID.items():
                await venue.move_cash(kind, amount(day))
        await venue.exchange.move(advance_seconds=3600)
        result = await run_daily(desk, RunRequest())
        assert (result.status, result.report is not None) == (RunStatus.DONE, True)
        assert result.report is not None
        assert Decimal(result.report["continuity"]["unexplained_flow"]) == 0
        assert len(result.report["continuity"]["rows"]) == (len(PAID) + 1 if day else 0)
        await venue.exchange.move(to=f"{venue.now.date()}T20:30:00Z")
        await run_daily(desk, RunRequest(slot="close"))
        navs.append((await venue.portfolio()).nav)
        paid.append(sum((PAID[k](day) for k in PAID if k.is_flow), Decimal(0)) if day else Decimal(0))
    (book,) = ledger.books()
    kept = [point.index for point in ledger.navs(book.name) if point.kind is NavKind.CLOSE]
    ledger.dispose()
    values = pd.DataFrame({"nav": navs, "paid": paid}).astype(float)
    growth = ((values["nav"] - values["paid"]) / values["nav"].shift(1)).fillna(1.0)
    expected = growth.cumprod()
    assert [index / kept[0] for index in kept] == pytest.approx(list(expected), rel=1e-9, abs=0)
    # The day's own gain and loss without what came from outside is smaller than that by far.
    assert abs(expected.iloc[-1] - values["nav"].iloc[-1] / values["nav"].iloc[0]) > 0.005 * days
