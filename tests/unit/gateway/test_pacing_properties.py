"""For any schedule of calls, what leaves never breaks a window as the simulated gateway counts them.

The judge is the simulator's own pacer, which shares no code with the client's.
"""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_gateway.clientportal.errors import PacingViolation
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.pacing import Pacer
from api_gateway.clientportal.request_limits import PacingRules
from api_gateway.simulator.front import pacing as enforced
from tests.support.virtual_time import run

ENDPOINTS = (
    ("GET", "/iserver/account/orders"),
    ("GET", "/iserver/account/trades"),
    ("GET", "/iserver/account/pnl/partitioned"),
    ("GET", "/portfolio/accounts"),
    ("GET", "/portfolio/subaccounts"),
    ("GET", "/iserver/marketdata/snapshot"),
    ("GET", "/iserver/marketdata/history"),
    ("GET", "/iserver/scanner/params"),
    ("POST", "/iserver/scanner/run"),
    ("POST", "/pa/performance"),
    ("POST", "/pa/transactions"),
    ("GET", "/sso/validate"),
    ("POST", "/tickle"),
    ("GET", "/tickle"),
    ("GET", "/fyi/unreadnumber"),
    ("GET", "/portfolio2/DU1234567/positions"),
    ("GET", "/iserver/contract/265598/info"),
    ("POST", "/iserver/account/DU1234567/orders"),
)


@dataclass(frozen=True)
class Call:
    """`pause` seconds after the call before; `there` and `back` are how long request and answer are under way."""

    endpoint: tuple[str, str]
    pause: float
    there: float
    back: float
    gives_up_after: float | None


@dataclass
class Gateway:
    """What leaves for it, and what the judge says when it arrives."""

    judge: enforced.Pacer
    broken: list[str] = field(default_factory=list)
    departures: list[float] = field(default_factory=list)

    async def answer(self, call: Call) -> None:
        self.departures.append(asyncio.get_running_loop().time())
        await asyncio.sleep(call.there)
        broken = self.judge.admit(*call.endpoint)
        if broken is not None:
            self.broken.append(broken)
        self.judge.started(*call.endpoint)
        await asyncio.sleep(call.back)
        self.judge.finished(*call.endpoint)


seconds = st.sampled_from((0.0, 0.001, 0.02, 0.09, 0.1, 0.5, 1.0, 4.99))
calls = st.builds(
    Call,
    endpoint=st.sampled_from(ENDPOINTS),
    pause=st.sampled_from((0.0, 0.0, 0.0, 0.0, 0.01, 0.3, 1.0, 5.0, 61.0, 901.0)),
    there=seconds,
    back=seconds,
    gives_up_after=st.none() | st.sampled_from((0.05, 2.0)),
)
bursts = st.lists(st.lists(calls, min_size=1, max_size=25), min_size=1, max_size=4)


async def _request(pacer: Pacer, gateway: Gateway, call: Call) -> None:
    sent = asyncio.Event()

    async def made() -> None:
        async with pacer.slot(*call.endpoint):
            sent.set()
            await gateway.answer(call)

    task = asyncio.create_task(made())
    if call.gives_up_after is not None:
        await asyncio.sleep(call.gives_up_after)
        # The transport shields a request that has left from a caller that goes away.
        if not sent.is_set():
            task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), PacingViolation):
        raise AssertionError(task.exception())


async def _lived(processes: list[list[Call]], judge_scale: float) -> Gateway:
    """One process after the other sends its calls, a second of starting up between them, one memory for all."""
    loop = asyncio.get_running_loop()
    gateway = Gateway(enforced.Pacer(judge_scale, loop.time))
    memory = GatewayMemory(now=loop.time)
    for schedule in processes:
        pacer = Pacer(loop.time, asyncio.sleep, memory)
        pacer.scale = judge_scale
        pacer.recall()
        requests = []
        for call in schedule:
            await asyncio.sleep(call.pause)
            requests.append(asyncio.create_task(_request(pacer, gateway, call)))
        await asyncio.gather(*requests)
        await asyncio.sleep(1.0)
    return gateway


@given(bursts, st.sampled_from((1.0, 0.1)))
def test_no_schedule_of_calls_breaks_a_window_also_over_restarts(processes: list[list[Call]], scale: float) -> None:
    assert run(_lived(processes, scale)).broken == []


@given(st.lists(calls, min_size=14, max_size=30))
def test_in_the_box_nothing_leaves_whoever_waits(schedule: list[Call]) -> None:
    async def lived() -> tuple[Gateway, float]:
        loop = asyncio.get_running_loop()
        gateway, memory = Gateway(enforced.Pacer(0.0, loop.time)), GatewayMemory(now=loop.time)
        pacer = Pacer(loop.time, asyncio.sleep, memory)
        waiting = [asyncio.create_task(_request(pacer, gateway, call)) for call in schedule]
        await asyncio.sleep(0.03)
        boxed = loop.time()
        pacer.penalise()
        successor = Pacer(loop.time, asyncio.sleep, memory)
        for call in schedule:
            await asyncio.sleep(call.pause)
            waiting += [asyncio.create_task(_request(each, gateway, call)) for each in (pacer, successor)]
        await asyncio.gather(*waiting)
        return gateway, boxed

    gateway, boxed = run(lived())
    assert not [left for left in gateway.departures if boxed < left < boxed + PacingRules().penalty_seconds]


async def _burst(endpoint: tuple[str, str], count: int) -> tuple[Gateway, float]:
    loop = asyncio.get_running_loop()
    gateway = Gateway(enforced.Pacer(1.0, loop.time))
    pacer = Pacer(loop.time, asyncio.sleep)
    began = loop.time()
    call = Call(endpoint, 0.0, 0.01, 0.02, None)
    await asyncio.gather(*(_request(pacer, gateway, call) for _ in range(count)))
    return gateway, loop.time() - began


@pytest.mark.parametrize(
    ("path", "count", "minimum"),
    [
        ("/iserver/contract/1/info", 500, 49.0),
        ("/iserver/marketdata/history", 500, 49.0),
        ("/iserver/marketdata/snapshot", 55, 5.0),
        ("/iserver/account/orders", 4, 15.0),
    ],
)
def test_a_burst_takes_hardly_longer_than_the_limits_impose(path: str, count: int, minimum: float) -> None:
    gateway, took = run(_burst(("GET", path), count))
    assert gateway.broken == []
    assert len(gateway.departures) == count
    assert took <= minimum * 1.05 + 0.05


def test_a_scale_of_zero_lets_everything_through_at_once() -> None:
    async def lived() -> float:
        loop = asyncio.get_running_loop()
        gateway, pacer = Gateway(enforced.Pacer(0.0, loop.time)), Pacer(loop.time, asyncio.sleep)
        pacer.scale = 0.0
        began = loop.time()
        call = Call(("GET", "/portfolio/accounts"), 0.0, 0.0, 0.0, None)
        await asyncio.gather(*(_request(pacer, gateway, call) for _ in range(50)))
        return loop.time() - began

    assert run(lived()) == 0.0
