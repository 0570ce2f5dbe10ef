"""Connections that really end: a client on a socket gets no byte, and the effect is there or not as the rule says."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx2
import pytest

from api_gateway.simulator import create_app
from tests.integration.mcp_desk import served
from tests.support.eventually import eventually
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, Gateway, order, synthetic_world

ORDERS = f"/v1/api/iserver/account/{ACCOUNT}/orders"
PLACE = {"path": "/iserver/account/*/orders", "method": "POST"}


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        served(create_app(synthetic_world(FakeTime(), pacing=0)), "off") as address,
        httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as client,
    ):
        assert (await client.get("/v1/api/iserver/accounts")).status_code == 200
        yield client


async def _fault(http: httpx2.AsyncClient, **rule: object) -> None:
    assert (await http.post("/simulator/faults", json=rule)).status_code == 200


async def _states(http: httpx2.AsyncClient) -> list[str]:
    rows = (await http.get("/simulator/orders")).json()["orders"]
    return [f"{row['cOID']} {row['arrivals']} {row['brokerOrders']}" for row in rows]


def _body(**changes: object) -> dict[str, object]:
    return {"orders": [order(orderType="MKT", **changes)]}


async def _primed(http: httpx2.AsyncClient) -> None:
    assert (await http.get(f"/v1/api/iserver/marketdata/snapshot?conids={AAPL}&fields=31")).status_code == 200


@pytest.mark.parametrize(("kind", "left"), [("cut_before", []), ("cut_after", ["one 1 1"])])
async def test_a_cut_connection_ends_without_a_byte(http: httpx2.AsyncClient, kind: str, left: list[str]) -> None:
    await _primed(http)
    await _fault(http, **PLACE, kind=kind)
    with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
        await http.post(ORDERS, json=_body())
    assert await _states(http) == left
    assert (await http.post(ORDERS, json=_body(cOID="two"))).status_code == 200


async def test_a_cut_read_reaches_the_client_as_a_closed_socket(http: httpx2.AsyncClient) -> None:
    await _fault(http, path="/tickle", kind="cut_before")
    with socket.create_connection((http.base_url.host, http.base_url.port or 0)) as line:
        line.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(line, b"GET /v1/api/tickle HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert await loop.sock_recv(line, 100) == b""


@pytest.mark.parametrize(("kind", "left"), [("hang_before", []), ("hang_after", ["one 1 1"])])
async def test_a_hanging_answer_outlasts_the_client(http: httpx2.AsyncClient, kind: str, left: list[str]) -> None:
    await _primed(http)
    await _fault(http, **PLACE, kind=kind)
    with pytest.raises(httpx2.ReadTimeout):
        await http.post(ORDERS, json=_body(), timeout=httpx2.Timeout(60, read=0.2))
    assert await eventually(lambda: _states(http), left) == left


async def test_a_hanging_answer_is_cut_when_its_seconds_are_over(http: httpx2.AsyncClient) -> None:
    await _fault(http, path="/tickle", kind="hang_before", seconds=0.05)
    with pytest.raises(httpx2.RemoteProtocolError):
        await http.get("/v1/api/tickle")


async def test_within_one_process_a_cut_is_an_error_of_the_connection() -> None:
    time = FakeTime()
    gateway = Gateway(synthetic_world(time), time)
    await gateway.post("/simulator/faults", {"path": "/tickle", "kind": "cut_before"})
    with pytest.raises(ConnectionResetError):
        await gateway.send("GET", "/tickle")
