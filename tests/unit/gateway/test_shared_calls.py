"""Identical reads under way share one request; nobody is handed what was asked for before a mutation."""

import asyncio
import logging
from collections.abc import AsyncIterator

import httpx2
import pytest

from api_gateway.clientportal.errors import GatewayRefused
from api_gateway.clientportal.pacing import Pacer
from api_gateway.clientportal.shared_calls import SharedCalls
from api_gateway.clientportal.transport import Transport
from tests.unit.gateway.scripted import ScriptedGateway, Time, ok

STOCKS = "GET /trsrv/stocks"
ORDERS = "POST /iserver/account/DU1/orders"


class Held(ScriptedGateway):
    """Answers `GET /trsrv/stocks` with the number of its request, each when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: list[asyncio.Event] = []
        self.on(ORDERS, ok([]))

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            return await super().handle(request)
        gate = asyncio.Event()
        self.gates.append(gate)
        number = len(self.gates)
        await gate.wait()
        return ok({"number": number, "params": str(request.url.params)})


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def gateway() -> Held:
    return Held()


@pytest.fixture
async def transport(gateway: Held) -> AsyncIterator[Transport]:
    time = Time()
    http = httpx2.AsyncClient(base_url="http://gateway/v1/api", transport=httpx2.MockTransport(gateway.handle))
    async with http:
        yield Transport(http, Pacer(time.clock, time.sleep))


async def test_identical_reads_share_a_request_and_different_ones_do_not(gateway: Held, transport: Transport) -> None:
    same = [asyncio.create_task(transport.read("/trsrv/stocks", {"symbols": "A", "x": "1"})) for _ in range(3)]
    same.append(asyncio.create_task(transport.read("/trsrv/stocks", {"x": "1", "symbols": "A"})))
    other = asyncio.create_task(transport.read("/trsrv/stocks", {"symbols": "B"}))
    await settle()
    assert len(gateway.gates) == 2
    for gate in gateway.gates:
        gate.set()
    answers = await asyncio.gather(*same)
    assert answers == [answers[0]] * 4
    assert await other != answers[0]


async def test_a_read_that_is_over_is_never_joined(gateway: Held, transport: Transport) -> None:
    for number in (1, 2):
        read = asyncio.create_task(transport.read("/trsrv/stocks"))
        await settle()
        gateway.gates[-1].set()
        assert await read == {"number": number, "params": ""}


async def test_a_read_from_before_a_mutation_is_not_joined_after_it(gateway: Held, transport: Transport) -> None:
    before = asyncio.create_task(transport.read("/trsrv/stocks"))
    await settle()
    await transport.send("POST", "/iserver/account/DU1/orders", {"orders": []})
    after = asyncio.create_task(transport.read("/trsrv/stocks"))
    await settle()
    gateway.gates[1].set()
    assert await after == {"number": 2, "params": ""}
    gateway.gates[0].set()
    assert await before == {"number": 1, "params": ""}


async def test_a_mutation_whose_answer_is_lost_counts_as_one(gateway: Held, transport: Transport) -> None:
    gateway.on(ORDERS, httpx2.ReadTimeout("late"))
    before = asyncio.create_task(transport.read("/trsrv/stocks"))
    await settle()
    await asyncio.gather(transport.send("POST", "/iserver/account/DU1/orders", {}), return_exceptions=True)
    after = asyncio.create_task(transport.read("/trsrv/stocks"))
    await settle()
    assert len(gateway.gates) == 2
    before.cancel()
    after.cancel()
    for gate in gateway.gates:
        gate.set()
    await settle()


async def test_mutations_are_never_shared(gateway: Held, transport: Transport) -> None:
    await asyncio.gather(*(transport.send("POST", "/iserver/account/DU1/orders", {"same": 1}) for _ in range(5)))
    assert gateway.count(ORDERS) == 5


async def test_a_caller_that_goes_away_takes_nothing_from_the_others(gateway: Held, transport: Transport) -> None:
    first, second = (asyncio.create_task(transport.read("/trsrv/stocks")) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    gateway.gates[0].set()
    assert await second == {"number": 1, "params": ""}
    assert first.cancelled()


async def test_an_error_is_shared_and_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    calls: SharedCalls[int] = SharedCalls()
    gate = asyncio.Event()

    async def failing() -> int:
        await gate.wait()
        raise GatewayRefused(500, "no")

    async def fine() -> int:
        return 7

    callers = [asyncio.create_task(calls.share("key", failing)) for _ in range(3)]
    await settle()
    gate.set()
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(error) for error in errors] == [GatewayRefused] * 3
    assert await calls.share("key", fine) == 7


async def test_an_error_that_nobody_waits_for_any_more_is_not_reported_as_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: SharedCalls[int] = SharedCalls()

    async def failing() -> int:
        await settle()
        raise GatewayRefused(500, "no")

    caller = asyncio.create_task(calls.share("key", failing))
    await asyncio.sleep(0)
    caller.cancel()
    with caplog.at_level(logging.ERROR, logger="asyncio"):
        await settle()
        await settle()
    assert caller.cancelled()
    assert caplog.records == []
