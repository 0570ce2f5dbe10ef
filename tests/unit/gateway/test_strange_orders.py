"""Orders and executions as real accounts show them: a strange row costs itself alone, and ours are read exactly."""

from decimal import Decimal
from typing import Any, Final

import pytest

from api_gateway.clientportal.errors import Incomplete, Malformed
from api_gateway.clientportal.records import LiveOrders, OrderLeg, Trades
from tests.unit.gateway.scripted import ACCOUNT, RULES, Reply, ScriptedGateway, ok, portal_to, ready_gateway

ORDERS: Final = "GET /iserver/account/orders"
TRADES: Final = "GET /iserver/account/trades"
GONE: Final = "(absent)"
SPREAD: Final = {
    "conid": 28812380,
    "conidex": "28812380;;;712809821/1,712809881/-1",
    "ticker": "SPY",
    "secType": "BAG",
    "price": "-2.15",
}
LEGS: Final = (OrderLeg(conid=712809821, ratio=1), OrderLeg(conid=712809881, ratio=-1))


def changed(row: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in {**row, **changes}.items() if value is not GONE}


def order(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "acct": ACCOUNT,
        "conid": 265598,
        "conidex": "265598",
        "orderId": 11,
        "ticker": "AAPL",
        "secType": "STK",
        "cashCcy": "USD",
        "side": "BUY",
        "price": "101.25",
        "timeInForce": "DAY",
        "status": "Submitted",
        "remainingQuantity": 10.0,
        "filledQuantity": 0.0,
        "totalSize": 10.0,
        "lastExecutionTime": "221228150044",
        "lastExecutionTime_r": 1672239644183,
    }
    return changed(row, changes)


def execution(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "execution_id": "e1",
        "order_id": 7,
        "order_ref": None,
        "account": ACCOUNT,
        "conid": 265598,
        "conidEx": "265598",
        "symbol": "AAPL",
        "side": "B",
        "size": 10.0,
        "price": "101.20",
        "commission": "1.0",
        "net_amount": 1012.0,
        "sec_type": "STK",
        "listing_exchange": "NASDAQ.NMS",
        "trade_time_r": 1671830400000,
    }
    return changed(row, changes)


OTHER: Final = order(orderId=99, ticker="KO", conid=411064, conidex="411064")
OTHER_TRADE: Final = execution(execution_id="e99")


async def listed(*rows: object, snapshot: object = True) -> LiveOrders:
    gateway = ready_gateway().on(ORDERS, ok({"orders": list(rows), "snapshot": snapshot}))
    return await portal_to(gateway).orders.live(ACCOUNT)


async def executed(*rows: object) -> Trades:
    return await portal_to(ready_gateway().on(TRADES, ok(list(rows)))).orders.trades(ACCOUNT)


@pytest.mark.parametrize(
    "changes",
    [{}, {"conid": -1}, {"conid": 0}, {"conid": None}, {"conid": GONE}],
)
async def test_a_combination_of_somebody_is_an_order_with_its_legs(changes: dict[str, object]) -> None:
    live = await listed(order(**{**SPREAD, **changes}), OTHER)
    spread, other = live.orders
    assert (spread.conid, spread.security_type, spread.limit_price) == (28812380, "BAG", Decimal("-2.15"))
    assert (spread.legs, other.legs, live.strange) == (LEGS, (), ())


@pytest.mark.parametrize(
    "conidex",
    ["28812380;;;a/1,b/-1", "28812380;;;712809821/1,b/-1", "28812380;;;712809821/0", "28812380;;;712809821/1.5"],
)
async def test_a_combination_whose_legs_cannot_be_read_has_none_rather_than_some(conidex: str) -> None:
    (spread,) = (await listed(order(**{**SPREAD, "conidex": conidex}))).orders
    assert (spread.security_type, spread.legs) == ("BAG", ())


async def test_a_combination_abroad_names_an_exchange_behind_its_contract_id() -> None:
    (spread,) = (await listed(order(**{**SPREAD, "conidex": "28812380@SMART;;;712809821/1,712809881/-1"}))).orders
    assert (spread.conid, spread.legs) == (28812380, LEGS)


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"status": "ApiPending"}, "status", "ApiPending"),
        ({"status": None, "order_ccp_status": "Submitted"}, "status", "Submitted"),
        ({"price": "MKT"}, "limit_price", None),
        ({"price": ""}, "limit_price", None),
        ({"avgPrice": "n/a"}, "average_price", None),
        ({"timeInForce": 7}, "time_in_force", None),
        ({"secType": "OPT", "conid": 591234567, "conidex": "591234567@CBOE"}, "security_type", "OPT"),
        ({"secType": "CASH", "conid": 12087792, "conidex": "12087792"}, "security_type", "CASH"),
        ({"secType": "PREDICTION"}, "security_type", "PREDICTION"),
        ({"secType": 7}, "security_type", None),
        ({"secType": "CRYPTO", "cashCcy": "USDT"}, "currency", None),
        ({"ticker": 7203}, "symbol", "7203"),
        ({"ticker": None}, "symbol", None),
        ({"side": "SSHORT"}, "side", "SELL"),
        ({"order_ref": 17}, "coid", None),
        ({"remainingQuantity": GONE, "filledQuantity": 4}, "remaining_quantity", Decimal(6)),
        ({"filledQuantity": None, "remainingQuantity": "4"}, "filled_quantity", Decimal(6)),
        ({"totalSize": 0.0, "remainingQuantity": 0.0, "totalCashSize": 100.0}, "quantity", Decimal(0)),
    ],
)
async def test_an_order_of_somebody_is_read_as_far_as_it_goes(
    changes: dict[str, object], field: str, expected: object
) -> None:
    live = await listed(order(**changes), OTHER)
    assert (getattr(live.orders[0], field), len(live.orders), live.strange) == (expected, 2, ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"side": GONE}, "side is missing"),
        ({"side": None}, "side is missing"),
        ({"side": "SIDEWAYS"}, "side: not a side"),
        ({"status": None}, "status is missing"),
        ({"orderId": GONE}, "orderId is missing"),
        ({"orderId": "x"}, "orderId is not"),
        ({"totalSize": GONE, "remainingQuantity": GONE}, "remainingQuantity"),
        ({"totalSize": None, "remainingQuantity": None, "totalCashSize": 100.0}, "remainingQuantity"),
        ({"remainingQuantity": -1}, "remainingQuantity is negative"),
        ({"filledQuantity": "some"}, "filledQuantity: not a number"),
        ({"conidex": "99"}, "two contract ids"),
        ({"conid": None, "conidex": None}, "not a contract id"),
    ],
)
async def test_an_order_that_cannot_be_read_is_listed_with_the_field_and_costs_no_other(
    changes: dict[str, object], reason: str
) -> None:
    live = await listed(order(**changes), OTHER)
    (strange,) = live.strange
    assert [each.order_id for each in live.orders] == ["99"]
    assert (strange.what, strange.symbol, live.complete) == ("order", "AAPL", True)
    assert reason in strange.reason


@pytest.mark.parametrize("row", [None, 7, "x", []])
async def test_a_list_with_a_row_that_is_none_proves_nothing_of_an_order_that_is_not_on_it(row: object) -> None:
    live = await listed(row, OTHER)
    assert ([each.order_id for each in live.orders], live.complete) == (["99"], False)
    assert "row 0 is not an object" in live.strange[0].reason


@pytest.mark.parametrize(
    "changes",
    [
        {"side": GONE},
        {"status": GONE, "order_ccp_status": "Submitted"},
        {"price": "MKT"},
        {"secType": 7},
        {"remainingQuantity": -1},
        {"conidex": "99"},
    ],
)
async def test_an_order_of_ours_is_read_exactly_or_raises(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        await listed(order(order_ref="PM01", **changes), OTHER)


async def test_of_two_rows_of_one_order_the_later_holds() -> None:
    filled = order(status="Filled", filledQuantity=10.0, remainingQuantity=0.0, lastExecutionTime_r=1672239645183)
    for rows in ([order(), filled], [filled, order()], [filled, order(), filled]):
        assert [each.status for each in (await listed(*rows)).orders] == ["Filled"]


async def test_two_rows_of_one_order_of_ours_and_one_moment_are_no_answer() -> None:
    with pytest.raises(Malformed, match="order 11"):
        await listed(order(order_ref="PM01"), order(order_ref="PM01", status="Filled"))


# Lists that are not loaded.


@pytest.mark.parametrize(
    ("answer", "orders"),
    [
        ({"orders": [order(status="Filled")], "snapshot": False}, 1),
        ({"orders": [order()], "snapshot": None}, 1),
        ({"orders": [order()]}, 1),
        ({"orders": None, "snapshot": True}, 0),
        ({"snapshot": True, "filters": []}, 0),
    ],
)
async def test_a_list_that_never_says_it_is_loaded_is_taken_after_some_patience_as_incomplete(
    answer: dict[str, object], orders: int
) -> None:
    gateway = ready_gateway().on(ORDERS, ok(answer))
    calls = portal_to(gateway).orders
    live = await calls.live(ACCOUNT)
    assert (len(live.orders), live.complete, gateway.count(ORDERS)) == (orders, False, 4)
    assert not (await calls.live(ACCOUNT)).complete
    assert gateway.count(ORDERS) == 5


async def test_a_list_that_loads_late_is_complete_and_tells_its_age() -> None:
    late = ok({"orders": [order()], "snapshot": True})
    rows: list[Reply] = [ok({"orders": [], "snapshot": False})] * 3
    live = await portal_to(ready_gateway().on(ORDERS, *rows, late)).orders.live(ACCOUNT)
    assert (len(live.orders), live.complete, live.as_of.isoformat()) == (1, True, "2026-11-18T15:00:00+00:00")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"orders": [], "snapshot": False}, "orders 0, snapshot False"),
        ({"orders": None, "snapshot": False}, "orders absent, snapshot False"),
        ({}, "orders absent, snapshot None"),
    ],
)
async def test_a_list_that_was_never_seen_is_told_with_what_is_missing(answer: dict[str, object], told: str) -> None:
    gateway = ready_gateway().on(ORDERS, ok(answer))
    with pytest.raises(Incomplete, match=told):
        await portal_to(gateway).orders.live(ACCOUNT)


async def test_a_row_without_an_account_is_strange_where_the_login_has_several_unless_it_is_ours() -> None:
    def linked(*rows: object) -> ScriptedGateway:
        accounts = ok({"accounts": [ACCOUNT, "DU7654321"], "isPaper": True})
        gateway = ready_gateway().on("GET /iserver/accounts", accounts)
        return gateway.on(ORDERS, ok({"orders": list(rows), "snapshot": True}))

    live = await portal_to(linked(order(acct=None), OTHER, order(orderId=5, acct="DU7654321"))).orders.live(ACCOUNT)
    assert [each.order_id for each in live.orders] == ["99"]
    assert "acct is missing" in live.strange[0].reason
    with pytest.raises(Malformed, match="acct is missing"):
        await portal_to(linked(order(acct=None, order_ref="PM01"))).orders.live(ACCOUNT)


# Executions.


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"sec_type": "OPT", "price": "0.00", "order_id": 0, "exchange": "EXPIRED"}, "price", Decimal(0)),
        ({"sec_type": "BAG", "price": "-2.15"}, "price", Decimal("-2.15")),
        ({"sec_type": "FUT", "price": "-37.63", "currency": "USD"}, "price", Decimal("-37.63")),
        ({"price": "1,101.20"}, "price", Decimal("1101.20")),
        ({"side": "SLD"}, "side", "SELL"),
        ({"side": "BOT"}, "side", "BUY"),
        ({"size": "1,300"}, "quantity", Decimal(1300)),
        ({"order_id": None}, "order_id", "0"),
        ({"order_id": GONE}, "order_id", "0"),
        ({"commission": "N/A"}, "commission", None),
        ({"commission": ""}, "commission", None),
        ({"net_amount": "1,012.00"}, "net_amount", Decimal(1012)),
        ({"multiplier": "100"}, "multiplier", Decimal(100)),
        ({"sec_type": GONE}, "security_type", None),
        ({"symbol": 700}, "symbol", "700"),
        ({"symbol": None, "contract_description_1": "SPY Dec23 400 C"}, "symbol", "SPY Dec23 400 C"),
        ({}, "currency", "USD"),
    ],
)
async def test_an_execution_of_somebody_is_read_as_far_as_it_goes(
    changes: dict[str, object], field: str, expected: object
) -> None:
    found = await executed(execution(**changes), OTHER_TRADE)
    assert (getattr(found.trades[0], field), len(found.trades), found.strange) == (expected, 2, ())


async def test_an_execution_of_a_combination_has_its_legs() -> None:
    row = execution(sec_type="BAG", conid=28812380, conidEx=SPREAD["conidex"], listing_exchange="", price="-2.15")
    (found,) = (await executed(row)).trades
    assert (found.conid, found.legs, found.price) == (28812380, LEGS, Decimal("-2.15"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"side": "X", "sec_type": "OPT", "price": "0"}, "exercise, assignment or expiration"),
        ({"price": "-3"}, "price: -3 for a share"),
        ({"price": None}, "price is missing"),
        ({"size": None}, "size is missing"),
        ({"size": "-5"}, "size is negative"),
        ({"execution_id": None}, "execution_id is missing"),
        ({"symbol": None}, "symbol is missing"),
        ({"trade_time_r": None}, "trade_time is missing"),
        ({"conidEx": "99"}, "two contract ids"),
    ],
)
async def test_an_execution_that_cannot_be_read_is_listed_with_the_field_and_costs_no_other(
    changes: dict[str, object], reason: str
) -> None:
    found = await executed(execution(**changes), OTHER_TRADE, None)
    assert [each.execution_id for each in found.trades] == ["e99"]
    assert [each.what for each in found.strange] == ["trade", "trade"]
    assert any(reason in each.reason for each in found.strange)


@pytest.mark.parametrize(
    "changes", [{"price": "0"}, {"order_id": None}, {"commission": "N/A"}, {"side": "X"}, {"size": None}]
)
async def test_an_execution_of_ours_is_read_exactly_or_raises(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        await executed(execution(order_ref="PM01", **changes), OTHER_TRADE)


async def test_of_one_execution_told_twice_the_commission_that_came_later_is_kept() -> None:
    for rows in ([execution(commission=""), execution()], [execution(), execution(commission=None)]):
        (found,) = (await executed(*rows)).trades
        assert found.commission == Decimal("1.0")


async def test_two_executions_of_ours_under_one_id_are_no_answer() -> None:
    with pytest.raises(Malformed, match="execution e1"):
        await executed(execution(order_ref="PM01"), execution(order_ref="PM01", size=4.0))


async def test_a_strangers_fill_that_no_execution_explains_stops_no_report_and_one_of_ours_does() -> None:
    def fill(**changes: Any) -> ScriptedGateway:  # noqa: ANN401 any JSON
        row = order(status="Filled", filledQuantity=10.0, remainingQuantity=0.0, **changes)
        gateway = ready_gateway().on(ORDERS, ok({"orders": [row], "snapshot": True}))
        return gateway.on(TRADES, ok([OTHER_TRADE]))

    live, found = await portal_to(fill()).orders.report(ACCOUNT)
    assert (len(live.orders), len(found.trades)) == (1, 1)
    with pytest.raises(Incomplete, match="order 11"):
        await portal_to(fill(order_ref="PM01")).orders.report(ACCOUNT)


async def test_an_executions_price_in_a_unit_that_nobody_tells_is_strange_and_a_worthless_one_is_not() -> None:
    untold = {**RULES, "cashCcy": "GBP"}
    gateway = ready_gateway().on("POST /iserver/contract/rules", ok(untold))
    london = execution(conid=7, conidEx="7", listing_exchange="LSE")
    gateway.on(TRADES, ok([london, {**london, "execution_id": "e2", "price": "0"}]))
    found = await portal_to(gateway).orders.trades(ACCOUNT)
    assert [each.execution_id for each in found.trades] == ["e2"]
    assert "priceMagnifier is missing" in found.strange[0].reason
