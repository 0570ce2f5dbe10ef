"""What becomes of one order for every answer the broker is known to give, and that it is sent once."""

import asyncio
import json
from decimal import Decimal

import httpx2
import pytest

from api_gateway.clientportal.errors import GatewayRefused, Incomplete, Malformed, UnknownOrder
from api_gateway.clientportal.records import Limit, Placement
from tests.unit.gateway.scripted import ACCOUNT, Reply, ScriptedGateway, Time, ok, portal_to, raw, ready_gateway

PLACE = f"POST /iserver/account/{ACCOUNT}/orders"
ORDERS = "GET /iserver/account/orders"
ACCEPTED = ok([{"order_id": "1370093239", "order_status": "PreSubmitted", "encrypt_message": "1"}])
REGISTERED = {"error": "Order couldn't be submitted: Local order ID=PM01 is already registered."}
ORDER = Limit(
    account=ACCOUNT,
    conid=265598,
    side="BUY",
    quantity=Decimal(10),
    limit_price=Decimal("101.25"),
    time_in_force="DAY",
    coid="PM01",
)


def question(message_id: str, text: str, reply_id: str = "r1") -> httpx2.Response:
    row = {"id": reply_id, "message": [text], "isSuppressed": False, "messageIds": [message_id]}
    return ok([{**row, "messageOptions": ["Yes", "No"]}])


SIZE = question("o383", "AAPL order\nsize exceeds the Size\nLimit of 500.\nAre you sure?")
VALUE = question("o451", "AAPL order value exceeds the Total Value Limit of 100,000 USD.", "r2")


async def placed(gateway: ScriptedGateway) -> Placement:
    return await portal_to(gateway).orders.place_once(ORDER)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (ACCEPTED, "accepted"),
        (ok({"error": "Invalid order price fields"}), "rejected"),
        (ok({"error": "We cannot accept an order at the limit price you selected."}), "rejected"),
        (ok(REGISTERED), "already_registered"),
        (ok(REGISTERED, 400), "already_registered"),
        (ok([{"order_id": "-1", "order_status": "Failed", "text": "no"}]), "rejected"),
        (ok([{"order_id": "5", "order_status": "Inactive", "warning_message": "no"}]), "rejected"),
        (ok({"advancedOrderReject": {"orderId": 7, "text": "no", "options": []}}), "rejected"),
        (ok({"error": "Failed to parse body as JSON"}, 400), "rejected"),
        (ok({"error": "Bad Request: no bridge", "statusCode": 400}, 400), "rejected"),
        (ok({"error": "Please query /accounts first"}, 500), "rejected"),
        (ok({"error": "slow down"}, 429), "rejected"),
        (raw("", 401), "rejected"),
        (ok({"error": "Service Unavailable", "statusCode": 503}, 503), "unknown"),
        (ok({"error": "Internal"}, 500), "unknown"),
        (raw("", 504), "unknown"),
        (ok({"error": "Request Timeout"}, 408), "unknown"),
        (raw('[{"order_id": "1370'), "unknown"),
        (raw("<html>hm</html>"), "unknown"),
        (ok([]), "unknown"),
        (ok({"surprise": 1}), "unknown"),
        (ok([{"order_id": "1"}]), "unknown"),
        (httpx2.ReadTimeout("late"), "unknown"),
        (httpx2.RemoteProtocolError("closed"), "unknown"),
        (httpx2.WriteError("broken pipe"), "unknown"),
        (httpx2.ConnectError("refused"), "not_sent"),
        (httpx2.ConnectTimeout("no route"), "not_sent"),
        (question("o163", "price exceeds the Percentage constraint of 3%."), "unknown_question"),
        (question("o354", "You are submitting an order without market data."), "unknown_question"),
        (question("o99999", "size exceeds the Size Limit of 500"), "unknown_question"),
        (question("o383", "Would you like to cancel all open orders"), "unknown_question"),
        (ok([{"id": "r1", "message": ["size exceeds the Size Limit of"], "messageIds": []}]), "unknown_question"),
        (
            ok([{"id": "r1", "message": ["size exceeds the Size Limit of"], "messageIds": ["o383", "o99"]}]),
            "unknown_question",
        ),
    ],
)
async def test_each_answer_has_one_outcome_and_the_order_goes_out_once(reply: Reply, outcome: str) -> None:
    gateway = ready_gateway().on(PLACE, reply)
    found = await placed(gateway)
    assert found.outcome == outcome
    assert gateway.count(PLACE) == 1
    assert not [call for call in gateway.calls if "/iserver/reply/" in call]


async def test_nothing_else_is_sent_while_a_question_of_the_broker_waits_for_its_answer() -> None:
    gateway = ready_gateway().on(PLACE, SIZE)
    portal = portal_to(gateway)
    await portal.session.prime()
    others: list[asyncio.Task[object]] = []

    def ask_again(request: httpx2.Request) -> httpx2.Response:
        others.extend(asyncio.create_task(portal.portfolio.ledger(ACCOUNT)) for _ in range(3))
        others.append(asyncio.create_task(portal.contracts.rules(7, "BUY")))
        return VALUE

    async def hold(request: httpx2.Request) -> httpx2.Response:
        for _ in range(50):
            await asyncio.sleep(0)
        return ACCEPTED

    gateway.on("POST /iserver/reply/r1", ask_again).on("POST /iserver/reply/r2", hold)
    found = await portal.orders.place_once(ORDER)
    sent = len(gateway.calls)
    await asyncio.gather(*others, return_exceptions=True)
    assert found.outcome == "accepted"
    talk = gateway.calls[gateway.calls.index(PLACE) : sent]
    assert talk == [PLACE, "POST /iserver/reply/r1", "POST /iserver/reply/r2"]
    assert len(gateway.calls) > sent


async def test_an_accepted_order_carries_its_id_and_the_exact_numbers_were_sent() -> None:
    gateway = ready_gateway().on(PLACE, ACCEPTED)
    found = await placed(gateway)
    assert (found.order_id, found.status) == ("1370093239", "PreSubmitted")
    assert gateway.bodies[-1] == {
        "orders": [
            {
                "acctId": ACCOUNT,
                "conid": 265598,
                "orderType": "LMT",
                "side": "BUY",
                "tif": "DAY",
                "outsideRTH": False,
                "quantity": 10,
                "price": 101.25,
                "cOID": "PM01",
            }
        ]
    }


async def test_a_chain_of_allowed_questions_is_confirmed_to_its_end() -> None:
    gateway = ready_gateway().on(PLACE, SIZE)
    gateway.on("POST /iserver/reply/r1", VALUE).on("POST /iserver/reply/r2", ACCEPTED)
    found = await placed(gateway)
    assert found.outcome == "accepted"
    assert [(each.message_ids, each.confirmed) for each in found.questions] == [(("o383",), True), (("o451",), True)]
    assert gateway.bodies[-1] == {"confirmed": True}


async def test_the_next_order_waits_until_the_questions_of_the_last_are_answered() -> None:
    gateway = ready_gateway().on(PLACE, SIZE).on("POST /iserver/reply/r1", ACCEPTED)
    orders = portal_to(gateway).orders
    await asyncio.gather(orders.place_once(ORDER), orders.place_once(ORDER))
    assert gateway.calls[-4:] == [PLACE, "POST /iserver/reply/r1"] * 2


async def test_an_unknown_question_behind_an_allowed_one_is_left_unanswered() -> None:
    gateway = ready_gateway().on(PLACE, SIZE)
    gateway.on("POST /iserver/reply/r1", question("o10153", "not consistent with a fair and orderly market", "r2"))
    found = await placed(gateway)
    assert found.outcome == "unknown_question"
    assert [each.confirmed for each in found.questions] == [True, False]
    assert gateway.count("POST /iserver/reply/r2") == 0


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (ok({"error": "Service Unavailable", "statusCode": 503}, 503), "unknown"),
        (ok({"error": "reply id not found: 'r1'"}, 400), "unknown"),
        (httpx2.ReadTimeout("late"), "unknown"),
        (httpx2.ConnectError("gone"), "unknown"),
        (ok({"error": "No trading permission"}), "rejected"),
    ],
)
async def test_a_reply_without_a_clear_answer_leaves_the_outcome_open(reply: Reply, outcome: str) -> None:
    gateway = ready_gateway().on(PLACE, SIZE).on("POST /iserver/reply/r1", reply)
    assert (await placed(gateway)).outcome == outcome
    assert gateway.count("POST /iserver/reply/r1") == 1


async def test_questions_without_end_are_not_answered_for_ever() -> None:
    gateway = ready_gateway().on(PLACE, SIZE).on("POST /iserver/reply/r1", SIZE)
    assert (await placed(gateway)).outcome == "unknown_question"
    assert gateway.count("POST /iserver/reply/r1") == 5


async def test_in_the_penalty_box_an_order_is_not_sent() -> None:
    gateway = ready_gateway().on(PLACE, ACCEPTED)
    portal = portal_to(gateway)
    portal.pacer.penalise()
    assert (await portal.orders.place_once(ORDER)).outcome == "not_sent"
    assert gateway.calls == []


def live_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "acct": ACCOUNT,
        "conid": 265598,
        "orderId": 1370093239,
        "ticker": "AAPL",
        "side": "BUY",
        "price": "101.25",
        "timeInForce": "CLOSE",
        "status": "Filled",
        "remainingQuantity": 0.0,
        "filledQuantity": 10.0,
        "totalSize": 10.0,
        "avgPrice": "101.20",
        "order_ref": "PM01",
    }
    return {**row, **changes}


async def test_the_empty_cold_answer_is_never_taken_for_no_orders() -> None:
    cold = ok({"orders": [], "snapshot": False})
    with pytest.raises(Incomplete):
        await portal_to(ready_gateway().on(ORDERS, cold)).orders.live(ACCOUNT)
    late = ready_gateway().on(ORDERS, cold, cold, ok({"orders": [live_row()], "snapshot": True}))
    assert [row.coid for row in (await portal_to(late).orders.live(ACCOUNT)).orders] == ["PM01"]


async def test_live_orders_of_other_accounts_are_left_out_and_a_market_order_has_no_limit() -> None:
    rows = [live_row(acct="DU7654321"), live_row(price="", avgPrice="0.00", orderId=2)]
    gateway = ready_gateway().on(ORDERS, ok({"orders": [], "snapshot": False}), ok({"orders": rows, "snapshot": True}))
    (found,) = (await portal_to(gateway).orders.live(ACCOUNT)).orders
    assert (found.order_id, found.limit_price, found.average_price) == ("2", None, None)


async def test_a_young_order_list_is_reused_only_where_allowed_and_only_until_an_order_goes() -> None:
    gateway, time = ready_gateway().on(PLACE, ACCEPTED), Time()
    orders = portal_to(gateway, time).orders
    await orders.live(ACCOUNT)
    await orders.live(ACCOUNT, reuse=True)
    assert gateway.count(ORDERS) == 2
    await orders.place_once(ORDER)
    await orders.live(ACCOUNT, reuse=True)
    assert gateway.count(ORDERS) == 3
    time.now += 5.0
    await orders.live(ACCOUNT, reuse=True)
    assert gateway.count(ORDERS) == 4
    await orders.live(ACCOUNT)
    assert gateway.count(ORDERS) == 5


async def test_size_in_an_order_status_is_what_remains() -> None:
    row = {
        "order_id": 1370093239,
        "conid": 265598,
        "symbol": "AAPL",
        "side": "B",
        "size": "4.0",
        "total_size": "10.0",
        "cum_fill": "6.0",
        "limit_price": "101.25",
        "average_price": "101.2",
        "order_status": "Submitted",
        "tif": "DAY",
    }
    gateway = ready_gateway().on("GET /iserver/account/order/status/1370093239", ok(row))
    found = await portal_to(gateway).orders.status(ACCOUNT, "1370093239")
    assert (found.quantity, found.filled_quantity, found.remaining_quantity) == (Decimal(10), Decimal(6), Decimal(4))
    assert found.side == "BUY"


async def test_another_accounts_order_is_not_told() -> None:
    gateway = ready_gateway().on("GET /iserver/account/order/status/1", ok({"account": "DU7654321", "order_id": 1}))
    with pytest.raises(UnknownOrder):
        await portal_to(gateway).orders.status(ACCOUNT, "1")


async def test_the_status_of_another_order_is_not_the_answer() -> None:
    sizes = {"size": "4.0", "total_size": "10.0", "cum_fill": "6.0"}
    row = {"order_id": 8, "conid": 265598, "side": "B", "order_status": "Submitted", "account": ACCOUNT, **sizes}
    gateway = ready_gateway().on("GET /iserver/account/order/status/7", ok(row))
    with pytest.raises(Malformed, match="another order"):
        await portal_to(gateway).orders.status(ACCOUNT, "7")


async def test_an_aged_order_is_unknown_and_not_a_maintenance_of_the_broker() -> None:
    gateway = ready_gateway().on("GET /iserver/account/order/status/9", ok({"error": "Service Unavailable"}, 503))
    with pytest.raises(UnknownOrder):
        await portal_to(gateway).orders.status(ACCOUNT, "9")


async def test_a_trade_is_read_from_the_second_answer_in_exact_numbers() -> None:
    row = {
        "execution_id": "0000e215.1",
        "order_id": 1370093239,
        "order_ref": "PM01",
        "account": ACCOUNT,
        "conid": 265598,
        "symbol": "AAPL",
        "side": "B",
        "size": 10.0,
        "price": "101.20",
        "commission": "1.0",
        "trade_time": "20260709-17:28:31",
    }
    gateway = ready_gateway().on(
        "GET /iserver/account/trades", ok([]), ok([row, {**row, "account": "DU7654321", "execution_id": "2"}])
    )
    (trade,) = (await portal_to(gateway).orders.trades(ACCOUNT)).trades
    assert (trade.side, trade.price, trade.time.isoformat()) == ("BUY", Decimal("101.20"), "2026-07-09T17:28:31+00:00")
    assert json.loads(trade.model_dump_json())["price"] == "101.20"


async def test_after_cold_orders_the_first_list_of_trades_is_not_believed() -> None:
    row = {"execution_id": "1", "order_id": 7, "conid": 265598, "symbol": "AAPL", "side": "B", "account": ACCOUNT}
    trade = {**row, "size": 10.0, "price": "101.20", "trade_time": "20260709-17:28:31"}
    warm, cold = ok({"orders": [], "snapshot": True}), ok({"orders": [], "snapshot": False})
    gateway = (
        ready_gateway().on(ORDERS, cold, cold, warm).on("GET /iserver/account/trades", ok([]), ok([]), ok([trade]))
    )
    live, executed = await portal_to(gateway).orders.report(ACCOUNT)
    assert (live.orders, [found.order_id for found in executed.trades]) == ((), ["7"])


@pytest.mark.parametrize(
    ("status", "time_in_force", "told"),
    [("Filled", "DAY", False), ("Filled", "GTC", False), ("Submitted", "DAY", False), ("Submitted", "GTC", True)],
)
async def test_fills_of_today_without_trades_are_an_unloaded_list(status: str, time_in_force: str, told: bool) -> None:
    row = {"orderId": 7, "conid": 265598, "side": "BUY", "filledQuantity": 4.0, "remainingQuantity": 6.0}
    order = {**row, "status": status, "timeInForce": time_in_force, "acct": ACCOUNT}
    gateway = ready_gateway().on(ORDERS, ok({"orders": [order], "snapshot": True}))
    orders = portal_to(gateway).orders
    if told:
        assert (await orders.report(ACCOUNT))[1].trades == ()
        return
    with pytest.raises(Incomplete, match="trades"):
        await orders.report(ACCOUNT)


WHAT_IF = f"POST /iserver/account/{ACCOUNT}/orders/whatif"


async def test_a_preview_reads_amounts_out_of_their_texts() -> None:
    answer = {
        "amount": {"amount": "1,012.50 USD (10 Shares)", "commission": "1 USD", "total": "1,013.50 USD"},
        "equity": {"current": "250,000", "change": "-1", "after": "249,999"},
        "initial": {"current": "1", "change": "2", "after": "3"},
        "maintenance": {"current": "1", "change": "2", "after": "4"},
        "warn": "21/You are trying to submit an order without having market data for this instrument.",
        "error": None,
    }
    found = await portal_to(ready_gateway().on(WHAT_IF, ok(answer))).orders.preview(ORDER)
    assert (found.amount, found.commission, found.currency) == (Decimal("1012.50"), Decimal(1), "USD")
    assert (found.equity_after, found.maintenance_margin_after) == (Decimal(249_999), Decimal(4))
    assert len(found.warnings) == 1
    assert found.error is None


async def test_an_error_inside_a_preview_is_part_of_it() -> None:
    gateway = ready_gateway().on(WHAT_IF, ok({"error": "No trading permission"}))
    found = await portal_to(gateway).orders.preview(ORDER)
    assert (found.error, found.amount, found.commission) == ("No trading permission", Decimal("1012.50"), None)


async def test_a_refused_preview_is_an_error() -> None:
    with pytest.raises(GatewayRefused):
        await portal_to(ready_gateway().on(WHAT_IF, ok({"error": "bad"}, 400))).orders.preview(ORDER)
    with pytest.raises(Malformed):
        await portal_to(ready_gateway().on(WHAT_IF, raw('{"amount": {'))).orders.preview(ORDER)
