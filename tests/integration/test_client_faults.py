"""The client before a simulated gateway on a socket: whatever goes wrong, the outcome is typed, nothing goes twice."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import GatewayDown, Incomplete, LoginRequired
from api_gateway.clientportal.records import Cancellation, Limit, OrderRow, Placement, Trade
from api_gateway.clientportal.transport import base_url
from api_gateway.simulator import Options, create_app
from api_gateway.simulator.scenario import DEFAULT_SCENARIO
from tests.integration.mcp_desk import served
from tests.support.eventually import eventually
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, synthetic_world, world_of

PATIENCE = 60.0
"""Read timeout (s) of a call that is answered: a busy machine's answer is late, not lost."""
SHORT = 0.5
"""Read timeout (s) of a call that the gateway leaves hanging."""
TWO_ACCOUNTS = DEFAULT_SCENARIO.with_name("two_accounts.yaml")
PLACE = {"path": "/iserver/account/*/orders", "method": "POST"}
REPLY = {"path": "/iserver/reply/*", "method": "POST"}
CANCEL = {"path": "/iserver/account/*/order/*", "method": "DELETE"}
SIZE = {"id": "o383", "text": "AAPL order size exceeds the Size Limit of 500."}
VALUE = {"id": "o451", "text": "AAPL order value exceeds the Total Value Limit of 100,000 USD."}
STRANGE = {"id": "o99999", "text": "size exceeds the Size Limit of 500"}


@dataclass(frozen=True)
class Line:
    """A client, patient but for what hangs, and the gateway's back door."""

    portal: ClientPortal
    admin: httpx2.AsyncClient
    http: httpx2.AsyncClient

    async def spoil(self, *rules: dict[str, object]) -> None:
        if any(str(rule["kind"]).startswith("hang") for rule in rules):
            self.http.event_hooks = {"request": [_soon_given_up]}
        assert (await self.admin.post("/simulator/faults", json=list(rules))).status_code == 200

    async def place(self, **changes: object) -> Placement:
        plain: dict[str, object] = {"account": ACCOUNT, "conid": AAPL, "side": "BUY", "quantity": Decimal(10)}
        rest = {"limit_price": await self.price(), "time_in_force": "DAY", "coid": "PM01"}
        return await self.portal.orders.place_once(Limit.model_validate({**plain, **rest, **changes}))

    async def cancel(self, order_id: str | None) -> Cancellation:
        assert order_id is not None
        return await self.portal.orders.cancel(ACCOUNT, order_id)

    async def price(self) -> Decimal:
        quotes, _ = await self.portal.market.quotes([AAPL])
        assert quotes[0].ask is not None
        return quotes[0].ask

    async def at_the_broker(self) -> list[tuple[int, int]]:
        """Arrivals and orders of every client order id."""
        rows: list[dict[str, Any]] = (await self.admin.get("/simulator/orders")).json()["orders"]
        return [(row["arrivals"], row["brokerOrders"]) for row in rows]

    async def states(self) -> list[str]:
        """Of every order."""
        rows: list[dict[str, Any]] = (await self.admin.get("/simulator/orders")).json()["orders"]
        return [row["state"] for row in rows]


async def _soon_given_up(request: httpx2.Request) -> None:
    if request.method != "GET":
        request.extensions["timeout"]["read"] = SHORT


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with served(create_app(synthetic_world(FakeTime(), pacing=0)), "off") as address:
        http = httpx2.AsyncClient(base_url=base_url(address), timeout=PATIENCE, trust_env=False)
        async with http, httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as admin:
            yield Line(ClientPortal(http, refuse_simulator=False), admin, http)


def question(*asked: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"kind": "question", "questions": list(asked), **more}


@pytest.mark.parametrize(
    ("rules", "outcome", "broker"),
    [
        ([], "accepted", [(1, 1)]),
        ([{**PLACE, "kind": "cut_before"}], "unknown", []),
        ([{**PLACE, "kind": "cut_after"}], "unknown", [(1, 1)]),
        ([{**PLACE, "kind": "hang_before"}], "unknown", []),
        ([{**PLACE, "kind": "hang_after"}], "unknown", [(1, 1)]),
        ([{**PLACE, "kind": "status", "status": 503}], "unknown", []),
        ([{**PLACE, "kind": "status_after", "status": 502}], "unknown", [(1, 1)]),
        ([{**PLACE, "kind": "status_after", "status": 503}], "unknown", [(1, 1)]),
        ([{**PLACE, "kind": "malformed"}], "unknown", [(1, 1)]),
        ([{**PLACE, "kind": "empty"}], "unknown", [(1, 1)]),
        ([{**PLACE, "kind": "session_lost"}], "rejected", []),
        ([{**PLACE, "kind": "no_bridge"}], "rejected", []),
        ([{"kind": "reject"}], "rejected", [(1, 0)]),
        ([{"kind": "failed"}], "rejected", [(1, 0)]),
        ([{"kind": "advanced_reject"}], "rejected", [(1, 0)]),
        ([{"kind": "live_later", "looks": 5}], "unknown", [(1, 0)]),
        ([{"kind": "live_later", "looks": 0}], "unknown", [(1, 1)]),
        ([question(SIZE, VALUE, SIZE)], "accepted", [(1, 1)]),
        ([question(STRANGE)], "unknown_question", [(1, 0)]),
        ([question(SIZE, STRANGE)], "unknown_question", [(1, 0)]),
        ([question(SIZE, STRANGE, together=True)], "unknown_question", [(1, 0)]),
        ([question({**SIZE, "more_ids": ["o163"]})], "unknown_question", [(1, 0)]),
        ([question({**SIZE, "without": ["id"]})], "unknown_question", [(1, 0)]),
        ([question({**SIZE, "without": ["messageIds"]})], "unknown_question", [(1, 0)]),
        ([question({**SIZE, "suppressed": True})], "unknown_question", [(1, 0)]),
        ([question(STRANGE, lives=True)], "unknown_question", [(1, 1)]),
        ([question(SIZE, stale=True)], "unknown", [(1, 0)]),
        ([question(SIZE), {**REPLY, "kind": "cut_before"}], "unknown", [(1, 0)]),
        ([question(SIZE), {**REPLY, "kind": "cut_after"}], "unknown", [(1, 1)]),
        ([question(SIZE), {**REPLY, "kind": "status_after", "status": 503}], "unknown", [(1, 1)]),
        ([question(SIZE), {"kind": "live_later", "looks": 0}], "unknown", [(1, 1)]),
    ],
)
async def test_an_order_is_sent_once_and_a_doubt_stays_a_doubt(
    line: Line, rules: list[dict[str, object]], outcome: str, broker: list[tuple[int, int]]
) -> None:
    await line.price()
    await line.spoil(*rules)
    placed = await line.place()
    assert (placed.outcome, await eventually(line.at_the_broker, broker)) == (outcome, broker)


async def test_a_second_order_of_a_client_order_id_is_registered_or_doubled_as_the_broker_is(line: Line) -> None:
    assert (await line.place()).outcome == "accepted"
    assert (await line.place()).outcome == "already_registered"
    await line.admin.post("/simulator/broker", json={"dedupe": False})
    assert (await line.place()).outcome == "accepted"
    assert await line.at_the_broker() == [(3, 2)]


async def test_a_read_whose_connection_is_cut_is_repeated_and_ends_in_a_typed_error(line: Line) -> None:
    await line.portal.session.prime()
    await line.spoil({"path": "/portfolio2/*/positions", "kind": "cut_before", "times": 2})
    assert len(await line.portal.portfolio.positions(ACCOUNT)) == 12
    await line.spoil({"path": "/portfolio2/*/positions", "kind": "cut_before", "times": 3})
    with pytest.raises(GatewayDown):
        await line.portal.portfolio.positions(ACCOUNT)


async def test_a_session_lost_in_the_middle_is_never_an_empty_account(line: Line) -> None:
    await line.portal.orders.report(ACCOUNT)
    await line.spoil({"path": "/**", "kind": "session_lost"})
    with pytest.raises(LoginRequired):
        await line.portal.orders.report(ACCOUNT)
    with pytest.raises(LoginRequired):
        await line.portal.portfolio.positions(ACCOUNT)
    await line.admin.post("/simulator/login")
    assert len(await line.portal.portfolio.positions(ACCOUNT)) == 12


async def reported(portal: ClientPortal, account: str = ACCOUNT) -> tuple[tuple[OrderRow, ...], tuple[Trade, ...]]:
    live, executed = await portal.orders.report(account)
    assert (live.strange, executed.strange, live.complete) == ((), (), True)
    return live.orders, executed.trades


async def test_after_a_restart_of_the_gateway_the_report_is_primed_again(line: Line) -> None:
    await line.place()
    orders, trades = await reported(line.portal)
    await line.admin.post("/simulator/restart", json={"login": True})
    assert await reported(line.portal) == (orders, trades)
    assert (len(orders), [trade.coid for trade in trades]) == (1, ["PM01"])


async def test_a_session_that_another_client_has_opened_anew_is_told_by_its_cold_orders(line: Line) -> None:
    await line.place()
    first = await reported(line.portal)
    await line.admin.post("/simulator/restart", json={"login": True})
    await line.admin.get("/v1/api/iserver/accounts")
    await line.admin.get("/v1/api/portfolio/accounts")
    assert await reported(line.portal) == first


async def test_fills_without_a_single_trade_are_no_report(line: Line) -> None:
    await line.place()
    await line.spoil({"kind": "lag", "reads": 2, "list": "trades"})
    with pytest.raises(Incomplete, match="trades"):
        await reported(line.portal)
    _, trades = await reported(line.portal)
    assert [trade.coid for trade in trades] == ["PM01"]


async def test_an_order_that_the_list_does_not_show_yet_appears_in_a_later_report(line: Line) -> None:
    await line.portal.session.prime()
    await line.spoil({"kind": "lag", "reads": 3})
    await line.place()
    reports = [await reported(line.portal) for _ in range(4)]
    assert [len(orders) for orders, _ in reports] == [0, 0, 0, 1]


async def test_a_cancel_is_a_request_and_the_status_tells_the_end(line: Line) -> None:
    placed = await line.place(limit_price=(await line.price() * Decimal("0.98")).quantize(Decimal("0.01")))
    assert (await line.cancel(placed.order_id)).outcome == "requested"
    assert (await line.portal.orders.status(ACCOUNT, str(placed.order_id))).status == "Cancelled"
    again = await line.cancel(placed.order_id)
    assert (again.outcome, again.message) == ("refused", "Order is inactive")
    assert (await line.cancel("1")).outcome == "refused"


@pytest.mark.parametrize(
    ("kind", "outcome", "working"),
    [
        ("cut_before", "unknown", True),
        ("cut_after", "unknown", False),
        ("hang_after", "unknown", False),
        ("status_after", "unknown", False),
        ("malformed", "unknown", False),
        ("session_lost", "refused", True),
    ],
)
async def test_a_cancel_whose_answer_is_lost_is_unknown(line: Line, kind: str, outcome: str, working: bool) -> None:
    placed = await line.place(limit_price=(await line.price() * Decimal("0.98")).quantize(Decimal("0.01")))
    await line.spoil({**CANCEL, "kind": kind})
    assert (await line.cancel(placed.order_id)).outcome == outcome
    await line.admin.post("/simulator/login")
    expected = ["Submitted" if working else "Cancelled"]
    assert await eventually(line.states, expected) == expected


@pytest.mark.parametrize("order_id", ["-1", "0", "", "1.5", "abc", "1 ", "١", "*", "1370000001/../-1"])
async def test_no_cancel_of_everything_or_nothing_leaves_the_client(line: Line, order_id: str) -> None:
    assert (await line.portal.orders.cancel(ACCOUNT, order_id)).outcome == "refused"
    calls = (await line.admin.get("/simulator/calls")).json()["calls"]
    assert not [route for route in calls if route.startswith("DELETE")]


async def test_each_of_two_accounts_has_orders_and_trades_of_its_own() -> None:
    options = Options(seed=7, pacing=0, data="synthetic", scenario=TWO_ACCOUNTS)
    first, second = ACCOUNT, "DU7654322"
    async with (
        served(create_app(world_of(options, FakeTime())), "off") as address,
        httpx2.AsyncClient(base_url=base_url(address), timeout=60, trust_env=False) as http,
    ):
        portal = ClientPortal(http, refuse_simulator=False)
        (quote,), _ = await portal.market.quotes([AAPL])
        order = {"conid": AAPL, "side": "BUY", "quantity": 1, "limit_price": quote.ask, "time_in_force": "DAY"}
        placed = await portal.orders.place_once(Limit.model_validate({**order, "account": second, "coid": "PM02"}))
        assert placed.outcome == "accepted"
        reports = {account: await reported(portal, account) for account in (first, second)}
    assert reports[first] == ((), ())
    assert [row.coid for row in reports[second][0]] == ["PM02"]
    assert [trade.coid for trade in reports[second][1]] == ["PM02"]
