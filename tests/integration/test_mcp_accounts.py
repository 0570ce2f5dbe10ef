"""A login with two accounts, of which the server may use the one that is not selected: the other is told to nobody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from api_gateway.simulator.scenario import scenario_file
from tests.integration.mcp_desk import Desk, desk, signed, text_of, ticket
from tests.integration.registry_calls import AAPL, trading, valid

HIDDEN: Final = "DU7654321"
SHOWN: Final = "DU7654322"


@asynccontextmanager
async def two_accounts() -> AsyncIterator[tuple[Desk, dict[str, str]]]:
    """The desk, and the number of one filled order of each account."""
    async with desk("paper", accounts=(SHOWN,), pacing=0, scenario=scenario_file("two_accounts")) as here:
        quote = (await here.read("quotes", conids=[AAPL]))["quotes"][0]
        yield here, {account: await _bought(here, account, quote) for account in (HIDDEN, SHOWN)}


async def _bought(here: Desk, account: str, quote: dict[str, Any]) -> str:
    order = {"acctId": account, "conid": AAPL, "orderType": "LMT", "side": "BUY", "tif": "DAY", "quantity": 1}
    placed = await here.admin.post(
        f"/v1/api/iserver/account/{account}/orders",
        json={"orders": [{**order, "price": float(quote["ask"]), "cOID": f"PM-{account}"}]},
    )
    return str(placed.json()[0]["order_id"])


async def test_no_answer_of_any_tool_tells_of_an_account_that_is_not_listed() -> None:
    async with two_accounts() as (here, orders):
        for name, arguments in valid(SHOWN, orders[SHOWN]).items():
            if name not in trading(SHOWN, "1"):
                told = text_of(await here.call(name, **arguments))
                assert HIDDEN not in told, (name, told)


async def test_lists_are_those_of_the_listed_account_though_another_is_selected() -> None:
    async with two_accounts() as (here, numbers):
        orders = (await here.read("get_live_orders_iserver_account_orders_get"))["data"]
        assert [(row["acct"], str(row["orderId"])) for row in orders] == [(SHOWN, numbers[SHOWN])]
        trades = (await here.read("get_trades_iserver_account_trades_get"))["data"]
        assert {row["account"] for row in trades} == {SHOWN}
        accounts = (await here.read("get_brokerage_accounts_iserver_accounts_get"))["data"]
        assert (accounts["accounts"], accounts["selectedAccount"], list(accounts["acctProps"])) == (
            [SHOWN],
            None,
            [SHOWN],
        )
        listed = (await here.read("get_portfolio_accounts_portfolio_accounts_get"))["data"]
        assert [row["id"] for row in listed] == [SHOWN]
        everywhere = (await here.read("get_all_positions_by_conid_portfolio_positions", conid=AAPL))["data"]
        assert list(everywhere) == [SHOWN]
        assert "selected account" in await here.error("get_pnl_partitioned_iserver_account_pnl_partitioned_get")
        status = "get_order_status_iserver_account_order_status"
        assert "not of an account" in await here.error(status, orderId=numbers[HIDDEN])
        assert "not selected" in await here.error(status, orderId=numbers[SHOWN])
        await here.read("switch_account_iserver_account_post", acctId=SHOWN)
        assert (await here.read(status, orderId=numbers[SHOWN]))["data"]["account"] == SHOWN


async def test_the_desks_own_reports_are_of_the_account_that_they_name() -> None:
    async with two_accounts() as (here, numbers):
        report = await here.read("order_report", account=SHOWN)
        portfolio = await here.read("portfolio", account=SHOWN)
        status = await here.read("order_status", account=SHOWN, order_id=numbers[SHOWN])
    assert [row["order_id"] for row in report["orders"]] == [numbers[SHOWN]]
    assert [row["order_id"] for row in report["trades"]] == [numbers[SHOWN]]
    assert [row["order_id"] for row in portfolio["orders"]] == [numbers[SHOWN]]
    assert (status["order_id"], status["status"]) == (numbers[SHOWN], "Filled")


async def test_shares_are_sold_once_in_an_account_that_is_not_selected_and_its_orders_can_be_cancelled() -> None:
    async with two_accounts() as (here, _):
        positions = (await here.read("portfolio", account=SHOWN))["positions"]
        held = next(row["quantity"] for row in positions if row["conid"] == AAPL).removesuffix(".0")
        resting = ticket(SHOWN, side="SELL", quantity=held, limit_price="132", coid="PM1")
        placed = await here.read("place_order", **signed(resting))
        assert placed["outcome"] == "accepted", placed
        again = ticket(SHOWN, side="SELL", quantity="1", limit_price="132", coid="PM2")
        refused = await here.read("place_order", **signed(again))
        assert (refused["outcome"], "already being sold" in refused["message"]) == ("refused", True), refused
        cancelled = await here.read("cancel_order", account=SHOWN, order_id=placed["order_id"])
        assert cancelled["outcome"] == "requested", cancelled


async def test_no_tool_takes_an_account_that_is_not_listed() -> None:
    async with two_accounts() as (here, orders):
        for name, arguments in valid(HIDDEN, orders[HIDDEN]).items():
            if {"accountId", "acctId", "acctIds"} & set(arguments):
                result = await here.call(name, **arguments)
                assert result.is_error, name
                assert result.structured_content is not None
                assert result.structured_content["error"]["kind"] == "AccountNotAllowed", name


async def test_the_login_is_not_ended_under_the_account_of_somebody_else() -> None:
    async with two_accounts() as (here, _):
        assert "account: the login has accounts" in await here.error("logout_logout_post")
        assert await here.calls("POST /logout") == 0


async def test_another_session_of_the_user_is_not_ended_unless_the_settings_allow_it() -> None:
    async with two_accounts() as (here, _):
        told = await here.error("init_brokerage_session_iserver_auth_ssodh_init_post", compete=True)
        assert "IBKR_COMPETE" in told
        assert (await here.admin.get("/simulator/session")).json()["counters"]["pushes"] == 0
