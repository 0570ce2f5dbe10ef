"""What a person sees of a fall that is acted upon: an event of that day's run, and the fall from the highest value."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from tests.support.fakes import Office
from tests.support.world import TODAY


async def test_the_day_on_which_a_fall_is_acted_upon_says_so_on_record_with_the_value_that_it_fell_from(
    office: Office,
) -> None:
    await run_daily(office.desk(), RunRequest())
    office.broker.end_day()
    office.world.next_day(TODAY + timedelta(days=1))
    office.world.positions = {
        conid: replace(position, price=Decimal(70)) for conid, position in office.world.positions.items()
    }
    fallen = await run_daily(office.desk(), RunRequest())
    assert fallen.report is not None
    told = office.ledger.events(0, None, ["recovery_began", "mark_rebased", "recovery_ended"], 10)
    assert [(event.kind, event.run_id) for event in told] == [("recovery_began", fallen.run_id)]
    (began,) = told
    assert Decimal(began.payload["mark"]) == pytest.approx(Decimal(250_000), abs=Decimal("0.01"))
    assert Decimal(began.payload["nav"]) == Decimal(fallen.report["portfolio"]["nav"])
    shown = {metric["name"]: metric for metric in fallen.report["evaluation"]["metrics"]}
    assert shown["lifetime_drawdown"]["value"] == shown["drawdown"]["value"] == began.payload["drawdown"]
    assert shown["lifetime_drawdown"]["limit"] is None
    assert office.ledger.verify().ok
