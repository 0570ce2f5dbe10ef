"""The pacer against a clock that moves only while something sleeps: never early, never later than needed."""

import asyncio
from pathlib import Path

import pytest

from api_gateway.clientportal.errors import PacingViolation
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.pacing import Pacer
from api_gateway.clientportal.request_limits import PacingRules, limit_of
from tests.unit.gateway.scripted import Time

ORDERS = "/iserver/account/orders"
# The broker's interval and what two clocks may differ by.
A_SECOND, FIVE_SECONDS = pytest.approx(1.0, rel=2e-4), pytest.approx(5.0, rel=2e-4)


async def _pass(pacer: Pacer, path: str = "/trsrv/stocks", method: str = "GET") -> None:
    async with pacer.slot(method, path):
        pass


async def test_ten_requests_at_once_are_free_and_the_eleventh_waits_out_the_second() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    for _ in range(10):
        await _pass(pacer)
    assert time.slept == []
    await _pass(pacer)
    assert sum(time.slept) == A_SECOND


async def test_a_request_counts_from_its_answer_not_from_its_sending() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    async with pacer.slot("GET", ORDERS):
        time.now += 2.0
    await _pass(pacer, ORDERS)
    assert sum(time.slept) == FIVE_SECONDS


async def test_one_endpoint_waiting_does_not_hold_up_another() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    await _pass(pacer, ORDERS)
    await _pass(pacer, "/iserver/account/trades")
    assert time.slept == []


async def test_the_scale_of_a_simulator_shortens_every_interval() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    pacer.scale = 0.1
    await _pass(pacer, ORDERS)
    await _pass(pacer, ORDERS)
    assert sum(time.slept) == pytest.approx(0.5, rel=2e-4)


async def test_at_most_five_history_requests_are_under_way() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    gate = asyncio.Event()
    inside = 0
    most = 0

    async def request() -> None:
        nonlocal inside, most
        async with pacer.slot("GET", "/iserver/marketdata/history"):
            inside += 1
            most = max(most, inside)
            await gate.wait()
            inside -= 1

    tasks = [asyncio.create_task(request()) for _ in range(9)]
    for _ in range(50):
        await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    assert most == 5


async def test_concurrent_requests_keep_to_ten_in_any_second() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    stamps: list[float] = []

    async def request() -> None:
        async with pacer.slot("GET", "/trsrv/stocks"):
            stamps.append(time.clock())

    await asyncio.gather(*(request() for _ in range(45)))
    assert len(stamps) == 45
    assert all(later - earlier >= 1.0 for earlier, later in zip(stamps, stamps[10:], strict=False))
    assert max(stamps) - min(stamps) == pytest.approx(4.0, rel=2e-4)


async def test_a_429_shuts_the_box_until_its_time_is_over() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    assert "429" in str(pacer.penalise())
    time.now += PacingRules().penalty_seconds - 1
    with pytest.raises(PacingViolation, match="penalty box"):
        await _pass(pacer)
    time.now += 1
    await _pass(pacer)
    assert time.slept == []


async def test_a_request_that_was_waiting_when_the_box_shut_is_not_sent() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    await _pass(pacer, ORDERS)

    async def penalised_meanwhile(seconds: float) -> None:
        time.now += seconds
        pacer.penalise()

    pacer.sleep = penalised_meanwhile
    with pytest.raises(PacingViolation, match="penalty box"):
        await _pass(pacer, ORDERS)


async def test_a_wait_longer_than_a_call_may_take_is_refused_and_says_how_long() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    await _pass(pacer, "/pa/performance", "POST")
    with pytest.raises(PacingViolation, match="900 s"):
        await _pass(pacer, "/pa/performance", "POST")
    assert time.slept == []


async def test_a_cancelled_request_gives_its_place_back() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)

    async def hang() -> None:
        async with pacer.slot("GET", ORDERS):
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await _pass(pacer, ORDERS)
    assert sum(time.slept) == FIVE_SECONDS


async def test_a_request_of_another_kind_is_not_held_up_by_five_hundred_of_one_kind() -> None:
    time = Time()

    async def slept(seconds: float) -> None:
        time.now += seconds
        await asyncio.sleep(0)

    pacer = Pacer(time.clock, slept)
    bulk = [asyncio.create_task(_pass(pacer, f"/iserver/contract/{100 + each}/info")) for each in range(500)]
    await asyncio.sleep(0)
    began = time.now
    await _pass(pacer, "/iserver/auth/status", "POST")
    assert time.now - began < 1.5
    assert sum(task.done() for task in bulk) < 25
    await asyncio.gather(*bulk)
    assert 49.0 <= time.now - began < 50.1


async def test_the_box_refuses_everyone_who_waits_with_the_time_that_is_left() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep, rules=PacingRules(penalty_seconds=600.0))
    await _pass(pacer, ORDERS)

    async def penalised_meanwhile(seconds: float) -> None:
        time.now += seconds
        if len(time.slept) == 0:
            pacer.penalise()
        time.slept.append(seconds)

    pacer.sleep = penalised_meanwhile
    outcomes = await asyncio.gather(*(_pass(pacer, ORDERS) for _ in range(4)), return_exceptions=True)
    assert [each.seconds for each in outcomes if isinstance(each, PacingViolation)] == [pytest.approx(600.0)] * 4
    assert sum(time.slept) == FIVE_SECONDS


async def test_a_process_that_follows_stays_in_the_box_and_sends_nothing(tmp_path: Path) -> None:
    wall, file = Time(), tmp_path / "memory.json"

    def process(address: str) -> Pacer:
        time = Time(now=0.0)
        return Pacer(time.clock, time.sleep, GatewayMemory(file, wall.clock), address=address)

    process("https://a").penalise()
    wall.now += 300.0
    with pytest.raises(PacingViolation, match="penalty box; nothing is sent for 600 s"):
        await _pass(process("https://a"))
    await _pass(process("https://b"))
    wall.now += 600.0
    await _pass(process("https://a"))


@pytest.mark.parametrize(
    ("method", "path", "count", "seconds"),
    [
        ("GET", "/iserver/account/orders", 1, 5),
        ("GET", "/iserver/account/trades", 1, 5),
        ("GET", "/iserver/account/pnl/partitioned", 1, 5),
        ("GET", "/portfolio/accounts", 1, 5),
        ("GET", "/portfolio/subaccounts", 1, 5),
        ("GET", "/iserver/marketdata/snapshot", 10, 1),
        ("GET", "/iserver/marketdata/history", 5, 0),
        ("GET", "/iserver/scanner/params", 1, 900),
        ("POST", "/iserver/scanner/run", 1, 1),
        ("POST", "/pa/performance", 1, 900),
        ("POST", "/pa/allperiods", 1, 900),
        ("POST", "/pa/transactions", 1, 900),
        ("GET", "/sso/validate", 1, 60),
        ("GET", "/tickle", 1, 1),
        ("POST", "/tickle", 1, 1),
        ("GET", "/fyi/unreadnumber", 1, 1),
    ],
)
def test_every_published_limit_is_known_by_its_endpoint(method: str, path: str, count: int, seconds: float) -> None:
    limit = limit_of(method, path)
    assert (limit.count, limit.seconds) == (count, seconds)


def test_ids_do_not_make_an_endpoint_of_their_own() -> None:
    assert limit_of("GET", "/iserver/contract/265598/info") == limit_of("GET", "/iserver/contract/8314/info")
    assert limit_of("GET", "/portfolio/DU1234567/ledger") != limit_of("GET", "/portfolio/DU1234567/summary")


async def test_histories_can_be_held_to_a_number_a_minute_besides() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep, rules=PacingRules(histories_per_minute=50))
    for _ in range(50):
        await _pass(pacer, "/iserver/marketdata/history")
    with pytest.raises(PacingViolation, match=r"history: .* free again in 5\d s"):
        await _pass(pacer, "/iserver/marketdata/history")
    time.now += 60.0
    await _pass(pacer, "/iserver/marketdata/history")
