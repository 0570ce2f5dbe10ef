"""What the simulated broker does to an order when told to: refuse, ask, err and take it, fill late or in part."""

from datetime import date
from typing import Any

import httpx2
import pytest

from tests.unit.simulator.worlds import ACCOUNT, FakeTime, Gateway, decimal, error_of, synthetic_world

SIZE = {"id": "o383", "text": "size exceeds the Size Limit of 500"}
STRANGE = {"id": "o99999", "text": "Do you feel lucky?"}


@pytest.fixture
async def gateway(time: FakeTime) -> Gateway:
    gateway = Gateway(synthetic_world(time, pacing=0, as_of=date(2021, 6, 1)), time)
    await gateway.ready()
    await gateway.quote()
    return gateway


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


async def fault(gateway: Gateway, **rule: object) -> None:
    await gateway.post("/simulator/faults", rule)


async def buy(gateway: Gateway, **changes: object) -> dict[str, Any]:
    return await gateway.place(orderType="MKT", **changes)


async def confirm(gateway: Gateway, question: dict[str, Any]) -> httpx2.Response:
    return await gateway.send("POST", f"/iserver/reply/{question['id']}", {"confirmed": True})


async def listed(gateway: Gateway) -> list[str]:
    return [row["order_ref"] for row in (await gateway.get("/iserver/account/orders"))["orders"]]


async def filled(gateway: Gateway) -> float:
    rows = (await gateway.get("/iserver/account/orders"))["orders"]
    return float(rows[0]["filledQuantity"])


async def traded(gateway: Gateway) -> list[float]:
    return [row["size"] for row in await gateway.rows("/iserver/account/trades")]


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("reject", {"error": "no"}),
        ("failed", [{"order_id": "-1", "order_status": "Failed", "text": "no", "warning_message": "no"}]),
    ],
)
async def test_a_refusal_comes_with_status_200_and_leaves_no_order(gateway: Gateway, kind: str, shape: object) -> None:
    await fault(gateway, kind=kind, text="no")
    answer = await gateway.submit(orderType="MKT")
    assert (answer.status_code, answer.json()) == (200, shape)
    (row,) = await gateway.arrivals()
    assert (row["state"], row["text"], row["brokerOrders"]) == ("Refused", "no", 0)


async def test_an_advanced_reject_is_an_object_of_its_own(gateway: Gateway) -> None:
    await fault(gateway, kind="advanced_reject", text="no")
    assert (await gateway.submit(orderType="MKT")).json()["advancedOrderReject"]["text"] == "no"


async def test_a_rule_for_one_side_or_symbol_leaves_other_orders_alone(gateway: Gateway) -> None:
    await fault(gateway, kind="reject", side="SELL")
    await fault(gateway, kind="reject", symbol="MSFT")
    await fault(gateway, kind="reject", coid="two")
    assert "order_id" in await buy(gateway)
    assert "error" in (await gateway.submit(orderType="MKT", side="SELL", cOID="three", quantity=1)).json()


async def test_a_chain_of_questions_ends_in_an_order(gateway: Gateway) -> None:
    await fault(gateway, kind="question", questions=[SIZE, STRANGE, SIZE])
    question = await buy(gateway)
    for expected in ("o383", "o99999", "o383"):
        assert question["messageIds"] == [expected]
        question = (await confirm(gateway, question)).json()[0]
    assert question["order_status"] == "Submitted"


async def test_several_questions_may_come_at_once_and_without_what_makes_them_questions(gateway: Gateway) -> None:
    strange = {**STRANGE, "more_ids": ["o7"], "suppressed": True, "without": ["id", "messageOptions"]}
    await fault(gateway, kind="question", questions=[SIZE, strange], together=True)
    first, second = (await gateway.submit(orderType="MKT")).json()
    assert set(first) - set(second) == {"id", "messageOptions"}
    assert (second["messageIds"], second["isSuppressed"]) == ([STRANGE["id"], "o7"], True)
    assert (await confirm(gateway, first)).json()[0]["messageIds"] == [STRANGE["id"], "o7"]


async def test_an_order_may_go_live_although_nobody_answers(gateway: Gateway) -> None:
    await fault(gateway, kind="question", questions=[STRANGE], lives=True)
    question = await buy(gateway)
    assert await listed(gateway) == ["one"]
    assert (await confirm(gateway, question)).status_code == 400


async def test_a_cancel_may_be_answered_with_a_question_and_cancels_nothing(gateway: Gateway) -> None:
    await fault(gateway, kind="late_fill", looks=9)
    order = await buy(gateway)
    await fault(gateway, kind="cancel_question", question=STRANGE)
    path = f"/iserver/account/{ACCOUNT}/order/{order['order_id']}"
    (asked,) = (await gateway.send("DELETE", path)).json()
    assert asked["messageIds"] == [STRANGE["id"]]
    assert (await gateway.arrivals())[0]["orders"][0]["state"] == "Submitted"
    assert (await gateway.send("DELETE", path)).json()["msg"] == "Request was submitted"


async def test_a_stale_question_cannot_be_answered(gateway: Gateway) -> None:
    await fault(gateway, kind="question", questions=[SIZE], stale=True)
    answer = await confirm(gateway, await buy(gateway))
    assert (answer.status_code, "reply id not found" in error_of(answer)) == (400, True)
    (row,) = await gateway.arrivals()
    assert (row["state"], row["brokerOrders"]) == ("Question", 0)


async def test_a_reply_answered_503_goes_live_after_some_looks(gateway: Gateway) -> None:
    await fault(gateway, kind="question", questions=[SIZE])
    await fault(gateway, kind="live_later", looks=2)
    assert (await confirm(gateway, await buy(gateway))).status_code == 503
    assert (await gateway.arrivals())[0]["state"] == "LiveLater"
    assert [await listed(gateway) for _ in range(3)] == [[], ["one"], ["one"]]
    assert (await gateway.arrivals())[0]["brokerOrders"] == 1


async def test_an_order_that_goes_live_after_some_time_is_registered_at_once(gateway: Gateway) -> None:
    await fault(gateway, kind="live_later", looks=0, seconds=60, status=502)
    assert (await gateway.submit(orderType="MKT")).status_code == 502
    assert "already registered" in error_of(await gateway.submit(orderType="MKT"))
    assert await listed(gateway) == []
    await gateway.post("/simulator/clock", {"advance_seconds": 61})
    assert await listed(gateway) == ["one"]


@pytest.mark.parametrize("status", [502, 503])
async def test_an_error_after_the_effect_leaves_the_order(gateway: Gateway, status: int) -> None:
    await fault(gateway, path="/iserver/account/*/orders", method="POST", kind="status_after", status=status)
    assert (await gateway.submit(orderType="MKT")).status_code == status
    assert (await gateway.arrivals())[0]["brokerOrders"] == 1


async def test_an_error_before_the_effect_leaves_nothing(gateway: Gateway) -> None:
    await fault(gateway, path="/iserver/account/*/orders", method="POST", kind="status", status=503)
    assert (await gateway.submit(orderType="MKT")).status_code == 503
    assert await gateway.arrivals() == []


async def test_a_broker_that_does_not_deduplicate_makes_an_order_of_every_arrival(gateway: Gateway) -> None:
    assert (await gateway.post("/simulator/broker", {"dedupe": False}))["dedupe"] is False
    await buy(gateway)
    await buy(gateway)
    (row,) = await gateway.arrivals()
    assert (row["arrivals"], row["brokerOrders"]) == (2, 2)
    assert len({one["orderId"] for one in row["orders"]}) == 2
    first, second = row["stamps"]
    assert (first["sequence"], second["sequence"]) == (1, 2)
    assert first["monotonic"] < second["monotonic"]
    assert first["time"] < second["time"]


@pytest.mark.parametrize("reads", [0, 1, 3])
async def test_a_lagging_list_shows_an_order_after_so_many_further_reads(gateway: Gateway, reads: int) -> None:
    await fault(gateway, kind="lag", reads=reads)
    await buy(gateway)
    assert [await listed(gateway) for _ in range(reads + 2)] == [[]] * reads + [["one"]] * 2
    assert [await traded(gateway) for _ in range(reads + 1)] == [[]] * reads + [[10.0]]


async def test_a_lag_may_be_for_one_list_and_by_time(gateway: Gateway) -> None:
    await fault(gateway, kind="lag", seconds=30, list="orders")
    await buy(gateway)
    assert (await traded(gateway), await listed(gateway)) == ([10.0], [])
    await gateway.post("/simulator/clock", {"advance_seconds": 30})
    assert await listed(gateway) == ["one"]


async def test_what_a_list_has_shown_stays_when_a_lag_comes_later(gateway: Gateway) -> None:
    await buy(gateway)
    assert await listed(gateway) == ["one"]
    await fault(gateway, kind="lag", reads=5)
    await buy(gateway, cOID="two")
    assert await listed(gateway) == ["one"]
    await gateway.send("DELETE", "/simulator/faults")
    assert await listed(gateway) == ["one", "two"]


async def test_a_partial_fill_leaves_the_rest_working_until_the_close(gateway: Gateway) -> None:
    await fault(gateway, kind="partial_fill", fraction="0.4")
    await buy(gateway)
    rows = [(await gateway.get("/iserver/account/orders"))["orders"][0] for _ in range(2)]
    assert {(row["status"], row["filledQuantity"], row["remainingQuantity"]) for row in rows} == {
        ("Submitted", 4.0, 6.0)
    }
    await gateway.post("/simulator/clock", {"to": "2021-06-01T20:20:00Z"})
    assert (await gateway.get("/iserver/account/orders"))["orders"][0]["status"] == "Cancelled"
    assert await traded(gateway) == [4.0]


async def test_the_rest_of_a_partial_fill_comes_after_looks(gateway: Gateway) -> None:
    await fault(gateway, kind="partial_fill", fraction="0.4", rest="later", rest_looks=2)
    accepted = await buy(gateway)
    assert [await filled(gateway) for _ in range(3)] == [4.0, 10.0, 10.0]
    assert await traded(gateway) == [6.0, 4.0]
    assert len({row["execution_id"] for row in await gateway.rows("/iserver/account/trades")}) == 2
    status = await gateway.get(f"/iserver/account/order/status/{accepted['order_id']}")
    trades = await gateway.rows("/iserver/account/trades")
    spent = sum(decimal(row["price"]) * decimal(row["size"]) for row in trades)
    assert float(status["average_price"]) == pytest.approx(float(spent / 10), abs=1e-4)


async def test_a_late_fill_waits_for_looks_or_time(gateway: Gateway) -> None:
    await fault(gateway, kind="late_fill", looks=2)
    await buy(gateway)
    assert [await filled(gateway) for _ in range(2)] == [0.0, 10.0]
    await fault(gateway, kind="late_fill", seconds=90, coid="two")
    await buy(gateway, cOID="two")
    assert await traded(gateway) == [10.0]
    await gateway.post("/simulator/clock", {"advance_seconds": 91})
    assert await traded(gateway) == [10.0, 10.0]


async def test_an_order_may_never_fill_and_still_be_cancelled(gateway: Gateway) -> None:
    await fault(gateway, kind="partial_fill", fraction="0")
    accepted = await buy(gateway)
    assert [await filled(gateway) for _ in range(3)] == [0.0] * 3
    await gateway.answered("DELETE", f"/iserver/account/{ACCOUNT}/order/{accepted['order_id']}")
    assert (await gateway.get("/iserver/account/orders"))["orders"][0]["status"] == "Cancelled"


async def test_a_cancel_that_comes_too_late_is_taken_and_the_order_fills(gateway: Gateway) -> None:
    await fault(gateway, kind="late_fill", looks=100)
    await fault(gateway, kind="cancel_too_late")
    accepted = await buy(gateway)
    assert await filled(gateway) == 0.0
    answer = await gateway.answered("DELETE", f"/iserver/account/{ACCOUNT}/order/{accepted['order_id']}")
    assert answer.json()["msg"] == "Request was submitted"
    assert await filled(gateway) == 10.0


async def test_a_halted_symbol_has_no_quotes_and_fills_after_the_halt(gateway: Gateway) -> None:
    await gateway.post("/simulator/broker", {"halted": ["AAPL"]})
    quote = await gateway.quote()
    assert quote["31"].startswith("H")
    assert not {"84", "86"} & quote.keys()
    await buy(gateway)
    assert await filled(gateway) == 0.0
    await gateway.post("/simulator/broker", {"halted": []})
    assert await filled(gateway) == 10.0


async def test_on_a_closed_exchange_nothing_is_quoted_and_orders_wait(gateway: Gateway) -> None:
    await gateway.post("/simulator/broker", {"closed": True})
    schedules = (await gateway.get("/contract/trading-schedule?conid=265598"))["schedules"]
    assert "20210601" not in schedules
    assert "86" not in (await gateway.rows("/iserver/marketdata/snapshot?conids=265598&fields=31,86"))[0]
    assert (await buy(gateway))["order_status"] == "PreSubmitted"
    assert (await gateway.get("/simulator/state"))["market_open"] is False
    assert await filled(gateway) == 0.0
