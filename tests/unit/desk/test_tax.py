"""What a run's report, and the ledger alone, say of gains: numbers of the record, and what it does not know."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from app.commands.tax import tax_text
from app.commands.terminal import show_report
from app.desk.accounts import Whose
from app.desk.controls.tax import tax_of
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.domain.errors import UsageError
from app.domain.policy import LotMethod
from tests.support.fakes import Office, policy
from tests.support.world import ACCOUNT, PRICE, TODAY, conid
from tests.support.worlds import changed

LATER = TODAY + timedelta(days=4)
WINNER = conid("JPM")
Told = Mapping[str, Any]


async def ran(office: Office) -> Told:
    result = await run_daily(office.desk(), RunRequest())
    assert result.report is not None
    return result.report


def of(part: Told, symbol: str) -> Told:
    found: list[Told] = [row for row in part["names"] if row["symbol"] == symbol]
    assert len(found) == 1
    return found[0]


def tax(office: Office, year: int | None = None, account: str | None = None) -> Told:
    return tax_of(office.ledger, Whose(account), LotMethod.FIFO, year)


@pytest.fixture
async def sold(office: Office) -> tuple[Office, Told, Told]:
    """A winner is added to, and four days later a person sells all of it; what was added makes a loss."""
    office.policy = changed(policy(), "strategies.sector_rotation.enabled", False)
    held = office.world.positions
    held.update({n: replace(position, average_cost=PRICE) for n, position in held.items() if n != WINNER})
    first = await ran(office)
    office.world.next_day(LATER)
    office.broker.orders.clear()
    left = await exit_position(office.desk(), "JPM", "a person")
    assert left.report is not None
    return office, first, left.report


async def test_a_plan_tells_what_its_sale_would_bring_and_the_report_what_it_brought(
    sold: tuple[Office, Told, Told],
) -> None:
    _, first, second = sold
    (order,) = first["orders"]
    more = Decimal(order["filled_quantity"])
    opened = next(row for row in first["portfolio"]["positions"] if row["symbol"] == "JPM")
    old, cost = Decimal(opened["quantity"]), Decimal(opened["average_cost"])
    plan = next(plan for plan in second["plans"] if plan["id"] == second["decision"]["plan_id"])
    (row,) = (row for row in plan["tax"] if row["symbol"] == "JPM")
    assert (row["side"], Decimal(row["sales"]["quantity"])) == ("SELL", old + more)
    assert Decimal(row["sales"]["unknown_term"]) == old * (PRICE - cost)
    assert row["loss_until"] == (LATER + timedelta(days=30)).isoformat()

    realised = of(second["tax"], "JPM")["realised"]
    (sale,) = (order for order in second["orders"] if order["symbol"] == "JPM")
    assert sale["state"] == "FILLED"
    got = Decimal(sale["average_price"])
    assert Decimal(realised["quantity"]) == old + more
    assert abs(Decimal(realised["unknown_term"]) - old * (got - cost)) < old
    assert Decimal(realised["short_term"]) < 0
    (total,) = second["tax"]["totals"]
    assert total["today"] == total["realised"] == realised
    assert any("JPM: when 170 shares were bought" in line for line in second["tax"]["unknown"])


async def test_the_ledger_alone_tells_the_same_as_the_report(sold: tuple[Office, Told, Told]) -> None:
    office, _, second = sold
    told = tax(office)
    assert told["account"] != ACCOUNT
    assert of(told, "JPM")["realised"] == of(second["tax"], "JPM")["realised"]
    assert told["totals"] == second["tax"]["totals"]
    assert (told["year"], told["as_of"]) == (2022, LATER.isoformat())
    assert tax(office, 2021)["totals"][0]["realised"]["quantity"] == "0"


async def test_the_next_day_shows_the_window_in_which_buying_again_puts_the_loss_off(
    sold: tuple[Office, Told, Told],
) -> None:
    office, _, second = sold
    office.world.next_day(LATER + timedelta(days=3))
    office.broker.orders.clear()
    row = of((await ran(office))["tax"], "JPM")
    assert row["loss_until"] == (LATER + timedelta(days=30)).isoformat()
    assert Decimal(row["open_loss"]) == -Decimal(of(second["tax"], "JPM")["realised"]["short_term"])
    assert row == of(tax(office), "JPM")


async def test_a_person_reads_gains_terms_windows_and_that_it_is_not_advice(sold: tuple[Office, Told, Told]) -> None:
    office, _, second = sold
    console = Console(width=200, record=True)
    show_report(console, second)
    console.print(tax_text(tax(office)))
    text = console.export_text()
    assert "SELL JPM: would realise" in text
    assert "Gains of 2022, not advice" in text
    assert f"buying it up to {LATER + timedelta(days=30)} puts off a loss of" in text
    assert "Numbers of this record, not advice" in text


async def test_a_year_to_come_and_a_ledger_without_a_run_are_refused_with_what_to_do(office: Office) -> None:
    with pytest.raises(UsageError, match="holds no run yet"):
        tax(office)
    await ran(office)
    with pytest.raises(UsageError, match="2023 is no year up to 2022"):
        tax(office, 2023)


async def test_each_account_has_its_own_gains(office: Office) -> None:
    office.world.set_session(accounts=(ACCOUNT, "DU7654321"))
    office.account = ACCOUNT
    await ran(office)
    with pytest.raises(UsageError, match="not on record"):
        tax(office, account="DU7654321")
    assert tax(office, account=ACCOUNT)["names"]
