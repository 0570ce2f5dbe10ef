"""The session's states, its priming, and what one gateway call is shared by."""

import asyncio
from decimal import Decimal

import httpx2
import pytest

from api_gateway.clientportal.errors import (
    CallerNotAllowed,
    ClientPortalError,
    GatewayDown,
    GatewayRefused,
    LoginRequired,
    Maintenance,
    Malformed,
    NoBridge,
    PacingViolation,
    SimulatorRefused,
    State,
)
from tests.unit.gateway.scripted import (
    ACCOUNT,
    MARKER,
    READY,
    Reply,
    ScriptedGateway,
    Time,
    ok,
    portal_to,
    raw,
    ready_gateway,
)

STATUS = "POST /iserver/auth/status"
LOGGED_OUT = {"authenticated": False, "competing": False, "connected": False}
NO_TIER = {**READY, "authenticated": False}


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (ok(READY), State.READY),
        (ok({**READY, "established": False}), State.NO_BRIDGE),
        (ok(NO_TIER), State.NO_BRIDGE),
        (ok(LOGGED_OUT), State.LOGIN_REQUIRED),
        (ok({**READY, "competing": True}), State.COMPETING),
        (ok({"error": "not authenticated", "statusCode": 401}, 401), State.LOGIN_REQUIRED),
        (raw("", 401), State.LOGIN_REQUIRED),
        (raw("<html>Access Denied</html>", 401), State.LOGIN_REQUIRED),
        (raw("", 302), State.LOGIN_REQUIRED),
        (ok({"error": "no session"}), State.LOGIN_REQUIRED),
        (raw("<html><body>Access Denied</body></html>", 403), State.DOWN),
        (ok({"error": "Service Unavailable", "statusCode": 503}, 503), State.MAINTENANCE),
        (ok({"error": "too many"}, 429), State.MAINTENANCE),
        (httpx2.ConnectError("refused"), State.DOWN),
        (httpx2.RemoteProtocolError("server closed without an answer"), State.DOWN),
        (httpx2.ReadTimeout("late"), State.DOWN),
        (raw('{"authenticated": tr'), State.DOWN),
        (ok([]), State.DOWN),
        (ok({**READY, "connected": "yes"}), State.DOWN),
    ],
)
async def test_each_observation_is_one_state(reply: Reply, state: State) -> None:
    reading = await portal_to(ScriptedGateway().on(STATUS, reply)).session.reading()
    assert reading.state is state
    assert (reading.fault is None) == (state is State.READY)


async def test_fifty_callers_share_one_status_read_which_lives_a_second() -> None:
    gateway, time = ready_gateway(), Time()
    session = portal_to(gateway, time).session
    await asyncio.gather(*(session.reading() for _ in range(50)))
    await session.reading()
    assert gateway.count(STATUS) == 1
    time.now += 1.0
    await session.reading()
    assert gateway.count(STATUS) == 2


async def test_the_age_of_a_status_is_counted_in_the_simulators_pace() -> None:
    gateway, time = ready_gateway(marker=MARKER), Time()
    session = portal_to(gateway, time).session
    await session.reading()
    time.now += 0.1
    await session.reading()
    assert gateway.count(STATUS) == 2


async def test_a_session_is_primed_once_for_all_its_readers() -> None:
    gateway = ready_gateway()
    session = portal_to(gateway).session
    found = await asyncio.gather(*(session.prime() for _ in range(20)))
    assert {each.accounts for each in found} == {(ACCOUNT,)}
    assert gateway.calls[1] == "GET /iserver/accounts"
    assert sorted(gateway.calls[2:]) == [
        "GET /iserver/account/orders",
        "GET /iserver/account/trades",
        "GET /portfolio/accounts",
    ]


async def test_a_gateway_that_forgot_the_session_is_primed_again_and_asked_once_more() -> None:
    gateway = ready_gateway()
    unprimed = ok({"error": "Please query /accounts first"}, 500)
    gateway.on("GET /iserver/account/order/status/1", unprimed, ok({"error": "none such"}, 404))
    portal = portal_to(gateway)
    with pytest.raises(GatewayRefused, match="none such"):
        await portal.orders.status(ACCOUNT, "1")
    assert gateway.count("GET /iserver/accounts") == 2
    assert gateway.count("GET /iserver/account/order/status/1") == 2


async def test_the_portfolio_side_may_want_to_be_primed_too() -> None:
    row = {"cashbalance": 1.5, "settledcash": 1.5, "exchangerate": 1, "unrealizedpnl": 0, "realizedpnl": 0}
    base = {"USD": row, "BASE": row}
    unprimed = ok({"error": "Please query /portfolio/accounts first"}, 400)
    gateway = ready_gateway().on("GET /portfolio/DU1234567/ledger", unprimed, ok(base))
    await portal_to(gateway).portfolio.ledger(ACCOUNT)
    assert gateway.count("GET /portfolio/accounts") == 2


async def test_a_lost_login_is_reported_and_the_next_read_starts_over() -> None:
    gateway = ready_gateway()
    gateway.on("GET /portfolio/DU1234567/ledger", raw("", 401))
    portal = portal_to(gateway)
    with pytest.raises(LoginRequired):
        await portal.portfolio.ledger(ACCOUNT)
    with pytest.raises(LoginRequired):
        await portal.portfolio.ledger(ACCOUNT)
    assert gateway.count(STATUS) == 2


async def test_a_missing_bridge_is_opened_without_pushing_anybody_out() -> None:
    gateway = ready_gateway().on(STATUS, ok(NO_TIER), ok({**READY, "established": False}), ok(READY))
    gateway.on("POST /iserver/auth/ssodh/init", ok({"passed": True}))
    await portal_to(gateway).session.prime()
    assert {"publish": True, "compete": False} in gateway.bodies


async def test_a_bridge_that_stays_away_is_tried_once_a_minute() -> None:
    gateway, time = ready_gateway().on(STATUS, ok(NO_TIER)), Time()
    gateway.on("POST /iserver/auth/ssodh/init", ok({"passed": False}))
    session = portal_to(gateway, time).session
    for _ in range(3):
        with pytest.raises(NoBridge):
            await session.prime()
    assert gateway.count("POST /iserver/auth/ssodh/init") == 1
    time.now += 60.0
    with pytest.raises(NoBridge):
        await session.prime()
    assert gateway.count("POST /iserver/auth/ssodh/init") == 2


@pytest.mark.parametrize("status", [LOGGED_OUT, {**NO_TIER, "competing": True}])
async def test_nothing_is_opened_for_a_logged_out_or_competing_user(status: dict[str, object]) -> None:
    gateway = ready_gateway().on(STATUS, ok(status))
    with pytest.raises(ClientPortalError):
        await portal_to(gateway).session.prime()
    assert gateway.count("POST /iserver/auth/ssodh/init") == 0


async def test_only_a_simulator_may_change_the_pacing() -> None:
    simulated = portal_to(ready_gateway(marker=MARKER))
    await simulated.session.prime()
    assert simulated.pacer.scale == 0.1
    assert simulated.session.source == "simulator"
    real = portal_to(ready_gateway().on(STATUS, ok({**READY, "pacing": 0.1})))
    await real.session.prime()
    assert real.pacer.scale == 1.0
    assert real.session.source == "ibkr"


async def test_market_time_is_the_simulators_and_goes_on_between_readings() -> None:
    time = Time()
    session = portal_to(ready_gateway(marker=MARKER), time).session
    await session.reading()
    time.now += 61.0
    assert session.market_now().isoformat() == "2022-12-28T15:01:01+00:00"


async def test_live_mode_refuses_a_simulator() -> None:
    gateway = ready_gateway(marker=MARKER)
    session = portal_to(gateway, refuse_simulator=True).session
    with pytest.raises(SimulatorRefused):
        await session.prime()
    assert gateway.calls == [STATUS]


async def test_a_marker_that_cannot_be_read_is_not_taken_for_the_real_broker() -> None:
    reading = await portal_to(ready_gateway(marker={"as_of": "someday"})).session.reading()
    assert isinstance(reading.fault, Malformed)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (raw("<html><h1>Access Denied</h1></html>", 403), CallerNotAllowed),
        (ok({"error": "Bad Request: no bridge", "statusCode": 400}, 400), NoBridge),
        (ok({"error": "Service Unavailable", "statusCode": 503}, 503), Maintenance),
        (ok({"error": "slow down"}, 429), PacingViolation),
        (ok({"error": "Gateway Timeout", "statusCode": 504}, 504), GatewayDown),
        (raw('{"acctcode": "DU1234567", "cash'), Malformed),
        (ok({"error": "no ledger of DU1234567"}, 500), GatewayRefused),
        (ok({"error": "Invalid account ID", "statusCode": 500}, 500), GatewayRefused),
        (ok({"error": "something odd"}), GatewayRefused),
        (raw("<html>hello</html>"), Malformed),
        (raw('{"BASE": {"cashba'), Malformed),
        (ok([1, 2]), Malformed),
        (httpx2.ReadTimeout("late"), GatewayDown),
    ],
)
async def test_each_failed_read_is_one_typed_error_with_a_remedy(reply: Reply, error: type[ClientPortalError]) -> None:
    portal = portal_to(ready_gateway().on("GET /portfolio/DU1234567/ledger", reply))
    with pytest.raises(error) as caught:
        await portal.portfolio.ledger(ACCOUNT)
    assert caught.value.remedy.endswith(".")
    assert ACCOUNT not in str(caught.value)


async def test_a_read_is_repeated_when_the_gateway_is_away_for_a_moment() -> None:
    row = {"cashbalance": 1.5, "settledcash": 1.5, "exchangerate": 1, "unrealizedpnl": 0, "realizedpnl": 0}
    base = {"USD": row, "BASE": row}
    gateway = ready_gateway().on("GET /portfolio/DU1234567/ledger", httpx2.ReadError("reset"), ok(base))
    ledger = await portal_to(gateway).portfolio.ledger(ACCOUNT)
    assert [(cash.currency, cash.cash) for cash in ledger.cash] == [("USD", Decimal("1.5"))]


async def test_after_a_429_nothing_more_is_sent() -> None:
    gateway = ready_gateway().on("GET /portfolio/DU1234567/ledger", ok({"error": "slow"}, 429))
    portal = portal_to(gateway)
    for _ in range(3):
        with pytest.raises(PacingViolation):
            await portal.portfolio.ledger(ACCOUNT)
    assert gateway.count("GET /portfolio/DU1234567/ledger") == 1
