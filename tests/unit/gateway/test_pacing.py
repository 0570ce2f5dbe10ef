"""The pacer against a clock that moves only while something sleeps: never early, never later than needed."""

import asyncio

import pytest

from api_gateway.clientportal.errors import PacingViolation
from api_gateway.clientportal.pacing import HISTORY, ORDERS, PENALTY_SECONDS, PERFORMANCE, Limit, Pacer
from tests.unit.gateway.scripted import Time


async def _pass(pacer: Pacer, limit: Limit | None = None) -> None:
    async with pacer.slot(limit):
        pass


async def test_ten_requests_at_once_are_free_and_the_eleventh_waits_out_the_second() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    for _ in range(10):
        await _pass(pacer)
    assert time.slept == []
    await _pass(pacer)
    assert time.slept == [1.0]


async def test_a_request_counts_from_its_answer_not_from_its_sending() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    async with pacer.slot(ORDERS):
        time.now += 2.0
    await _pass(pacer, ORDERS)
    assert time.slept == [5.0]


async def test_one_endpoint_waiting_does_not_hold_up_another() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    await _pass(pacer, ORDERS)
    await _pass(pacer, Limit("another", 1, 5.0))
    assert time.slept == []


async def test_the_scale_of_a_simulator_shortens_every_interval() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    pacer.scale = 0.1
    await _pass(pacer, ORDERS)
    await _pass(pacer, ORDERS)
    assert time.slept == [0.5]


async def test_at_most_five_history_requests_are_under_way() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    gate = asyncio.Event()
    inside = 0
    most = 0

    async def request() -> None:
        nonlocal inside, most
        async with pacer.slot(HISTORY):
            inside += 1
            most = max(most, inside)
            await gate.wait()
            inside -= 1

    tasks = [asyncio.create_task(request()) for _ in range(9)]
    for _ in range(5):
        await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    assert most == 5


async def test_concurrent_requests_keep_to_ten_in_any_second() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    stamps: list[float] = []

    async def request() -> None:
        async with pacer.slot(None):
            stamps.append(time.clock())

    await asyncio.gather(*(request() for _ in range(45)))
    assert len(stamps) == 45
    assert all(later - earlier >= 1.0 for earlier, later in zip(stamps, stamps[10:], strict=False))
    assert max(stamps) - min(stamps) == pytest.approx(4.0)


async def test_a_429_shuts_the_box_until_its_time_is_over() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)
    assert "429" in str(pacer.penalise())
    time.now += PENALTY_SECONDS - 1
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
    await _pass(pacer, PERFORMANCE)
    with pytest.raises(PacingViolation, match="900 s"):
        await _pass(pacer, PERFORMANCE)
    assert time.slept == []


async def test_a_cancelled_request_gives_its_place_back() -> None:
    time = Time()
    pacer = Pacer(time.clock, time.sleep)

    async def hang() -> None:
        async with pacer.slot(ORDERS):
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await _pass(pacer, ORDERS)
    assert time.slept == [5.0]
