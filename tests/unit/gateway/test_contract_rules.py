"""What an order must keep, also where the broker's answer contradicts itself: lots, and the grid of prices."""

from decimal import Decimal
from typing import Final

import pytest

from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.records import ContractRules, Limit, Side
from tests.unit.gateway.scripted import ACCOUNT, RULES, ScriptedGateway, ok, portal_to, ready_gateway

CONID: Final = 265598
PLACE: Final = f"POST /iserver/account/{ACCOUNT}/orders"
SNAPSHOT: Final = "GET /iserver/marketdata/snapshot"
CENTS: Final = [{"lowerEdge": 0, "increment": 0.01}]
NICKELS: Final = [{"lowerEdge": 0, "increment": 0.01}, {"lowerEdge": 3, "increment": 0.05}]


def ruled(currency: str = "USD", exchange: str | None = "NASDAQ", **rules: object) -> ScriptedGateway:
    row = {"conid": CONID, "currency": currency, "listingExchange": exchange, "assetClass": "STK"}
    gateway = ready_gateway().on("GET /trsrv/secdef", ok({"secdef": [row] if exchange is not None else []}))
    gateway.on("POST /iserver/contract/rules", ok({**RULES, "cashCcy": currency, **rules}))
    return gateway.on(PLACE, ok([{"order_id": "1", "order_status": "Submitted"}]))


def quoting(gateway: ScriptedGateway, bid: str, ask: str) -> ScriptedGateway:
    return gateway.on(SNAPSHOT, ok([{"conid": CONID}]), ok([{"conid": CONID, "84": bid, "86": ask}]))


async def rules_of(gateway: ScriptedGateway, side: Side = "SELL") -> ContractRules:
    return await portal_to(gateway).contracts.rules(CONID, side)


def steps(rules: ContractRules) -> list[tuple[str, str]]:
    return [(f"{each.lower_edge.normalize():f}", f"{each.increment:f}") for each in rules.increments]


async def outcome(gateway: ScriptedGateway, side: Side, quantity: int) -> str:
    order = Limit(
        account=ACCOUNT,
        conid=CONID,
        side=side,
        quantity=Decimal(quantity),
        limit_price=Decimal("101.25"),
        time_in_force="DAY",
        coid="PM01",
    )
    return (await portal_to(gateway).orders.place_once(order)).outcome


@pytest.mark.parametrize(
    ("currency", "exchange", "increment", "lot"),
    [
        ("USD", "NASDAQ", 100, 1),
        ("USD", "NYSE", "100", 1),
        ("USD", "PINK", None, 1),
        ("USD", "ARCA", 0, 1),
        ("USD", "BATS", 0.0001, 1),
        ("USD", "NASDAQ.NMS", "x", 1),
        ("USD", None, 100, 1),
        ("EUR", "IBIS", 100, 1),
        ("CHF", "EBS", 10, 1),
        ("CAD", "TSE", 100, 1),
        ("AUD", "ASX", 100, 1),
        ("JPY", "TSEJ", 100, 100),
        ("JPY", None, 100, 100),
        ("HKD", "SEHK", "400", 400),
        ("CNH", "SEHKNTL", 100, 100),
        ("SGD", "SGX", 100, 100),
        ("USD", "SGX", 100, 100),
        ("USD", "SEHK", 500, 500),
        ("TWD", "TWSE", 1000, 1000),
        ("JPY", "TSEJ", 1, 1),
        ("HKD", "SEHK", 0.5, 1),
    ],
)
async def test_a_size_increment_is_a_lot_only_where_the_market_has_lots(
    currency: str, exchange: str | None, increment: object, lot: int
) -> None:
    gateway = ruled(currency, exchange, sizeIncrement=increment, defaultSize=100, fraqInt=4)
    assert (await rules_of(gateway, "BUY")).quantity_increment == lot


@pytest.mark.parametrize("quantity", [1, 44, 59, 112])
async def test_us_shares_are_bought_and_sold_in_ones_whatever_the_order_window_steps_by(quantity: int) -> None:
    for side in ("BUY", "SELL"):
        gateway = ruled(sizeIncrement=100, defaultSize=100, fraqInt=4)
        assert await outcome(gateway, "BUY" if side == "BUY" else "SELL", quantity) == "accepted"


async def test_a_board_lot_is_bought_whole_and_an_odd_one_is_sold() -> None:
    def tokyo() -> ScriptedGateway:
        return ruled("JPY", "TSEJ", sizeIncrement=100, increment=0.25, incrementRules=[])

    assert [await outcome(tokyo(), "BUY", quantity) for quantity in (100, 200, 150)] == [
        "accepted",
        "accepted",
        "not_sent",
    ]
    assert [await outcome(tokyo(), "SELL", quantity) for quantity in (50, 150)] == ["accepted", "accepted"]


async def test_a_lot_that_nobody_tells_stops_a_purchase_and_no_sale() -> None:
    untold = ruled("HKD", "SEHK", sizeIncrement=None)
    assert (await rules_of(untold, "SELL")).quantity_increment == 1
    with pytest.raises(Malformed, match="sizeIncrement"):
        await rules_of(untold, "BUY")


@pytest.mark.parametrize(
    ("ladder", "single", "bid", "ask", "expected"),
    [
        ([{"lowerEdge": 0, "increment": 1}], 0.01, "31.97", "31.99", [("0", "0.01")]),
        ([{"lowerEdge": 0, "increment": 1}], 0.01, "32", "33", [("0", "0.01")]),
        ([{"lowerEdge": 0, "increment": "1"}], "0.01", "31.97", "31.99", [("0", "0.01")]),
        ([{"lowerEdge": 0, "increment": 0.0001}], 0.01, "0.4235", "0.4241", [("0", "0.0001")]),
        (NICKELS, 0.01, "12.34", "12.36", [("0", "0.01"), ("3", "0.01")]),
        (CENTS, 0.05, "12.34", "12.36", [("0", "0.01")]),
        (CENTS, 0.05, "0.4235", "0.4241", [("0", "0.01")]),
        ([{"lowerEdge": 50, "increment": 1}], 0.01, "31.97", "31.99", [("0", "0.01"), ("50", "1")]),
        ([{"lowerEdge": 0, "increment": 1}], 0.01, "0", "-1", [("0", "0.01")]),
    ],
)
async def test_where_ladder_and_increment_disagree_the_finer_that_the_quote_obeys_is_used_and_said(
    ladder: list[dict[str, object]], single: object, bid: str, ask: str, expected: list[tuple[str, str]]
) -> None:
    gateway = quoting(ruled(incrementRules=ladder, increment=single, limitPrice=float(ask)), bid, ask)
    found = await rules_of(gateway)
    assert steps(found) == expected
    assert "price increments: the ladder says" in str(found.note)


async def test_a_contradiction_that_no_quote_settles_takes_the_finer_and_says_so() -> None:
    gateway = ruled(incrementRules=[{"lowerEdge": 0, "increment": 1}], increment=0.01)
    found = await rules_of(gateway.on(SNAPSHOT, ok([{"conid": CONID}])))
    assert steps(found) == [("0", "0.01")]
    assert "no quote says which is right" in str(found.note)


@pytest.mark.parametrize(
    ("ladder", "single", "limit", "expected"),
    [
        (NICKELS, 0.05, 12.35, [("0", "0.01"), ("3", "0.05")]),
        (NICKELS[::-1], 0.05, 12.35, [("0", "0.01"), ("3", "0.05")]),
        ([*NICKELS, NICKELS[1]], 0.05, 12.35, [("0", "0.01"), ("3", "0.05")]),
        ([{"lowerEdge": "0", "increment": "0.01"}], "0.01", "101.25", [("0", "0.01")]),
        ([], 0.05, 12.35, [("0", "0.05")]),
        (None, "0.05", None, [("0", "0.05")]),
        (CENTS, None, 12.35, [("0", "0.01")]),
        (CENTS, "n/a", "n/a", [("0", "0.01")]),
    ],
)
async def test_a_ladder_that_agrees_is_used_as_it_is_in_any_order_and_spelling(
    ladder: object, single: object, limit: object, expected: list[tuple[str, str]]
) -> None:
    gateway = ruled(incrementRules=ladder, increment=single, limitPrice=limit)
    found = await rules_of(gateway)
    assert (steps(found), found.note, gateway.count(SNAPSHOT)) == (expected, None, 0)


@pytest.mark.parametrize(
    "ladder",
    [
        "none",
        7,
        [None],
        [{"lowerEdge": 0}],
        [{"increment": 0.01}],
        [{"lowerEdge": 0, "increment": 0}],
        [{"lowerEdge": -1, "increment": 0.01}],
        [{"lowerEdge": 0, "increment": 0.01}, {"lowerEdge": 0, "increment": 0.05}],
    ],
)
async def test_a_ladder_that_cannot_be_read_leaves_the_single_increment_and_says_so(ladder: object) -> None:
    found = await rules_of(ruled(incrementRules=ladder, increment=0.01))
    assert steps(found) == [("0", "0.01")]
    assert "the ladder cannot be read" in str(found.note)
    assert await outcome(ruled(incrementRules=ladder, increment=0.01), "SELL", 44) == "accepted"
