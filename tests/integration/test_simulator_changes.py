"""Orders that wait for a stop, orders whose terms are changed, and terms that are not played."""

from datetime import date
from typing import Any

import pytest

from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, Gateway, error_of, order, synthetic_world


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
async def gateway(time: FakeTime) -> Gateway:
    gateway = Gateway(synthetic_world(time, pacing=0, as_of=date(2021, 6, 1)), time)
    return await gateway.ready()


async def _confirmed(gateway: Gateway, first: dict[str, Any]) -> dict[str, Any]:
    while "id" in first:
        first = (await gateway.answered("POST", f"/iserver/reply/{first['id']}", {"confirmed": True})).json()[0]
    return first


async def _resting(gateway: Gateway, **changes: object) -> int:
    """A buy two percent below the market."""
    limit = round(0.98 * await gateway.marketable_limit(), 2)
    placed = await gateway.place(**{"price": limit, **changes})
    return int(placed["order_id"])


async def _change(gateway: Gateway, order_id: int, **changes: object) -> dict[str, Any]:
    """The one row of an answer that is a list: an acceptance or a question."""
    answer = await gateway.answered("POST", f"/iserver/account/{ACCOUNT}/order/{order_id}", order(**changes))
    row: dict[str, Any] = answer.json()[0]
    return row


async def _refusal(gateway: Gateway, order_id: int, **changes: object) -> str:
    return error_of(await gateway.send("POST", f"/iserver/account/{ACCOUNT}/order/{order_id}", order(**changes)))


async def _live(gateway: Gateway, order_id: int) -> dict[str, Any]:
    rows = (await gateway.get("/iserver/account/orders"))["orders"]
    return next(row for row in rows if row["orderId"] == order_id)


async def _status(gateway: Gateway, order_id: int) -> dict[str, Any]:
    return await gateway.get(f"/iserver/account/order/status/{order_id}")


async def test_a_stop_waits_and_then_meets_the_market(gateway: Gateway) -> None:
    moment, market = gateway.world.moment(), gateway.world.market
    ahead = {one.conid: market.path(one.conid, moment.session).price[moment.minute :] for one in market.universe.stocks}
    conid, prices = next((conid, prices) for conid, prices in ahead.items() if prices.argmax() > 60)
    stop = round(float(prices.max()) - 0.01, 2)
    await gateway.quote(conid)
    asked = await gateway.place(conid=conid, orderType="STP", price=stop)
    assert asked["messageIds"] == ["o10331"]
    order_id = int((await _confirmed(gateway, asked))["order_id"])
    waiting = await _live(gateway, order_id)
    assert (waiting["status"], waiting["orderType"], waiting["auxPrice"], waiting["price"]) == (
        "PreSubmitted",
        "Stop",
        f"{stop:.2f}",
        "",
    )
    status = await _status(gateway, order_id)
    while status["order_status"] == "PreSubmitted":
        assert float((await gateway.quote(conid))["31"]) < stop
        await gateway.post("/simulator/clock", {"advance_seconds": 300})
        status = await _status(gateway, order_id)
    assert status["order_status"] == "Filled"
    assert float(status["average_price"]) >= stop
    assert status["stop_price"] == f"{stop:.2f}"


async def test_the_rest_of_a_triggered_stop_needs_no_second_trigger(gateway: Gateway) -> None:
    rest = {"kind": "partial_fill", "fraction": 0.5, "rest": "later", "rest_seconds": 300}
    await gateway.post("/simulator/faults", rest)
    moment, market = gateway.world.moment(), gateway.world.market
    ahead = {one.conid: market.path(one.conid, moment.session).price[moment.minute :] for one in market.universe.stocks}
    conid, prices = next((conid, prices) for conid, prices in ahead.items() if prices[1:10].max() < prices[0])
    await gateway.quote(conid)
    asked = await gateway.place(conid=conid, orderType="STP", price=float(prices[0]))
    order_id = int((await _confirmed(gateway, asked))["order_id"])
    half = await _status(gateway, order_id)
    assert (half["cum_fill"], half["order_status"]) == ("5.0", "Submitted")
    for seconds in (120, 240):
        assert (await _status(gateway, order_id))["order_status"] == "Submitted"
        await gateway.post("/simulator/clock", {"advance_seconds": seconds})
    assert (await _status(gateway, order_id))["order_status"] == "Filled"


async def test_a_stop_beyond_the_market_asks_whether_it_shall_trigger_at_once(gateway: Gateway) -> None:
    quote = await gateway.quote()
    stop = round(1.05 * float(quote["31"]), 2)
    asked = await gateway.place(side="SELL", orderType="STP", price=stop)
    second = (await gateway.answered("POST", f"/iserver/reply/{asked['id']}", {"confirmed": True})).json()[0]
    assert (asked["messageIds"], second["messageIds"]) == (["o10331"], ["o403"])
    placed = await _confirmed(gateway, second)
    assert (await _status(gateway, int(placed["order_id"])))["order_status"] == "Filled"


async def test_a_modified_order_keeps_its_id_and_meets_the_market_with_its_new_terms(gateway: Gateway) -> None:
    order_id = await _resting(gateway)
    limit = await gateway.marketable_limit()
    changed = await _change(gateway, order_id, price=limit, quantity=7)
    assert (changed["order_id"], changed["local_order_id"]) == (str(order_id), "one")
    row = await _live(gateway, order_id)
    assert (row["status"], row["totalSize"], row["order_ref"]) == ("Filled", 7.0, "one")
    assert [arrival["arrivals"] for arrival in await gateway.arrivals()] == [1]


async def test_a_modification_may_ask_and_changes_nothing_until_it_is_confirmed(gateway: Gateway) -> None:
    order_id = await _resting(gateway)
    far = round(0.5 * await gateway.marketable_limit(), 2)
    asked = await _change(gateway, order_id, price=far)
    assert asked["messageIds"] == ["o163"]
    assert (await _live(gateway, order_id))["price"] != f"{far:.2f}"
    await _confirmed(gateway, asked)
    assert (await _live(gateway, order_id))["price"] == f"{far:.2f}"


async def test_what_has_filled_stays_filled(gateway: Gateway) -> None:
    await gateway.post("/simulator/faults", {"kind": "partial_fill", "fraction": 0.5, "rest": "never"})
    limit = await gateway.marketable_limit()
    order_id = int((await gateway.place(price=limit))["order_id"])
    assert (await _status(gateway, order_id))["cum_fill"] == "5.0"
    assert "5 shares are filled" in await _refusal(gateway, order_id, price=limit, quantity=5)
    await _change(gateway, order_id, price=limit, quantity=8)
    status = await _status(gateway, order_id)
    assert (status["cum_fill"], status["size"], status["total_size"]) == ("5.0", "3.0", "8.0")


async def test_a_modification_that_is_another_order_is_refused(gateway: Gateway) -> None:
    order_id = await _resting(gateway)
    price = (await _live(gateway, order_id))["price"]
    terms: dict[str, object] = {"price": float(price)}
    mismatch = "Order being modified does not match original order."
    for change in ({"side": "SELL"}, {"cOID": "two"}, {"conid": 411064}):
        assert await _refusal(gateway, order_id, **(terms | change)) == mismatch
    other_type = await _refusal(gateway, order_id, **(terms | {"orderType": "STP"}))
    assert other_type == "Order modify failed. Cannot change to the new order type."
    assert await _refusal(gateway, 1, **terms) == "OrderID 1 doesn't exist"
    assert await _refusal(gateway, -1, **terms) == "OrderID -1 doesn't exist"
    assert "whole number" in await _refusal(gateway, order_id, **(terms | {"quantity": None}))
    assert (await _live(gateway, order_id))["totalSize"] == 10.0


async def test_an_ended_order_cannot_be_modified(gateway: Gateway) -> None:
    limit = await gateway.marketable_limit()
    filled = int((await gateway.place(orderType="MKT", cOID="market"))["order_id"])
    await _status(gateway, filled)
    refused = await _refusal(gateway, filled, orderType="MKT", cOID="market")
    assert refused == "Can't modify a filled order."
    cancelled = await _resting(gateway, cOID="resting")
    await gateway.answered("DELETE", f"/iserver/account/{ACCOUNT}/order/{cancelled}")
    await _status(gateway, cancelled)
    assert await _refusal(gateway, cancelled, price=limit) == "Order is inactive"


async def test_more_shares_need_the_money_for_them_but_not_twice(gateway: Gateway) -> None:
    limit = await gateway.marketable_limit()
    power = (await gateway.get(f"/portfolio/{ACCOUNT}/summary"))["buyingpower"]["amount"]
    most = int(0.9 * power / limit)
    placed = await _confirmed(gateway, await gateway.place(price=round(0.98 * limit, 2), quantity=most))
    order_id = int(placed["order_id"])
    again = await _change(gateway, order_id, price=round(0.98 * limit, 2), quantity=most - 1)
    await _confirmed(gateway, again)
    beyond = await _refusal(gateway, order_id, price=round(0.98 * limit, 2), quantity=100 * most)
    assert "BUYING POWER" in beyond


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"quantity": None, "cashQty": 500}, "Cash quantity"),
        ({"quantity": 1.5}, "whole number"),
        ({"strategy": "Adaptive"}, "strategy"),
        ({"parentId": "one"}, "parentId"),
        ({"auxPrice": 1.0}, "price fields"),
    ],
)
async def test_terms_that_are_not_played_are_refused(gateway: Gateway, changes: dict[str, object], text: str) -> None:
    answer = await gateway.submit(**{"price": await gateway.marketable_limit(), **changes})
    assert text in error_of(answer)


async def test_a_failed_bracket_answers_leg_by_leg_and_its_child_first(gateway: Gateway) -> None:
    await gateway.post("/simulator/faults", {"kind": "failed", "bracket": True})
    rows = (await gateway.submit(price=await gateway.marketable_limit())).json()
    assert [(row["order_id"], row["order_status"]) for row in rows] == [("-1", "Inactive"), ("-1", "Failed")]
    assert AAPL not in {row["conid"] for row in (await gateway.get("/iserver/account/orders"))["orders"]}
