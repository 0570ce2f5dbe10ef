"""Whether the session can be used: only as fresh as the last look, only when primed, and since when."""

import httpx2
import pytest

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import LoginRequired, State
from tests.unit.gateway.scripted import READY, Reply, ScriptedGateway, Time, ok, portal_to, raw, ready_gateway

STATUS = "POST /iserver/auth/status"
TICKLE = "POST /tickle"
INIT = "POST /iserver/auth/ssodh/init"
ACCOUNTS = "GET /iserver/accounts"
COMPETING = ok({**READY, "competing": True})
NO_TIER = ok({**READY, "authenticated": False})
LOGGED_OUT = ok({"authenticated": False, "competing": False, "connected": False})


def tickled() -> ScriptedGateway:
    return ready_gateway().on(TICKLE, ok({"session": "first"}))


async def test_ready_is_asked_for_anew_when_it_is_older_than_some_seconds() -> None:
    gateway, time = tickled(), Time()
    session = portal_to(gateway, time).session
    assert (await session.health()).state is State.READY
    time.now += 2.9
    assert (await session.health()).state is State.READY
    asked = gateway.count(STATUS)
    gateway.on(STATUS, LOGGED_OUT)
    time.now += 0.2
    assert (await session.health()).state is State.LOGIN_REQUIRED
    assert gateway.count(STATUS) == asked + 1


async def test_a_read_that_found_the_session_lost_ends_ready_at_once() -> None:
    gateway = tickled().on("GET /portfolio/DU1234567/ledger", raw("", 401))
    portal = portal_to(gateway)
    assert (await portal.session.health()).state is State.READY
    gateway.on(STATUS, LOGGED_OUT)
    with pytest.raises(LoginRequired):
        await portal.portfolio.ledger("DU1234567")
    assert (await portal.session.health()).state is State.LOGIN_REQUIRED


@pytest.mark.parametrize(
    ("path", "reply", "state"),
    [
        (ACCOUNTS, ok({"error": "Service Unavailable"}, 503), State.MAINTENANCE),
        (ACCOUNTS, ok({"error": "Bad Request: no bridge"}, 400), State.NO_BRIDGE),
        (ACCOUNTS, ok({"accounts": []}), State.DOWN),
        ("GET /portfolio/accounts", raw("", 401), State.LOGIN_REQUIRED),
        ("GET /iserver/account/trades", httpx2.ReadError("cut"), State.DOWN),
        (TICKLE, ok({"error": "no session"}), State.LOGIN_REQUIRED),
        (TICKLE, ok({"error": "slow down"}, 429), State.MAINTENANCE),
        (TICKLE, httpx2.RemoteProtocolError("empty"), State.DOWN),
    ],
)
async def test_a_session_that_cannot_be_primed_or_tickled_is_not_ready(path: str, reply: Reply, state: State) -> None:
    health = await portal_to(tickled().on(path, reply)).session.health()
    assert (health.state, health.primed) == (state, None)
    assert health.remedy


async def test_what_ends_while_it_is_being_primed_is_not_ready() -> None:
    gateway = tickled().on(STATUS, ok(READY), LOGGED_OUT)
    assert (await portal_to(gateway).session.health()).state is State.LOGIN_REQUIRED


async def test_another_login_is_primed_anew_although_nothing_else_changed() -> None:
    gateway, time = tickled(), Time()
    gateway.on(TICKLE, ok({"session": "first"}), ok({"session": "second"}))
    session = portal_to(gateway, time).session
    await session.health()
    await session.health(max_age=0.0)
    assert gateway.count(ACCOUNTS) == 2


async def test_since_when_and_what_was_before_are_told() -> None:
    gateway, time = tickled().on(STATUS, LOGGED_OUT), Time()
    session = portal_to(gateway, time).session
    first = await session.health()
    time.now += 60.0
    later = await session.health()
    assert (later.state, later.entered_at, later.previous) == (State.LOGIN_REQUIRED, first.read_at, None)
    gateway.on(STATUS, ok(READY))
    time.now += 60.0
    ready = await session.health()
    assert (ready.state, ready.previous) == (State.READY, State.LOGIN_REQUIRED)
    assert ready.entered_at == ready.read_at == time.now - sum(time.slept)


async def test_the_penalty_box_is_told_with_the_time_that_is_left() -> None:
    gateway, time = tickled().on(STATUS, ok({"error": "too many"}, 429)), Time()
    session = portal_to(gateway, time).session
    await session.health()
    time.now += 300.0
    boxed = await session.health()
    assert (boxed.state, gateway.count(STATUS)) == (State.MAINTENANCE, 1)
    assert "penalty box; nothing is sent for 600 s" in boxed.message


async def looked_at(portal: ClientPortal, time: Time, seconds: float, times: int) -> None:
    for _ in range(times):
        await portal.session.health(max_age=0.0)
        time.now += seconds


async def test_a_bridge_that_stays_away_is_asked_for_ever_more_seldom() -> None:
    gateway, time = tickled().on(STATUS, NO_TIER).on(INIT, ok({"passed": False})), Time()
    portal = portal_to(gateway, time)
    await looked_at(portal, time, 60.0, 60)
    assert 3 <= gateway.count(INIT) <= 8
    assert {"publish": True, "compete": True} not in gateway.bodies


async def test_a_bridge_that_is_lost_again_and_again_is_opened_eight_times_an_hour() -> None:
    gateway, time = tickled().on(INIT, ok({"passed": True})), Time()
    portal = portal_to(gateway, time)
    began = time.now
    while time.now < began + 3_500.0:
        gateway.on(STATUS, NO_TIER, NO_TIER, ok(READY))
        await portal.session.health(max_age=0.0)
        time.now += 20.0
    assert gateway.count(INIT) == 8


async def test_a_session_that_the_gateway_is_opening_itself_is_waited_for() -> None:
    gateway = tickled().on(STATUS, ok({**READY, "established": False}), ok({**READY, "established": False}), ok(READY))
    assert (await portal_to(gateway).session.health()).state is State.READY
    assert gateway.count(INIT) == 0


async def test_a_429_to_the_opening_shuts_the_box() -> None:
    gateway = tickled().on(STATUS, NO_TIER).on(INIT, ok({"error": "too many"}, 429))
    portal = portal_to(gateway)
    assert (await portal.session.health()).state is State.MAINTENANCE
    sent = len(gateway.calls)
    assert (await portal.session.health(max_age=0.0)).state is State.MAINTENANCE
    assert len(gateway.calls) == sent


async def test_nobody_is_pushed_out_unless_the_settings_say_so() -> None:
    gateway = tickled().on(STATUS, COMPETING).on(INIT, ok({"passed": True}))
    health = await portal_to(gateway).session.health()
    assert (health.state, gateway.count(INIT)) == (State.COMPETING, 0)


async def test_the_owner_may_let_this_session_take_over() -> None:
    gateway = tickled().on(STATUS, COMPETING, ok(READY)).on(INIT, ok({"passed": True}))
    health = await portal_to(gateway, compete="always").session.health()
    assert health.state is State.READY
    assert gateway.bodies[gateway.calls.index(INIT)] == {"publish": True, "compete": True}


async def test_a_missing_bridge_is_opened_without_competing_whatever_the_settings_say() -> None:
    gateway = tickled().on(STATUS, NO_TIER, ok(READY)).on(INIT, ok({"passed": True}))
    await portal_to(gateway, compete="always").session.health()
    assert gateway.bodies[gateway.calls.index(INIT)] == {"publish": True, "compete": False}


@pytest.mark.parametrize("missing", ["competing", "connected", "authenticated"])
async def test_a_status_that_does_not_say_it_is_ready_is_not_ready(missing: str) -> None:
    status = {name: value for name, value in READY.items() if name != missing}
    health = await portal_to(tickled().on(STATUS, ok(status))).session.health()
    assert health.state is State.DOWN


async def test_an_established_that_is_no_truth_value_is_no_bridge() -> None:
    gateway = tickled().on(STATUS, ok({**READY, "established": "true"})).on(INIT, ok({"passed": True}))
    assert (await portal_to(gateway).session.health()).state is State.NO_BRIDGE


@pytest.mark.parametrize(
    ("hour", "reply", "state"),
    [
        ("2026-11-18T05:20:00+00:00", httpx2.RemoteProtocolError("empty"), State.MAINTENANCE),
        ("2026-11-21T23:30:00+00:00", httpx2.ReadTimeout("late"), State.MAINTENANCE),
        ("2026-11-18T15:00:00+00:00", httpx2.RemoteProtocolError("empty"), State.DOWN),
        ("2026-11-18T05:20:00+00:00", httpx2.ConnectError("refused"), State.DOWN),
        ("2026-11-18T05:20:00+00:00", raw("<html>Access Denied</html>", 403), State.DOWN),
        ("2026-11-18T05:20:00+00:00", LOGGED_OUT, State.LOGIN_REQUIRED),
    ],
)
async def test_an_answer_lost_in_the_hours_announced_for_it_is_maintenance(
    hour: str, reply: Reply, state: State
) -> None:
    health = await portal_to(tickled().on(STATUS, reply), utc=hour).session.health()
    assert health.state is state
