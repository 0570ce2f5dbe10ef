"""The tool that cancels: one of our own orders in an account of this server, and nothing else."""

import pytest

from tests.integration.mcp_desk import Desk, desk, signed, ticket

AAPL = 265598
ROUTE = "DELETE /iserver/account/{account}/order/{id}"


async def _resting(here: Desk, account: str) -> str:
    await here.read("quotes", conids=[AAPL])
    placed = await here.read("place_order", **signed(ticket(account, limit_price="127")))
    assert placed["outcome"] == "accepted"
    return str(placed["order_id"])


async def test_without_trading_there_is_no_tool_that_cancels() -> None:
    async with desk("off") as here:
        assert "Unknown tool" in await here.error("cancel_order", account="DU7654321", order_id="1")


async def test_one_of_our_orders_is_cancelled_without_a_ticket() -> None:
    async with desk() as here:
        account = await here.account()
        order_id = await _resting(here, account)
        cancelled = await here.read("cancel_order", account=account, order_id=order_id)
        assert cancelled["outcome"] == "requested"
        assert (await here.read("order_status", account=account, order_id=order_id))["status"] == "Cancelled"
        again = await here.read("cancel_order", account=account, order_id=order_id)
        assert (again["outcome"], again["message"]) == ("refused", "Order is inactive")


async def test_other_programs_orders_and_other_accounts_are_left_alone() -> None:
    async with desk() as here:
        account = await here.account()
        for reference in (None, "phone", "XPM1"):
            order = {"symbol": "AAPL", "side": "BUY", "quantity": 1, "limit_price": "100", "order_ref": reference}
            placed = (await here.admin.post("/simulator/external-order", json=order)).json()
            result = await here.read("cancel_order", account=account, order_id=str(placed["orderId"]))
            assert result["outcome"] == "refused"
            assert "not one of ours" in result["message"]
        own = await _resting(here, account)
        result = await here.read("cancel_order", account="DU0000001", order_id=own)
        assert (result["outcome"], "not among those" in result["message"]) == ("refused", True)
        result = await here.read("cancel_order", account=account, order_id="1")
        assert (result["outcome"], "no status" in result["message"]) == ("refused", True)
        assert await here.calls(ROUTE) == 0


@pytest.mark.parametrize("order_id", ["-1", "0", "", "all", "1.0"])
async def test_everything_at_once_is_never_cancelled(order_id: str) -> None:
    async with desk() as here:
        account = await here.account()
        await _resting(here, account)
        result = await here.read("cancel_order", account=account, order_id=order_id)
        assert (result["outcome"], "positive number" in result["message"]) == ("refused", True)
        assert [row["state"] for row in await here.orders_at_the_gateway()] == ["Submitted"]


async def test_a_cancel_whose_answer_is_cut_off_is_unknown() -> None:
    async with desk() as here:
        account = await here.account()
        order_id = await _resting(here, account)
        await here.spoil("/iserver/account/*/order/*", method="DELETE", kind="cut_after")
        assert (await here.read("cancel_order", account=account, order_id=order_id))["outcome"] == "unknown"
        assert await here.calls(ROUTE) == 1
        assert (await here.read("order_status", account=account, order_id=order_id))["status"] == "Cancelled"


async def test_a_session_that_cannot_be_read_cancels_nothing() -> None:
    async with desk() as here:
        account = await here.account()
        order_id = await _resting(here, account)
        await here.admin.post("/simulator/restart", json={})
        result = await here.read("cancel_order", account=account, order_id=order_id)
        assert (result["outcome"], "not logged in" in result["message"]) == ("refused", True)
        assert await here.calls(ROUTE) == 0


async def test_live_mode_cancels_nothing_at_a_simulator() -> None:
    async with desk("live", accounts=("DU7654321",)) as here:
        result = await here.read("cancel_order", account="DU7654321", order_id="1")
        assert "live mode refuses a simulator" in result["message"]


async def test_the_portfolio_tells_settled_cash_and_no_day_trade_limit_where_there_is_none() -> None:
    async with desk() as here:
        portfolio = await here.read("portfolio", account=await here.account())
    assert portfolio["day_trades_remaining"] is None
    assert portfolio["cash"][0]["settled_cash"]
