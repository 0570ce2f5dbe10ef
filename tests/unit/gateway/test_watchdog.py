"""The watchdog: keeps the session alive, follows its state, and never ends by itself."""

import asyncio
from dataclasses import dataclass, field

import httpx2

from api_gateway.clientportal.errors import State
from api_gateway.clientportal.notices import Notice
from tests.unit.gateway.scripted import READY, ScriptedGateway, Time, ok, portal_to, ready_gateway

STATUS = "POST /iserver/auth/status"
TICKLE = "POST /tickle"
LOGGED_OUT = ok({"authenticated": False, "competing": False, "connected": False})


@dataclass
class BeatingTime(Time):
    """Lets the watchdog sleep `beats` times, then holds it until the test ends."""

    beats: int = 3
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)
        if len(self.slept) >= self.beats:
            self.over.set()
            await asyncio.Event().wait()


async def watched(gateway: ScriptedGateway, beats: int) -> tuple[State, list[float]]:
    time = BeatingTime(beats=beats)
    portal = portal_to(gateway, time)
    async with portal.running():
        await time.over.wait()
        return (await portal.session.reading()).state, time.slept


async def test_a_session_is_primed_at_the_start_and_tickled_every_minute() -> None:
    gateway = ready_gateway().on(TICKLE, ok({"session": "x"}))
    state, slept = await watched(gateway, 4)
    assert state is State.READY
    assert gateway.count("GET /iserver/accounts") == 1
    assert gateway.count(TICKLE) == 4
    assert all(50.0 <= seconds <= 60.0 for seconds in slept)


async def test_a_gateway_that_is_not_up_yet_is_looked_at_more_often_and_then_primed() -> None:
    down = ok({"error": "Service Unavailable"}, 503)
    gateway = ready_gateway().on(STATUS, down, down, ok(READY))
    state, slept = await watched(gateway, 3)
    assert state is State.READY
    assert slept[0] <= 2.0
    assert slept[1] <= 4.0
    assert gateway.count("GET /iserver/accounts") == 1


async def test_a_trouble_after_a_good_hour_is_looked_at_soon_again() -> None:
    gateway = ready_gateway().on(TICKLE, ok({"session": "x"}))
    gateway.on(STATUS, ok(READY), ok(READY), ok(READY), httpx2.ConnectError("refused"))
    _, slept = await watched(gateway, 5)
    assert all(seconds >= 50.0 for seconds in slept[:2])
    assert slept[2] <= 2.0
    assert slept[3] <= 4.0


async def test_a_session_that_ends_is_noticed_and_primed_again_when_it_is_back() -> None:
    gateway = ready_gateway().on(TICKLE, ok({"session": "x"}))
    gateway.on(STATUS, ok(READY), ok(READY), LOGGED_OUT, ok(READY))
    state, _ = await watched(gateway, 3)
    assert state is State.READY
    assert gateway.count("GET /iserver/accounts") == 2


async def test_a_logged_out_gateway_is_neither_tickled_nor_logged_in() -> None:
    gateway = ready_gateway().on(STATUS, LOGGED_OUT)
    await watched(gateway, 20)
    assert set(gateway.calls) == {STATUS}


async def test_nothing_ends_the_watchdog() -> None:
    gateway = ready_gateway().on(STATUS, KeyError("a defect of ours"), ok(READY))
    state, _ = await watched(gateway, 3)
    assert state is State.READY


async def test_a_hook_that_fails_does_not_harm_the_watchdog() -> None:
    gateway, time = ready_gateway().on(STATUS, LOGGED_OUT), BeatingTime(beats=30)
    portal, told = portal_to(gateway, time), list[Notice]()

    async def tell(notice: Notice) -> None:
        told.append(notice)
        raise RuntimeError("the hook is broken")

    async with portal.running(tell, "https://localhost:5000/"):
        await time.over.wait()
    assert [notice.state for notice in told] == [State.LOGIN_REQUIRED]
    assert told[0].text.endswith("Login page: https://localhost:5000/")
    assert gateway.count(STATUS) > 20
