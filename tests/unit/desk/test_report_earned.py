"""The daily report tells what each action and rule has earned or cost, from the ledger's fills and today's prices."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from rich.console import Console

from app.commands.terminal import show_report
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.engine.earned import EXITS
from tests.support.fakes import Office, policy
from tests.support.world import PRICE, TODAY, conid
from tests.support.worlds import changed


async def test_what_was_bought_and_sold_is_told_against_not_having_traded(office: Office) -> None:
    office.policy = changed(policy(), "strategies.sector_rotation.enabled", False)
    first = await run_daily(office.desk(), RunRequest())
    assert first.report is not None
    assert first.report["earned"]["total"]["fills"] == 0
    filled = [order for order in first.report["orders"] if Decimal(order["filled_quantity"])]
    assert {order["symbol"] for order in filled if order["side"] == "SELL"} >= {"AAPL"}

    office.world.next_day(TODAY + timedelta(days=1))
    office.broker.orders.clear()
    held = office.world.positions
    now = {conid(order["symbol"]): PRICE for order in filled}
    for number, position in held.items():
        held[number] = replace(position, price=Decimal(110))
        now[number] = Decimal(110)
    report = (await run_daily(office.desk(), RunRequest(dry_run=True))).report
    assert report is not None
    told = report["earned"]
    assert told["since"] == report["adoption"]["session_date"]
    assert told["total"]["fills"] == len(filled)
    assert told["total"]["unpriced"] == 0

    expected = Decimal(0)
    for order in filled:
        quantity, price = Decimal(order["filled_quantity"]), Decimal(order["average_price"])
        rise = quantity * (now[conid(order["symbol"])] - price)
        expected += rise if order["side"] == "BUY" else -rise
    fees = Decimal(told["total"]["fees"])
    assert Decimal(told["total"]["earned"]) + fees == expected.quantize(Decimal("0.01"))
    by_action = {row["name"]: row for row in told["actions"]}
    assert sum(Decimal(row["earned"]) for row in told["actions"]) == Decimal(told["total"]["earned"])
    assert by_action[EXITS]["fills"] == len([order for order in filled if order["symbol"] == "AAPL"])
    assert "stop_loss" in {row["name"] for row in told["rules"]}

    console = Console(width=80, record=True)
    show_report(console, report)
    assert f"What each action and rule has earned or cost since {told['since']}" in console.export_text()
