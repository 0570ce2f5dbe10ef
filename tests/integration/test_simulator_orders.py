"""Orders over HTTP: questions, refusals, fills, expiry and cancels, and what they do to the account."""

from datetime import date

import httpx2
import pytest

from api_gateway.simulator import create_app
from tests.unit.simulator.worlds import (
    AAPL,
    ACCOUNT,
    VIX,
    FakeTime,
    Gateway,
    decimal,
    error_of,
    instant,
    order,
    synthetic_world,
)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def gateway(time: FakeTime) -> Gateway:
    return Gateway(synthetic_world(time, as_of=date(2021, 6, 1)), time)


async def test_a_marketable_order_is_submitted_then_filled_and_the_books_move(gateway: Gateway) -> None:
    await gateway.ready()
    before = await gateway.get("/simulator/state")
    limit = await gateway.marketable_limit()
    accepted = await gateway.place(price=limit)
    assert accepted["order_status"] == "Submitted"
    status = await gateway.get(f"/iserver/account/order/status/{accepted['order_id']}")
    assert (status["order_status"], status["size"], status["cum_fill"]) == ("Filled", "0.0", "10.0")
    trade = (await gateway.rows("/iserver/account/trades"))[0]
    assert (trade["order_ref"], trade["side"], trade["commission"]) == ("one", "B", "1.00")
    live = (await gateway.get("/iserver/account/orders"))["orders"][0]
    assert (live["order_ref"], live["status"], live["filledQuantity"]) == ("one", "Filled", 10.0)
    after = await gateway.get("/simulator/state")
    paid = 10 * decimal(trade["price"]) + 1
    assert decimal(before["cash"]) - decimal(after["cash"]) == paid
    held = {row["symbol"]: row["quantity"] for row in after["positions"]}
    assert held["AAPL"] - {row["symbol"]: row["quantity"] for row in before["positions"]}["AAPL"] == 10
    value = sum((row["quantity"] * decimal(row["price"]) for row in after["positions"]), decimal(0))
    assert decimal(after["cash"]) + value == decimal(after["net_liquidation"])
    ledger = await gateway.get(f"/portfolio/{ACCOUNT}/ledger")
    assert ledger["USD"]["cashbalance"] == pytest.approx(float(after["cash"]))
    # A purchase is paid at the trade; only proceeds wait for the settlement.
    assert ledger["USD"]["settledcash"] == pytest.approx(float(after["cash"]))


async def test_questions_come_one_after_the_other_and_each_reply_works_once(gateway: Gateway) -> None:
    await gateway.ready()  # no snapshot taken of the contract
    last = gateway.world.market.last_price(AAPL, gateway.world.moment())
    far = round(last * 0.90, 2)
    first = await gateway.place(price=far)
    assert first["messageIds"] == ["o163"]
    assert (await gateway.arrivals())[0]["state"] == "Question"
    second = (await gateway.answered("POST", f"/iserver/reply/{first['id']}", {"confirmed": True})).json()[0]
    assert second["messageIds"] == ["o354"]
    accepted = (await gateway.answered("POST", f"/iserver/reply/{second['id']}", {"confirmed": True})).json()[0]
    assert accepted["order_status"] == "Submitted"
    again = await gateway.send("POST", f"/iserver/reply/{second['id']}", {"confirmed": True})
    assert again.status_code == 400
    assert "reply id not found" in error_of(again)


async def test_another_order_invalidates_an_open_question(gateway: Gateway) -> None:
    await gateway.ready()
    question = await gateway.place(price=1.0)
    limit = await gateway.marketable_limit()
    await gateway.place(cOID="two", price=limit)
    answer = await gateway.send("POST", f"/iserver/reply/{question['id']}", {"confirmed": True})
    assert answer.status_code == 400


async def test_a_declined_question_places_nothing(gateway: Gateway) -> None:
    await gateway.ready()
    question = await gateway.place(price=1.0)
    answer = await gateway.send("POST", f"/iserver/reply/{question['id']}", {"confirmed": False})
    assert (answer.status_code, error_of(answer)) == (200, "Order not confirmed ")
    assert (await gateway.arrivals())[0]["state"] == "NotConfirmed"


async def test_suppressed_questions_are_not_asked_in_this_brokerage_session(gateway: Gateway) -> None:
    await gateway.ready()
    await gateway.post("/iserver/questions/suppress", {"messageIds": ["o163", "o354"]})
    assert "order_id" in await gateway.place(price=1.0)


async def test_a_client_order_id_is_taken_once_a_day(gateway: Gateway) -> None:
    await gateway.ready()
    limit = await gateway.marketable_limit()
    await gateway.place(price=limit)
    answer = await gateway.submit(price=limit)
    expected = "Order couldn't be submitted: Local order ID=one is already registered."
    assert (answer.status_code, error_of(answer)) == (200, expected)
    arrivals = await gateway.arrivals()
    assert [(row["cOID"], row["arrivals"], row["state"]) for row in arrivals] == [("one", 2, "Filled")]


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"side": "HOLD"}, 400, "Invalid Side (must be 'BUY' or 'SELL')."),
        ({"orderType": "ICEBERG"}, 400, "Unknown order type"),
        ({"conid": None}, 400, "conid or conidex is required"),
        ({"quantity": "10"}, 400, "orders request includes parameter with incorrect type"),
        ({"price": 1e300}, 400, "orders request includes parameter with incorrect type"),
        ({"tif": None}, 200, "null time in force"),
        ({"price": None}, 200, "Invalid order price fields"),
        ({"price": -1}, 200, "Invalid order price fields"),
        ({"price": 10.001}, 200, "The price does not conform"),
        ({"quantity": 0.5}, 200, "whole number"),
        ({"conid": 123}, 200, "no sec defs returned forSecDef"),
        ({"conid": 615598}, 200, "No trading permissions"),
        ({"conid": VIX}, 200, "No trading permissions"),
        ({"side": "SELL", "quantity": 1_000_000}, 200, "sell short"),
        ({"quantity": 900_000}, 200, "BUYING POWER"),
    ],
)
async def test_a_wrong_order_is_refused_with_the_gateways_words(
    gateway: Gateway, changes: dict[str, object], status: int, text: str
) -> None:
    await gateway.ready()
    answer = await gateway.submit(**({"price": 10.0} | changes))
    assert answer.status_code == status
    assert text in error_of(answer)
    assert [row["state"] for row in await gateway.arrivals()] == ["Refused"]


async def test_a_body_that_is_not_json_is_refused(gateway: Gateway) -> None:
    await gateway.ready()
    client = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=create_app(gateway.world)), base_url="http://gateway"
    )
    gateway.time.advance(1)
    answer = await client.post(f"/v1/api/iserver/account/{ACCOUNT}/orders", content=b"{orders")
    assert answer.status_code == 400
    assert "Failed to parse body as JSON" in answer.text


async def test_a_preview_changes_nothing(gateway: Gateway) -> None:
    await gateway.ready()
    body = {"orders": [order(price=20.0, quantity=100)]}
    preview = await gateway.post(f"/iserver/account/{ACCOUNT}/orders/whatif", body)
    assert preview["amount"] == {"amount": "2,000 USD (100 Shares)", "commission": "1 USD", "total": "2,001 USD"}
    assert preview["warn"].startswith("21/")
    assert preview["initial"]["change"] == "1,000 USD"
    assert preview["error"] is None
    too_much = {"orders": [order(price=20.0, quantity=900_000)]}
    assert "BUYING POWER" in (await gateway.post(f"/iserver/account/{ACCOUNT}/orders/whatif", too_much))["error"]
    assert await gateway.arrivals() == []


async def test_a_resting_order_expires_at_the_close(gateway: Gateway) -> None:
    await gateway.ready()
    await gateway.post("/iserver/questions/suppress", {"messageIds": ["o163", "o354"]})
    await gateway.place(price=1.0)
    assert (await gateway.get("/iserver/account/orders"))["orders"][0]["status"] == "Submitted"
    await gateway.post("/simulator/clock", {"to": "2021-06-01T20:20:00Z"})
    row = (await gateway.get("/iserver/account/orders"))["orders"][0]
    assert (row["status"], row["order_cancellation_by_system_reason"]) == ("Cancelled", "expired at the close")
    assert await gateway.rows("/iserver/account/trades") == []


async def test_an_order_after_the_close_waits_and_fills_next_morning(gateway: Gateway) -> None:
    await gateway.ready()
    await gateway.post("/iserver/questions/suppress", {"messageIds": ["o163", "o354"]})
    await gateway.post("/simulator/clock", {"to": "2021-06-01T21:00:00Z"})
    last = gateway.world.market.last_price(AAPL, gateway.world.moment())
    accepted = await gateway.place(price=round(last * 1.5, 2))
    assert accepted["order_status"] == "PreSubmitted"
    assert (await gateway.get("/iserver/account/orders"))["orders"][0]["status"] == "PreSubmitted"
    now = instant((await gateway.post("/simulator/clock", {"next_session": True}))["now"])
    assert now.date() == date(2021, 6, 2)
    trade = (await gateway.rows("/iserver/account/trades"))[0]
    assert trade["trade_time"] == "20210602-13:30:00"  # the opening


async def test_a_cancel_is_accepted_first_and_takes_effect_then(gateway: Gateway) -> None:
    await gateway.ready()
    await gateway.post("/iserver/questions/suppress", {"messageIds": ["o163", "o354"]})
    accepted = await gateway.place(price=1.0)
    address = f"/iserver/account/{ACCOUNT}/order/{accepted['order_id']}"
    reply = (await gateway.answered("DELETE", address)).json()
    assert reply["msg"] == "Request was submitted"
    assert gateway.world.desk.orders()[0].status == "PendingCancel"
    assert (await gateway.get("/iserver/account/orders"))["orders"][0]["status"] == "Cancelled"
    assert error_of(await gateway.send("DELETE", address)) == "Order is inactive"
    unknown = await gateway.send("DELETE", f"/iserver/account/{ACCOUNT}/order/1")
    assert error_of(unknown) == "OrderID 1 doesn't exist"


async def test_order_id_minus_one_cancels_everything(gateway: Gateway) -> None:
    await gateway.ready()
    await gateway.post("/iserver/questions/suppress", {"messageIds": ["o163", "o354"]})
    await gateway.place(price=1.0)
    await gateway.place(price=1.0, cOID="two")
    await gateway.answered("DELETE", f"/iserver/account/{ACCOUNT}/order/-1")
    assert [row["state"] for row in await gateway.arrivals()] == ["Cancelled", "Cancelled"]
