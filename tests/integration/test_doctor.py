"""The doctor's own checks against real neighbours in order and out of order: the right one is blamed, with a remedy."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.commands.checks import gateway, local, mcp
from app.commands.checks.examination import examine
from app.commands.checks.gateway import NAMES as GATEWAY
from app.commands.checks.gateway import GatewaySide, base_currency
from app.commands.checks.records import Check, Status, failure
from app.commands.doctor import worst
from app.commands.processes import Ports, free_ports
from app.settings import Settings, load_settings
from tests.support.serving import listening, served
from tests.support.stack import Stack, running

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack")) as found:
        yield found


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of the person who runs the tests, and none of their variables."""
    monkeypatch.chdir(tmp_path)
    for name in ("IBKR_GATEWAY_URL", "IBKR_ACCOUNT_ID", "TRADING_MODE", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def settings(tmp_path: Path, **changes: object) -> Settings:
    return load_settings(**{"state_dir": tmp_path / "state", **changes})


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


def failures(checks: tuple[Check, ...]) -> list[str]:
    for check in checks:
        assert (check.remedy is None) == (check.status in (Status.OK, Status.SKIPPED)), check
        assert "\n" not in check.finding
    return [check.name for check in checks if check.status is Status.FAILURE]


async def told_by_the_server(configured: Settings, side: GatewaySide | None = None) -> dict[str, Check]:
    """The MCP server's checks, with the gateway's side already known."""

    async def known() -> GatewaySide:
        return side or GatewaySide(())

    checks = await mcp.look(configured, asyncio.create_task(known()))
    assert [check.name for check in checks] == list(mcp.NAMES)
    failures(checks)
    return by_name(checks)


async def test_a_stack_in_good_order_is_ok_in_every_check(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_GATEWAY_URL", stack.gateway)
    monkeypatch.setenv("TRADING_MODE", "paper")
    configured = stack.settings(tmp_path / "state", trading_mode="paper")
    checks = await examine(configured)
    assert failures(checks) == []
    warned = [check.name for check in checks if check.status is Status.WARNING]
    # Orders may be sent, and the shipped policy names nobody to tell; the ports of a person's own `up` may be taken.
    assert set(warned) <= {"notifications", "ports"}
    assert [check.name for check in checks if check.status is Status.SKIPPED] == [
        "service", "audit_trail", "account_size"
    ]  # fmt: skip
    token = configured.read_mcp_token()
    assert token is not None
    assert not any(token.get_secret_value() in check.finding + (check.remedy or "") for check in checks)


async def test_the_child_process_sees_the_settings_and_blames_alone(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_GATEWAY_URL", stack.gateway)
    monkeypatch.setenv("IBKR_ACCOUNT_ID", "DU0000001")
    checks = await examine(stack.settings(tmp_path / "state", trading_mode="paper"))
    assert failures(checks) == ["accounts"]


async def test_a_setting_that_the_gateways_side_refuses_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_GATEWAY_URL", "ftp://gateway")
    checks = await examine(settings(tmp_path))
    assert failures(checks) == ["gateway"]
    found = by_name(checks)
    assert found["gateway"].finding.startswith("IBKR_GATEWAY_URL: ")
    assert {found[name].status for name in GATEWAY[1:]} == {Status.SKIPPED}


@pytest.mark.parametrize("pin", ["abc", "00" * 20, "00:" * 32 + "zz"])
async def test_a_pin_that_is_none_is_to_be_taken_out_so_that_the_right_one_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pin: str
) -> None:
    monkeypatch.setenv("IBKR_CERT_SHA256", pin)
    first, *_ = (await gateway.look()).checks
    assert first.finding.startswith("IBKR_CERT_SHA256: is not a SHA-256 fingerprint")
    assert ("SHA-1" in first.finding) == (len(pin) == 40)
    assert "Take it out" in (first.remedy or "")


async def test_a_wrong_token_is_named_and_not_printed(stack: Stack, tmp_path: Path) -> None:
    wrong = "a-wrong-token-of-the-test"
    found = await told_by_the_server(stack.settings(tmp_path, mcp_token=wrong, mcp_token_file=None))
    assert found["mcp"].status is Status.OK
    assert found["mcp_token"].status is Status.FAILURE
    assert {found[name].status for name in mcp.NAMES[2:]} == {Status.SKIPPED}
    assert not any(wrong in check.finding for check in found.values())


async def test_a_missing_token_and_an_unreadable_one_are_told_apart(stack: Stack, tmp_path: Path) -> None:
    missing = await told_by_the_server(stack.settings(tmp_path, mcp_token_file=None))
    assert "none is set" in missing["mcp_token"].finding
    unreadable = await told_by_the_server(stack.settings(tmp_path, mcp_token_file=tmp_path / "nowhere"))
    assert "cannot read" in unreadable["mcp_token"].finding


async def test_the_token_that_up_keeps_in_the_state_directory_is_used(stack: Stack, tmp_path: Path) -> None:
    kept = Path(stack.variables["MCP_TOKEN_FILE"]).parent
    found = await told_by_the_server(stack.settings(kept, mcp_token_file=None))
    assert found["mcp_token"].status is Status.OK


async def test_a_server_that_is_not_there_is_a_failure_only_where_one_was_asked_for(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_ports().mcp}/mcp"
    assert (await told_by_the_server(settings(tmp_path, mcp_url=url)))["mcp"].status is Status.FAILURE
    assert (await told_by_the_server(settings(tmp_path)))["mcp"].status in (Status.WARNING, Status.OK)


async def test_modes_that_differ_are_named(stack: Stack, tmp_path: Path) -> None:
    live = await told_by_the_server(stack.settings(tmp_path, trading_mode="live"))
    assert live["trading_tools"].status is Status.FAILURE
    off = await told_by_the_server(stack.settings(tmp_path, trading_mode="off"))
    assert off["trading_tools"].status is Status.OK, "the simulator trades on paper unless it is told otherwise"


async def test_a_session_that_is_not_ready_is_blamed_on_whoever_knows_more(stack: Stack, tmp_path: Path) -> None:
    stack.post("faults", [{"path": "/iserver/auth/status", "kind": "competing", "times": 1000}])
    try:
        alone = await told_by_the_server(stack.settings(tmp_path))
        side = GatewaySide((failure("competing", "another session", "Log out there."),))
        known = await told_by_the_server(stack.settings(tmp_path), side)
    finally:
        httpx2.delete(f"{stack.gateway}/simulator/faults", timeout=60, trust_env=False)
    assert alone["mcp_session"].status is Status.FAILURE
    assert "COMPETING" in alone["mcp_session"].finding
    assert known["mcp_session"].status is Status.SKIPPED
    assert "competing" in known["mcp_session"].finding


async def test_a_server_that_hangs_does_not_hang_the_doctor(tmp_path: Path) -> None:
    listener = listening()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    try:
        found = await told_by_the_server(settings(tmp_path, mcp_url=url, mcp_token="t"))
    finally:
        listener.close()
    assert found["mcp"].status is Status.FAILURE


async def test_another_program_on_the_servers_port_is_no_mcp_server(tmp_path: Path) -> None:
    async def hello(_: Request) -> Response:
        return JSONResponse({"hello": "world"}, headers={"Date": formatdate(time.time(), usegmt=True)})

    async with served(Starlette(routes=[Route("/mcp", hello, methods=["GET", "POST"])])) as url:
        found = await told_by_the_server(settings(tmp_path, mcp_url=f"{url}/mcp", mcp_token="t"))
    assert [name for name in mcp.NAMES if found[name].status is Status.FAILURE] == ["mcp_tools"]


async def test_an_address_without_an_mcp_server_is_told_before_the_token_is_blamed(
    stack: Stack, tmp_path: Path
) -> None:
    server = stack.variables["MCP_URL"].removesuffix("/mcp")
    for url in (f"{stack.gateway}/mcp", f"{server}/", f"{server}/mcp/elsewhere"):
        found = await told_by_the_server(stack.settings(tmp_path, mcp_url=url))
        assert (found["mcp"].status, "no MCP server" in found["mcp"].finding) == (Status.FAILURE, True), url
        assert found["mcp_token"].status is Status.SKIPPED


@pytest.mark.parametrize(("seconds", "status"), [(-3600, "failure"), (3600, "failure"), (10, "warning"), (0, "ok")])
def test_a_server_whose_clock_differs_would_refuse_tickets(seconds: int, status: str) -> None:
    check = mcp._judge_clock({"date": formatdate(time.time() + seconds, usegmt=True)})
    assert check.status == status


def test_the_accounts_currency_is_held_against_the_policys() -> None:
    assert base_currency(GatewaySide((), "USD"), "USD").status is Status.OK
    assert base_currency(GatewaySide((), "EUR"), "USD").status is Status.FAILURE
    assert base_currency(GatewaySide(()), "USD").status is Status.SKIPPED


def test_the_policys_mistakes_and_warnings_are_named(tmp_path: Path) -> None:
    assert local.policy(settings(tmp_path))[0].status is Status.OK
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: bad\nnonsense: 1\n")
    check, found = local.policy(settings(tmp_path, policy_file=bad))
    assert (check.status, found) == (Status.FAILURE, None)
    assert "nonsense" in check.finding
    assert local.notifications(settings(tmp_path), found).status is Status.SKIPPED


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2026-11-20", "today is a session; next session 2026-11-23"),
        ("2026-11-26", "the exchange is closed today; next session 2026-11-27 (half day)"),
        ("2026-11-27", "today is a half day, until 13:00 New York"),
    ],
)
def test_the_calendar_tells_today_and_the_next_session(day: str, said: str) -> None:
    check = local.calendar(datetime.fromisoformat(f"{day}T15:00:00Z"))
    assert (check.status, said in check.finding) == (Status.OK, True)


def test_a_calendar_that_ends_within_the_year_is_a_failure() -> None:
    assert local.calendar(NOW + timedelta(days=365 * 23)).status is Status.FAILURE


@pytest.mark.parametrize(
    ("name", "variables", "status", "said"),
    [
        ("offline/rules", {}, "ok", "no key is needed"),
        ("gemini-2.5-flash", {}, "failure", "GOOGLE_API_KEY"),
        ("gemini-2.5-flash", {"GEMINI_API_KEY": "key-of-the-test"}, "ok", "GEMINI_API_KEY is set"),
        ("gemini-2.5-flash", {"GOOGLE_GENAI_USE_VERTEXAI": "true"}, "failure", "GOOGLE_CLOUD_PROJECT"),
        ("gpt-4o", {}, "failure", "neither"),
    ],
)
def test_a_models_key_is_looked_for_and_never_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, variables: dict[str, str], status: str, said: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    check = local.model(settings(tmp_path, model_name=name))
    assert (check.status, said in check.finding) == (status, True)
    assert "key-of-the-test" not in check.finding


def test_open_directories_and_secrets_are_warned_of(tmp_path: Path) -> None:
    configured = settings(tmp_path)
    assert local.state_directory(configured).status is local.secrets(configured).status is Status.OK
    configured.state_dir.mkdir(mode=0o755)
    (configured.state_dir / "mcp.token").write_text("token")
    (configured.state_dir / "mcp.token").chmod(0o644)
    assert local.state_directory(configured).remedy == f"chmod 700 {configured.state_dir}"
    assert local.secrets(configured).remedy == f"chmod 600 {configured.state_dir}/mcp.token"
    configured.state_dir.chmod(0o700)
    (configured.state_dir / "mcp.token").chmod(0o600)
    assert local.state_directory(configured).status is local.secrets(configured).status is Status.OK
    assert local.secrets(settings(tmp_path, ticket_key_file=tmp_path / "no")).status is Status.FAILURE


async def test_a_port_of_ours_is_told_from_a_strangers(stack: Stack) -> None:
    free = free_ports()
    taken = int(stack.gateway.rpartition(":")[2])
    ours = await local.ports(Ports(free.service, free.mcp, taken))
    assert (ours.status, f"{taken} our simulator" in ours.finding) == (Status.OK, True)
    strange = await local.ports(Ports(taken, free.mcp, free.gateway))
    assert (strange.status, f"{taken} for the service" in strange.finding) == (Status.WARNING, True)


def test_the_worst_finding_is_the_verdict() -> None:
    checks = tuple(Check(status.value, status, "", "") for status in Status)
    assert worst(checks) is Status.FAILURE
    assert worst(checks[:2]) is Status.WARNING
    assert worst(()) is Status.OK
