"""A gateway that runs and does not reach the broker: every way in says so, and nobody is sent to start the gateway."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api_gateway.clientportal.transport import SESSION_SECONDS
from app.broker.connection import McpConnection
from app.broker.mcp import McpBroker
from app.commands.checks.examination import examine
from app.commands.checks.records import Status
from tests.support.stack import Stack, running, service

AWAY: Mapping[str, list[dict[str, Any]]] = {
    "hangs up": [{"kind": "broker", "change": {"upstream": "cut"}}],
    "says nothing": [{"kind": "broker", "change": {"upstream": "silent"}}],
    "tells its session and no accounts": [{"path": "/iserver/accounts", "kind": "hang_before", "times": 1000}],
    "is not kept alive": [{"path": "/tickle", "kind": "cut_before", "times": 1000}],
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack")) as found:
        yield found


@pytest.fixture
def away(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    # Whoever logged in anew is primed anew.
    stack.post("session", {"event": "sso_expired"})
    httpx2.post(f"{stack.gateway}/simulator/login", timeout=60, trust_env=False)
    stack.post("faults", AWAY[request.param])
    yield stack
    httpx2.delete(f"{stack.gateway}/simulator/faults", timeout=60, trust_env=False)
    stack.post("broker", {"upstream": "up"})


def is_told(message: str, remedy: str | None, gateway: str) -> bool:
    where = gateway.removeprefix("http://")
    said = f"the gateway at {where} runs, and Interactive Brokers behind it does not answer" in message
    return said and "need not be started" in (remedy or "")


@pytest.mark.parametrize("away", AWAY, indirect=True)
async def test_the_session_tool_tells_what_is_up_and_what_is_not(away: Stack, tmp_path: Path) -> None:
    settings = away.settings(tmp_path)
    token = settings.read_mcp_token()
    assert token is not None
    connection = McpConnection(settings.mcp_url, token.get_secret_value())
    try:
        session = await McpBroker(connection).session()
    finally:
        await connection.close()
    assert is_told(session.message, session.remedy, away.gateway), session


@pytest.mark.parametrize("away", ["hangs up"], indirect=True)
async def test_the_probe_and_a_run_tell_it_too(away: Stack, tmp_path: Path) -> None:
    async with service(away.settings(tmp_path)) as http:
        ready = await http.get("/ready")
        run = await http.post("/run/daily?dry_run=true")
    assert (ready.status_code, run.status_code) == (503, 503)
    assert is_told(ready.json()["message"], ready.json()["remedy"], away.gateway)
    assert is_told(run.text, run.text, away.gateway)


@pytest.mark.parametrize("away", ["hangs up"], indirect=True)
async def test_the_doctor_blames_the_way_to_the_broker_alone(
    away: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IBKR_GATEWAY_URL", away.gateway)
    checks = await examine(away.settings(tmp_path / "state", trading_mode="paper"))
    (failed,) = [check for check in checks if check.status is Status.FAILURE]
    assert (failed.name, is_told(failed.finding, failed.remedy, away.gateway)) == ("gateway", True)


def test_a_reading_of_the_session_ends_before_a_caller_gives_up() -> None:
    """Nothing is repeated that was waited for: the status, the tickle or the first reads, and the login page."""
    assert 2 * SESSION_SECONDS < 15
