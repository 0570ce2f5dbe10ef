"""The session as a client and a tester see it: status, refusals by tier, events from outside, and its own clock."""

from pathlib import Path

import pytest

from api_gateway.simulator import Options
from api_gateway.simulator.command import load_faults
from tests.unit.simulator.worlds import ACCOUNT, FakeTime, Gateway, error_of, instant, synthetic_world, world_of


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def gateway(time: FakeTime) -> Gateway:
    return Gateway(world_of(Options(pacing=1e-6, data="synthetic", session="strict"), time), time)


async def _event(gateway: Gateway, event: str) -> None:
    await gateway.post("/simulator/session", {"event": event})


async def _wait(gateway: Gateway, seconds: float) -> None:
    await gateway.post("/simulator/session-clock", {"advance_seconds": seconds})


async def test_the_market_clock_expires_no_login_and_the_session_clock_opens_no_market(time: FakeTime) -> None:
    world = world_of(
        Options(as_of=synthetic_world(time).market.history.sessions[400], data="synthetic", session="strict"), time
    )
    gateway = Gateway(world, time)
    before = await gateway.get("/simulator/clock")
    await _wait(gateway, 300)
    assert instant((await gateway.get("/simulator/clock"))["now"]) - instant(before["now"]) < (
        instant("2020-01-01T00:01:00Z") - instant("2020-01-01T00:00:00Z")
    )
    await gateway.post("/simulator/clock", {"next_session": True})
    assert (await gateway.get("/simulator/session"))["usable"] is True


async def test_an_idle_session_answers_401_until_a_person_logs_in(gateway: Gateway) -> None:
    await gateway.ready()
    await _wait(gateway, 361)
    assert error_of(await gateway.send("GET", f"/portfolio/{ACCOUNT}/ledger")) == "not authenticated"
    assert (await gateway.get("/tickle")) == {"error": "no session"}
    status = await gateway.get("/iserver/auth/status")
    assert (status["authenticated"], status["connected"]) == (False, False)
    assert (await gateway.send("POST", "/iserver/auth/ssodh/init", {"publish": True})).status_code == 401
    await gateway.post("/simulator/login")
    polls = [await gateway.get("/iserver/auth/status") for _ in range(3)]
    assert [one["established"] for one in polls] == [False, False, True]
    assert error_of(await gateway.send("GET", "/iserver/account/orders")) == "Please query /accounts first"
    state = await gateway.get("/simulator/session")
    assert (state["counters"]["logins"], state["logouts"]) == (1, {"idle": 1})


async def test_without_a_bridge_the_portfolio_answers_and_the_brokerage_does_not(gateway: Gateway) -> None:
    await gateway.ready()
    await _event(gateway, "bridge_lost")
    await gateway.get(f"/portfolio/{ACCOUNT}/ledger")
    lost = await gateway.send("GET", "/iserver/accounts")
    assert (lost.status_code, error_of(lost)) == (400, "Bad Request: no bridge")
    status = await gateway.get("/iserver/auth/status")
    assert (status["connected"], status["authenticated"]) == (True, False)
    assert (await gateway.send("POST", "/iserver/auth/ssodh/init", {"publish": False})).status_code == 500
    opened = await gateway.post("/iserver/auth/ssodh/init", {"publish": True, "compete": False})
    assert (opened["passed"], opened["authenticated"], opened["established"]) == (True, True, False)
    assert (await gateway.send("GET", "/iserver/accounts")).status_code == 400
    for _ in range(2):
        await gateway.get("/tickle")
    await gateway.get("/iserver/accounts")


@pytest.mark.parametrize("kind", ["delay", "drop_after", "status_after", "empty", "competing", "no_bridge"])
async def test_no_fault_lets_an_order_past_a_missing_login(gateway: Gateway, kind: str) -> None:
    await gateway.ready()
    await gateway.quote()
    await _event(gateway, "sso_expired")
    await gateway.post("/simulator/faults", {"path": "/iserver/account/*/orders", "kind": kind})
    assert (await gateway.submit(orderType="MKT")).status_code >= 400
    assert await gateway.arrivals() == []


async def test_reauthenticating_without_a_login_says_so_with_status_200(gateway: Gateway) -> None:
    await _event(gateway, "bridge_lost")
    assert "error" not in await gateway.post("/iserver/reauthenticate")
    await _event(gateway, "sso_expired")
    assert await gateway.post("/iserver/reauthenticate") == {"error": "not logged in"}


async def test_a_competitor_keeps_the_session_unless_it_is_pushed_out(gateway: Gateway) -> None:
    await _event(gateway, "competing")
    status = (await gateway.get("/tickle"))["iserver"]["authStatus"]
    assert (status["authenticated"], status["competing"], status["established"]) == (True, True, False)
    asked = await gateway.post("/iserver/auth/ssodh/init", {"publish": True, "compete": False})
    assert asked["competing"] is True
    assert (await gateway.get("/simulator/session"))["counters"] == {"logins": 0, "inits": 1, "pushes": 0}
    taken = await gateway.post("/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    assert taken["competing"] is False
    assert (await gateway.get("/simulator/session"))["counters"]["pushes"] == 1


async def test_a_reset_answers_503_for_minutes_and_costs_the_brokerage_session(gateway: Gateway) -> None:
    await gateway.ready()
    await _event(gateway, "reset")
    assert (await gateway.send("GET", "/iserver/auth/status")).status_code == 503
    await gateway.get(f"/portfolio/{ACCOUNT}/ledger")
    await _wait(gateway, 300)
    status = await gateway.get("/iserver/auth/status")
    assert (status["connected"], status["authenticated"]) == (True, False)


async def test_midnight_ends_the_login_and_a_login_in_the_reset_opens_no_bridge(gateway: Gateway) -> None:
    now = instant((await gateway.get("/simulator/session"))["now"])
    midnight = now.replace(hour=5, minute=0, second=0, microsecond=0).timestamp() + 86_400
    await _wait(gateway, midnight - now.timestamp() + 1)
    assert (await gateway.send("GET", "/iserver/accounts")).status_code == 503
    assert (await gateway.send("GET", "/portfolio/accounts")).status_code == 401
    await gateway.post("/simulator/login")
    await gateway.rows("/portfolio/accounts")
    await _wait(gateway, 300)
    assert error_of(await gateway.send("GET", "/iserver/accounts")) == "Bad Request: no bridge"
    assert (await gateway.get("/simulator/session"))["logouts"] == {"midnight": 1}


async def test_during_maintenance_nothing_answers_and_nobody_logs_in(gateway: Gateway) -> None:
    await gateway.post("/simulator/session-clock", {"to": "2022-12-31T19:00:00-05:00"})
    for path in ("/tickle", "/portfolio/accounts", "/iserver/auth/status"):
        assert (await gateway.send("GET", path)).status_code == 503
    assert (await gateway.send("POST", "/simulator/login")).status_code == 503
    assert (await gateway.get("/simulator/session"))["window"] == "maintenance"


async def test_session_events_happen_from_a_file_at_their_time(tmp_path: Path, time: FakeTime) -> None:
    script = tmp_path / "faults.yaml"
    script.write_text(
        "- {kind: session, event: competing, seconds: 60}\n"
        "- {kind: session, event: competing_ended, seconds: 120}\n"
        "- {kind: session, event: sso_expired, path: /tickle, after: 1}\n"
    )
    world = world_of(Options(pacing=1e-6, data="synthetic", faults=load_faults(script)), time)
    gateway = Gateway(world, time)
    assert (await gateway.get("/iserver/auth/status"))["competing"] is False
    await _wait(gateway, 60)
    assert (await gateway.get("/iserver/auth/status"))["competing"] is True
    await _wait(gateway, 60)
    assert (await gateway.get("/iserver/auth/status"))["authenticated"] is False
    assert "session" in await gateway.get("/tickle")
    assert await gateway.get("/tickle") == {"error": "no session"}


async def test_bad_session_requests_are_refused(gateway: Gateway) -> None:
    assert (await gateway.send("POST", "/simulator/session", {"event": "explode"})).status_code == 422
    for move in ({}, {"advance_seconds": 1, "to": "2030-01-01T00:00:00Z"}, {"to": "2000-01-01T00:00:00Z"}):
        assert (await gateway.send("POST", "/simulator/session-clock", move)).status_code == 400


async def test_a_reset_of_the_world_may_choose_how_strict_its_session_is(gateway: Gateway) -> None:
    await gateway.post("/simulator/reset", {"session": "lenient"})
    await _wait(gateway, 10 * 86_400)
    assert (await gateway.get("/simulator/session"))["usable"] is True
