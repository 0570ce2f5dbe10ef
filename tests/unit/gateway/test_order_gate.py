"""The order gate against logins of either kind: what it reads before an order, and what it never lets out."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal

import httpx2
import pytest

from api_gateway.mcp_server.admission import Admission
from api_gateway.mcp_server.order_gate import OrderGate
from api_gateway.mcp_server.results import PlaceResult, Ticket
from api_gateway.mcp_server.tickets import TicketVerifier, signature
from api_gateway.settings import TradingMode
from tests.unit.gateway.scripted import ACCOUNT, ScriptedGateway, ok, portal_to, ready_gateway

KEY = "key"
NOW = 1_700_000_000
PLACE = f"POST /iserver/account/{ACCOUNT}/orders"
CANCEL = f"DELETE /iserver/account/{ACCOUNT}/order/7"
POSITIONS = f"GET /portfolio2/{ACCOUNT}/positions"
ACCEPTED = ok([{"order_id": "1", "order_status": "Submitted"}])


def tradable(*, paper: bool = True) -> ScriptedGateway:
    gateway = ready_gateway(paper=paper).on(PLACE, ACCEPTED)
    return gateway.on("GET /iserver/contract/265598/info", ok({"instrument_type": "STK", "currency": "USD"}))


def gate_to(
    gateway: ScriptedGateway,
    mode: TradingMode = "paper",
    listed: tuple[str, ...] = (),
    maximum: int = 50_000,
    messages: int = 500,
    now: Callable[[], float] = lambda: NOW,
) -> OrderGate:
    portal = portal_to(gateway, refuse_simulator=mode == "live")
    verifier = TicketVerifier(KEY, now)
    return OrderGate(
        portal,
        Admission(portal, listed),
        verifier,
        trading_mode=mode,
        max_order_value=Decimal(maximum),
        max_messages_per_day=messages,
    )


def ticket(**changes: object) -> Ticket:
    fields: dict[str, object] = {
        "version": 1,
        "account": ACCOUNT,
        "conid": 265598,
        "side": "BUY",
        "quantity": "10",
        "limit_price": "101.25",
        "time_in_force": "DAY",
        "coid": "PM01",
        "run_id": "run_x",
        "policy_hash": "sha256:abc",
        "expires": NOW + 60,
    }
    return Ticket.model_validate({**fields, **changes})


async def place(gate: OrderGate, **changes: object) -> PlaceResult:
    order = ticket(**changes)
    return await gate.place(order, signature(KEY, order))


@pytest.mark.parametrize(
    ("mode", "paper", "listed", "outcome"),
    [
        ("paper", True, (), "accepted"),
        ("paper", True, (ACCOUNT,), "accepted"),
        ("paper", True, ("DU7654321",), "refused"),
        ("paper", False, (), "refused"),
        ("paper", False, (ACCOUNT,), "refused"),
        ("live", True, (ACCOUNT,), "refused"),
        ("live", False, (), "refused"),
        ("live", False, (ACCOUNT,), "accepted"),
    ],
)
async def test_mode_login_and_account_list_must_agree(
    mode: TradingMode, paper: bool, listed: tuple[str, ...], outcome: str
) -> None:
    gateway = tradable(paper=paper)
    assert (await place(gate_to(gateway, mode, listed))).outcome == outcome
    assert gateway.count(PLACE) == (1 if outcome == "accepted" else 0)


@pytest.mark.parametrize(
    ("mode", "paper", "listed", "outcome"),
    [
        ("paper", True, (), "requested"),
        ("paper", True, ("DU7654321",), "refused"),
        ("paper", False, (ACCOUNT,), "refused"),
        ("live", True, (ACCOUNT,), "refused"),
        ("live", False, (ACCOUNT,), "requested"),
    ],
)
async def test_a_cancel_goes_where_an_order_may_go(
    mode: TradingMode, paper: bool, listed: tuple[str, ...], outcome: str
) -> None:
    row = {"order_id": 7, "conid": 265598, "side": "B", "order_status": "Submitted", "order_ref": "PM01"}
    sizes = {"size": "10.0", "total_size": "10.0", "cum_fill": "0.0", "account": ACCOUNT}
    gateway = ready_gateway(paper=paper).on("GET /iserver/account/order/status/7", ok({**row, **sizes}))
    gateway.on(CANCEL, ok({"msg": "Request was submitted"}))
    assert (await gate_to(gateway, mode, listed).cancel(ACCOUNT, "7")).outcome == outcome
    assert gateway.count(CANCEL) == (1 if outcome == "requested" else 0)


async def test_the_cap_on_the_value_of_a_buy_is_inclusive() -> None:
    gateway = tradable()
    gate = gate_to(gateway, maximum=1_000)
    assert (await place(gate, quantity="10", limit_price="100", coid="PM01")).outcome == "accepted"
    refused = await place(gate, quantity="10", limit_price="100.01", coid="PM02")
    assert refused.message == "max_order_value: the order is worth 1000.10, limit 1000"
    assert gateway.count(PLACE) == 1


async def test_the_login_is_read_again_before_every_order() -> None:
    gateway = tradable()
    accounts = {"accounts": [ACCOUNT], "isPaper": True}
    gateway.on("GET /iserver/accounts", ok(accounts), ok(accounts), ok({**accounts, "isPaper": False}))
    gate = gate_to(gateway)
    assert (await place(gate, coid="PM01")).outcome == "accepted"
    assert (await place(gate, coid="PM02")).outcome == "refused"
    assert gateway.count(PLACE) == 1


async def test_a_gateway_that_cannot_be_read_lets_no_order_out() -> None:
    gateway = tradable().on("POST /iserver/auth/status", httpx2.ConnectError("refused"))
    result = await place(gate_to(gateway))
    assert result.outcome == "refused"
    assert "IBKR_GATEWAY_URL" in str(result.message)
    assert gateway.count(PLACE) == 0


async def test_only_stocks_and_funds_are_traded() -> None:
    gateway = tradable().on("GET /iserver/contract/265598/info", ok({"instrument_type": "OPT"}))
    assert "asset_class" in str((await place(gate_to(gateway))).message)
    assert gateway.count(PLACE) == 0


@pytest.mark.parametrize(
    ("side", "held_as", "outcome"),
    [("SELL", "STK", "accepted"), ("SELL", "OPT", "refused"), ("SELL", "", "refused"), ("BUY", "STK", "refused")],
)
async def test_what_is_held_and_no_longer_defined_is_sold_by_the_word_of_its_row(
    side: str, held_as: str, outcome: str
) -> None:
    unknown = ok({"error": "Bad Request: no contract with this conid", "statusCode": 400}, 400)
    gateway = tradable().on("GET /iserver/contract/265598/info", unknown)
    gateway = gateway.on(POSITIONS, ok([held_position(10) | {"secType": held_as, "assetClass": held_as}]))
    assert (await place(gate_to(gateway), side=side)).outcome == outcome
    assert gateway.count(PLACE) == (1 if outcome == "accepted" else 0)


@pytest.mark.parametrize(("held", "outcome"), [(9, "refused"), (10, "accepted"), (-10, "refused"), (0, "refused")])
async def test_a_sell_is_never_above_the_holding(held: int, outcome: str) -> None:
    gateway = tradable().on(POSITIONS, ok([held_position(held)]))
    assert (await place(gate_to(gateway), side="SELL")).outcome == outcome
    assert gateway.count(PLACE) == (1 if outcome == "accepted" else 0)


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([{"model": "Growth"}], "refused"),
        ([{"position": 9}, {"model": "Growth"}], "refused"),
        ([{}, {"model": "Growth"}], "accepted"),
        ([{}, {"model": "Hedge", "position": -1}], "refused"),
        ([{}, {"model": 7}], "accepted"),
        ([{}, {"model": "Growth", "position": "many"}], "refused"),
        ([{}, {"position": 30}], "refused"),
        ([{}, {"conid": "8314", "position": "many"}], "accepted"),
        ([{}, {"conid": "591234567", "secType": "OPT", "marketPrice": None}], "accepted"),
    ],
)
async def test_only_what_the_accounts_own_model_holds_is_sold(rows: list[dict[str, object]], outcome: str) -> None:
    gateway = tradable().on(POSITIONS, ok([held_position(10) | row for row in rows]))
    assert (await place(gate_to(gateway), side="SELL")).outcome == outcome
    assert gateway.count(PLACE) == (1 if outcome == "accepted" else 0)


def held_position(quantity: int) -> dict[str, object]:
    row = {"conid": "265598", "description": "AAPL", "secType": "STK", "currency": "USD", "position": quantity}
    return {**row, **dict.fromkeys(("marketPrice", "marketValue", "avgCost", "unrealizedPnl", "realizedPnl"), 1)}


async def test_two_sells_at_once_do_not_count_the_same_shares() -> None:
    gateway = tradable().on(POSITIONS, ok([held_position(10)]))
    status = {"order_id": 1, "conid": 265598, "side": "S", "size": "10", "total_size": "10", "cum_fill": "0"}
    gateway.on("GET /iserver/account/order/status/1", ok({**status, "order_status": "Submitted"}))
    gate = gate_to(gateway)
    results = await asyncio.gather(*(place(gate, side="SELL", coid=f"PM{number}") for number in range(3)))
    assert sorted(result.outcome for result in results) == ["accepted", "refused", "refused"]
    assert gateway.count(PLACE) == 1


async def test_a_sell_whose_status_is_unavailable_is_found_in_the_list_and_its_shares_are_not_sold_again() -> None:
    gateway = tradable().on(POSITIONS, ok([held_position(10)]))
    gateway.on("GET /iserver/account/order/status/1", ok({"error": "Service Unavailable", "statusCode": 503}, 503))
    row = {"orderId": 1, "conid": 265598, "side": "SELL", "status": "Submitted", "acct": ACCOUNT}
    listed = [{**row, "remainingQuantity": 10, "filledQuantity": 0}]
    gateway.on("GET /iserver/account/orders", ok({"orders": listed, "snapshot": True}))
    gate = gate_to(gateway)
    assert (await place(gate, side="SELL", coid="PM01")).outcome == "accepted"
    again = await place(gate, side="SELL", quantity="1", coid="PM02")
    assert (again.outcome, "already being sold" in str(again.message)) == ("refused", True)
    assert gateway.count(PLACE) == 1


async def test_a_ticket_shown_twice_at_once_is_used_once() -> None:
    gateway = tradable()
    gate = gate_to(gateway)
    results = await asyncio.gather(*(place(gate) for _ in range(5)))
    assert sorted(result.outcome for result in results) == ["accepted"] + ["already_registered"] * 4
    assert gateway.count(PLACE) == 1


async def test_a_ticket_that_expires_while_the_gateway_keeps_it_waiting_sends_nothing() -> None:
    seconds = [0]

    def slow(request: httpx2.Request) -> httpx2.Response:
        seconds[0] = 60
        return ok({"instrument_type": "STK", "currency": "USD"})

    gateway = tradable().on("GET /iserver/contract/265598/info", slow)
    result = await place(gate_to(gateway, now=lambda: NOW + seconds[0]))
    assert (result.outcome, result.message) == ("refused", "ticket: expired 0 s ago")
    assert gateway.count(PLACE) == 0


async def test_a_caller_that_goes_away_does_not_stop_an_order_half_way() -> None:
    answered = asyncio.Event()

    def confirmed(request: httpx2.Request) -> httpx2.Response:
        answered.set()
        assert json.loads(request.content) == {"confirmed": True}
        return httpx2.Response(200, content=ACCEPTED.content)

    asked = {"id": "r1", "message": ["size exceeds the Size Limit of 500"], "messageIds": ["o383"]}
    caller: asyncio.Task[PlaceResult]

    def question(request: httpx2.Request) -> httpx2.Response:
        caller.cancel()
        return ok([asked])

    gateway = tradable().on(PLACE, question).on("POST /iserver/reply/r1", confirmed)
    caller = asyncio.create_task(place(gate_to(gateway)))
    await asyncio.gather(caller, return_exceptions=True)
    assert caller.cancelled()
    async with asyncio.timeout(60):
        await answered.wait()
    assert gateway.count(PLACE) == 1


@pytest.mark.parametrize(("bound", "outcome"), [("101.25", "accepted"), ("101.24", "unknown")])
async def test_an_answer_that_was_signed_with_the_order_is_given_inside_its_bound(bound: str, outcome: str) -> None:
    text = "<h4>Confirm Mandatory Cap Price</h4>To avoid trading at a price"
    asked = ok([{"id": "r1", "message": [text], "messageIds": ["o10331"]}])
    gateway = tradable().on(PLACE, asked).on("POST /iserver/reply/r1", ACCEPTED)
    result = await place(gate_to(gateway), version=2, answers=[["o10331", bound]])
    assert result.outcome == outcome
    assert gateway.count("POST /iserver/reply/r1") == (1 if outcome == "accepted" else 0)


async def test_an_unanswered_question_is_unknown_to_the_caller_with_its_text() -> None:
    asked = {"id": "r1", "message": ["price exceeds the Percentage constraint of 3%."], "messageIds": ["o163"]}
    result = await place(gate_to(tradable().on(PLACE, ok([asked]))))
    assert result.outcome == "unknown"
    assert [each.text for each in result.questions] == ["price exceeds the Percentage constraint of 3%."]


async def test_an_order_that_could_not_leave_is_refused() -> None:
    result = await place(gate_to(tradable().on(PLACE, httpx2.ConnectError("refused"))))
    assert result.outcome == "refused"


async def test_a_day_has_only_so_many_messages_and_an_exit_is_never_too_many() -> None:
    gateway = tradable().on(POSITIONS, ok([held_position(10)]))
    gate = gate_to(gateway, messages=2)
    assert (await place(gate, coid="PM01")).outcome == "accepted"
    assert (await place(gate, coid="PM02")).outcome == "accepted"
    third = await place(gate, coid="PM03")
    assert third.outcome == "refused"
    assert third.message == "max_messages_per_day: 2 were sent today, limit 2"
    assert (await place(gate, side="SELL", coid="PM04")).outcome == "accepted"
