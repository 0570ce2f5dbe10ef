"""What real accounts have shown in orders, executions and contract rules, from the gateway to the tools."""

from typing import Any, Final

from tests.integration.mcp_desk import Desk, desk, signed, ticket
from tests.unit.simulator.worlds import AAPL

ORDERS: Final = "/iserver/account/orders"
TRADES: Final = "/iserver/account/trades"
RULES: Final = "/iserver/contract/rules"
ALWAYS: Final = 10_000


def spread(account: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "acct": account,
        "conid": 28812380,
        "conidex": "28812380;;;712809821/1,712809881/-1",
        "orderId": 987654321,
        "cashCcy": "USD",
        "ticker": "SPY",
        "secType": "BAG",
        "remainingQuantity": 1.0,
        "filledQuantity": 0.0,
        "totalSize": 1.0,
        "status": "Submitted",
        "price": "-2.15",
        "side": "BUY",
        "timeInForce": "GTC",
    }
    return {**row, **changes}


def expired(account: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "execution_id": "0000f.1.1",
        "symbol": "SPY",
        "side": "S",
        "trade_time_r": 1671830400000,
        "size": 1.0,
        "price": "0.00",
        "order_ref": None,
        "order_id": 0,
        "exchange": "EXPIRED",
        "commission": "0.00",
        "net_amount": 0.0,
        "account": account,
        "sec_type": "OPT",
        "listing_exchange": "",
        "conid": 591234567,
        "conidEx": "591234567",
    }
    return {**row, **changes}


async def bid_of(here: Desk) -> str:
    answer = await here.read("quotes", conids=[AAPL])
    bid: str = answer["quotes"][0]["bid"]
    return bid


async def sold(here: Desk, account: str, quantity: str) -> dict[str, Any]:
    fields = {"side": "SELL", "quantity": quantity, "limit_price": (await bid_of(here)).rstrip("0").rstrip(".")}
    return await here.read("place_order", **signed(ticket(account, **fields)))


async def test_a_spread_and_a_row_without_a_side_cost_neither_the_portfolio_nor_the_report() -> None:
    async with desk() as here:
        account = await here.account()
        rows = [spread(account), spread(account, orderId=5, side=None), None]
        await here.spoil(ORDERS, kind="add", keys=["orders"], rows=rows, times=ALWAYS)
        for tool in ("portfolio", "order_report"):
            found = await here.read(tool, account=account)
            (order,) = found["orders"]
            assert order["legs"] == [{"conid": 712809821, "ratio": 1}, {"conid": 712809881, "ratio": -1}]
            assert (order["security_type"], order["limit_price"], order["price_magnifier"]) == ("BAG", "-2.15", 1)
            told = [(row["what"], row["symbol"], row["reason"]) for row in found["strange"]]
            assert told == [("order", None, "live orders: row 2 is not an object"), ("order", "SPY", "side is missing")]
            assert found["orders_complete"] is False


async def test_an_expired_option_is_an_execution_at_nothing_and_its_exercise_is_told() -> None:
    async with desk() as here:
        account = await here.account()
        await here.spoil(
            TRADES, kind="add", rows=[expired(account), expired(account, execution_id="2", side="X")], times=ALWAYS
        )
        found = await here.read("order_report", account=account)
        (trade,) = found["trades"]
        assert (trade["price"], trade["order_id"], trade["security_type"]) == ("0.00", "0", "OPT")
        assert [row["what"] for row in found["strange"]] == ["trade"]
        assert "exercise" in found["strange"][0]["reason"]


async def test_our_own_order_goes_and_is_read_exactly_beside_strange_rows() -> None:
    async with desk() as here:
        account = await here.account()
        await here.spoil(ORDERS, kind="add", keys=["orders"], rows=[spread(account, conidex=7)], times=ALWAYS)
        await here.spoil(TRADES, kind="add", rows=[expired(account)], times=ALWAYS)
        assert (await sold(here, account, "44"))["outcome"] == "accepted"
        found = await here.read("order_report", account=account)
        ours = [row for row in found["orders"] if row["coid"] is not None]
        assert [(row["status"], row["filled_quantity"]) for row in ours] == [("Filled", "44.0")]
        assert [row["quantity"] for row in found["trades"] if row["coid"] is not None] == ["44.0"]


async def test_a_list_that_never_says_it_is_loaded_is_taken_with_its_age() -> None:
    async with desk() as here:
        account = await here.account()
        assert (await sold(here, account, "44"))["outcome"] == "accepted"
        await here.read("order_report", account=account)
        await here.spoil(ORDERS, kind="put", values={"snapshot": False}, times=ALWAYS)
        found = await here.read("order_report", account=account)
        assert ([row["status"] for row in found["orders"]], found["orders_complete"]) == (["Filled"], False)
        assert found["orders_as_of"] <= found["as_of"]


async def test_an_empty_list_that_is_never_loaded_says_what_is_missing() -> None:
    async with desk() as here:
        account = await here.account()
        await here.spoil(ORDERS, kind="put", values={"snapshot": False}, times=ALWAYS)
        told = await here.error("portfolio", account=account)
        assert "has not loaded the live orders" in told
        assert "orders 0, snapshot False" in told


async def test_a_ladder_of_whole_dollars_is_not_taken_for_the_grid_of_a_share_quoted_in_cents() -> None:
    async with desk() as here:
        whole = {"incrementRules": [{"lowerEdge": 0, "increment": 1}], "increment": 0.01}
        await here.spoil(RULES, kind="put", values=whole, times=ALWAYS)
        found = await here.read("contract_rules", conid=AAPL, side="SELL")
        assert [row["increment"] for row in found["increments"]] == ["0.01"]
        assert "which the quote obeys" in found["note"]
        assert (await sold(here, await here.account(), "44"))["outcome"] == "accepted"


async def test_the_step_of_the_order_window_is_no_lot() -> None:
    async with desk() as here:
        account = await here.account()
        found = await here.read("contract_rules", conid=AAPL, side="BUY")
        assert (found["quantity_increment"], found["price_magnifier"], found["note"]) == ("1", 1, None)
        assert (await sold(here, account, "1"))["outcome"] == "accepted"
