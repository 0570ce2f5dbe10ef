"""An account that holds more than shares, beside All, too young for a performance, as a desk reads it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final

import pytest

from api_gateway.simulator.scenario import scenario_file
from tests.integration.mcp_desk import Desk, desk, signed, text_of, ticket
from tests.integration.registry_calls import AAPL, trading, valid

ACCOUNT: Final = "DU7654321"
# Of the gateway itself: it has neither event contracts nor that order, whatever an account holds.
NOT_THERE: Final = {
    "run_hmds_scanner_hmds_scanner_post",
    "get_events_contracts_events_contracts_get",
    "show_event_contract_events_show_get",
    "get_order_status_iserver_account_order_status",
}


@asynccontextmanager
async def strange_account() -> AsyncIterator[Desk]:
    async with desk("paper", pacing=0, scenario=scenario_file("strange")) as here:
        yield here


def by_kind(portfolio: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["asset_class"]: row for row in portfolio["positions"]}


async def test_every_line_is_carried_and_the_parts_add_up_to_what_the_account_is_worth() -> None:
    async with strange_account() as here:
        assert (await here.read("session_status"))["accounts"] == [ACCOUNT]
        found = await here.read("portfolio", account=ACCOUNT)
    kinds = by_kind(found)
    assert set(kinds) == {"STK", "OPT", "FUT", "CASH", "FUND", "BOND", "CRYPTO", "CFD", "SOMETHING_NEW"}
    assert len(found["positions"]) == 17
    assert found["strange"] == []
    assert found["account_type"] == "margin"
    parts = {each["name"]: Decimal(each["amount"]) for each in found["nav_parts"]}
    assert sum(parts.values()) == pytest.approx(Decimal(found["net_liquidation"]), abs=Decimal("0.01"))
    assert {name: int(parts[name]) for name in ("dividends", "interest", "stockoptionmarketvalue")} == {
        "dividends": 2500,
        "interest": 150,
        "stockoptionmarketvalue": -5,
    }
    worthless = next(row for row in found["positions"] if row["symbol"] == "SIVBQ")
    assert (worthless["price"], worthless["market_value"], worthless["quantity"]) == (None, None, "50.0")


async def test_the_same_holding_in_several_models_is_one_and_only_the_accounts_own_part_is_sold() -> None:
    async with strange_account() as here:
        held = next(row for row in (await here.read("portfolio", account=ACCOUNT))["positions"] if row["models"])
        models = {each["model"]: each["quantity"] for each in held["models"]}
        assert (held["conid"], models) == (AAPL, {"Growth": "10.0", "Income": "5.0"})
        own = int(Decimal(held["quantity"])) - 15
        quote = (await here.read("quotes", conids=[AAPL]))["quotes"][0]
        price = quote["bid"]
        above = ticket(ACCOUNT, side="SELL", quantity=str(own + 1), limit_price=price, coid="PM1")
        refused = await here.read("place_order", **signed(above))
        assert (refused["outcome"], "no_short" in refused["message"]) == ("refused", True)
        whole = ticket(ACCOUNT, side="SELL", quantity=str(own), limit_price=price, coid="PM2")
        assert (await here.read("place_order", **signed(whole)))["outcome"] == "accepted"


async def test_a_young_account_has_no_points() -> None:
    async with strange_account() as here:
        found = await here.read("performance", account=ACCOUNT)
    assert (found["points"], found["currency"]) == ([], None)


async def test_every_tool_that_reads_answers_for_such_an_account() -> None:
    async with strange_account() as here:
        for name, arguments in valid(ACCOUNT, "1").items():
            if name not in trading(ACCOUNT, "1") and name not in NOT_THERE:
                result = await here.call(name, **arguments)
                assert not result.is_error, (name, text_of(result))


async def test_a_login_without_a_usable_account_names_the_choices_in_short() -> None:
    scenario = scenario_file("two_accounts")
    async with desk("paper", accounts=("DU1111111",), pacing=0, scenario=scenario) as here:
        status = await here.read("session_status")
    assert (status["state"], status["accounts"]) == ("READY", [])
    assert "it sees DU…321, DU…322, and IBKR_ACCOUNT_ID names none of them" in status["message"]
    assert status["remedy"] == "List the account in IBKR_ACCOUNT_ID: one of DU…321, DU…322."


async def test_a_cash_account_is_one_by_the_brokers_word() -> None:
    async with desk("paper", pacing=0) as here:
        assert (await here.read("portfolio", account=ACCOUNT))["account_type"] == "margin"
        await here.admin.post("/simulator/broker", json={"account_type": "cash"})
        assert (await here.read("portfolio", account=ACCOUNT))["account_type"] == "cash"
