"""The report names the lots of what is held, and those that a sale takes, from the ledger's fills."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from rich.console import Console

from app.commands.terminal import show_report
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from tests.support.fakes import Office, policy
from tests.support.world import PRICE, TODAY, conid
from tests.support.worlds import changed

WINNER = conid("JPM")


async def test_lots_bought_by_the_desk_have_a_date_a_cost_and_a_gain_and_older_ones_none(office: Office) -> None:
    office.policy = changed(policy(), "strategies.sector_rotation.enabled", False)
    held = office.world.positions
    held.update({n: replace(position, average_cost=PRICE) for n, position in held.items() if n != WINNER})
    first = await run_daily(office.desk(), RunRequest())
    assert first.report is not None
    assert first.report["decision"]["action"] == "REINFORCE"
    (order,) = first.report["orders"]
    assert (order["symbol"], order["side"], order["lots"]) == ("JPM", "BUY", [])

    # Four days later it is past its stop.
    office.world.next_day(TODAY + timedelta(days=4))
    office.broker.orders.clear()
    held[WINNER] = replace(held[WINNER], average_cost=Decimal(130))
    report = (await run_daily(office.desk(), RunRequest())).report
    assert report is not None
    old = {"acquired": None, "quantity": "170", "cost": None, "unrealized_pnl": None, "holding_days": None}
    bought = Decimal(order["filled_quantity"])
    own = {
        "acquired": TODAY.isoformat(),
        "quantity": f"{bought}",
        "cost": order["average_price"],
        "unrealized_pnl": f"{bought * (PRICE - Decimal(order['average_price'])):.2f}",
        "holding_days": 4,
    }
    (jpm,) = (row for row in report["portfolio"]["positions"] if row["symbol"] == "JPM")
    assert jpm["lots"] == [old, own]
    sold = [row for row in report["orders"] if row["symbol"] == "JPM"]
    assert [row["side"] for row in sold] == ["SELL"]
    assert sold[0]["lots"] == [old, own]

    console = Console(width=200, record=True)
    show_report(console, report)
    text = console.export_text()
    said = f"170 bought before the record began or elsewhere, {bought} bought {TODAY} at"
    assert f"lots of JPM: {said}" in text
    assert f"sold of JPM: {said}" in text
