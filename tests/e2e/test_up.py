"""`portfolio up` and those who ask it, `portfolio simulate` and a run in front of it."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from app.commands.processes import Ports, free_ports, private_directory, simulator
from app.settings import shipped_policies, shipped_policy
from tests.e2e.command import PATIENCE_SECONDS, children, foreground, is_alive, portfolio
from tests.support.stack import SIMULATED
from tests.support.thinning import thin

DAY = ("--as-of", "2022-03-14", "--data", "synthetic")


@dataclass(frozen=True)
class Up:
    """Everything up, and where."""

    url: str
    gateway: str
    ports: Ports
    home: Path
    said: str
    process: int


def up_arguments(home: Path, ports: Ports) -> tuple[str | Path, ...]:
    """On those ports."""
    numbers = ("--port", str(ports.service), "--mcp-port", str(ports.mcp), "--gateway-port", str(ports.gateway))
    return ("up", "--state", home / "state", *numbers, "--pacing", "0.01", *DAY)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    home, ports = tmp_path_factory.mktemp("up"), free_ports()
    with foreground(home, *up_arguments(home, ports)) as (process, said):
        here = "http://127.0.0.1"
        yield Up(f"{here}:{ports.service}", f"{here}:{ports.gateway}", ports, home, said, process.pid)


def test_up_says_where_everything_is_and_all_three_answer(up: Up) -> None:
    assert up.url in up.said
    assert up.gateway in up.said
    assert httpx2.get(f"{up.url}/ready", timeout=60, trust_env=False).json()["ready"] is True
    assert httpx2.get(f"{up.gateway}/simulator/state", timeout=60, trust_env=False).status_code == 200
    assert httpx2.get(f"http://127.0.0.1:{up.ports.mcp}/mcp", timeout=60, trust_env=False).status_code == 401


def test_the_state_directory_and_its_secrets_are_private(up: Up) -> None:
    state = up.home / "state"
    assert state.stat().st_mode & 0o077 == 0
    for secret in ("mcp.token", "ticket.key"):
        assert (state / secret).stat().st_mode & 0o077 == 0
    token = (state / "mcp.token").read_text()
    for log in (state / "logs").iterdir():
        assert token not in log.read_text()


def test_a_run_by_address_previews_then_trades_then_reports_what_was_done(up: Up, tmp_path: Path) -> None:
    dry = portfolio(tmp_path, "run", "--url", up.url, "--dry-run", "--json")
    assert dry.status == 0, dry.err
    assert json.loads(dry.out)["status"] == "dry_run"
    first = portfolio(tmp_path, "run", "--url", up.url, "--json")
    assert first.status == 0, first.err
    report = json.loads(first.out)
    assert report["status"] == "done"
    assert any(line.startswith("· filled: SELL") for line in first.err.splitlines())
    again = portfolio(tmp_path, "run", "--url", up.url, "--json")
    assert json.loads(again.out) == report
    orders = httpx2.get(f"{up.gateway}/simulator/orders", timeout=60, trust_env=False).json()["orders"]
    assert sorted(order["cOID"] for order in orders) == sorted(order["coid"] for order in report["orders"])
    assert {order["arrivals"] for order in orders} == {1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--account", "DU0000000"), "account DU…000 is not one of this session's. The session's: DU…321. Name one"),
        (("--slot", "A slot"), "there is no slot 'A slot'"),
    ],
)
def test_a_wrong_request_by_address_is_wrong_usage(
    up: Up, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    answer = portfolio(tmp_path, "run", "--url", up.url, *arguments)
    (line,) = answer.errors
    assert said in line
    assert answer.status == 2


def test_a_level_by_address_is_the_services_and_is_told_with_what_became_of_open_buys(up: Up, tmp_path: Path) -> None:
    halted = portfolio(tmp_path, "halt", "--reason", "a test", "--actor", "owner", "--url", up.url)
    assert halted.status == 0, halted.err
    assert "for all accounts:\nlevel HALTED   reason a test   actor owner" in halted.out
    assert "open buys: trading is halted; 0 open buys were asked to be cancelled" in halted.out
    resumed = portfolio(
        tmp_path, "resume", "--reason", "looked", "--actor", "owner", "--all", "--url", up.url, "--json"
    )
    assert json.loads(resumed.out)["level"] == "ACTIVE"
    told = portfolio(tmp_path, "level", "--url", up.url, "--json")
    assert json.loads(told.out) == httpx2.get(f"{up.url}/level", timeout=60, trust_env=False).json()


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    thin(
        [
            (("release", "KO", "--reason", "x"), "/release/KO", {"reason": "x"}),
            (
                ("flow", "add", "-2.50", "--note", "x", "--date", "2022-03-11"),
                "/flows",
                {"amount": "-2.50", "note": "x", "session_date": "2022-03-11"},
            ),
        ],
        2,
    ),
)
def test_a_release_and_a_cash_flow_by_address_are_refused_in_the_services_words(
    up: Up, tmp_path: Path, arguments: tuple[str, ...], path: str, body: dict[str, str]
) -> None:
    refusal = httpx2.post(f"{up.url}{path}", json=body, timeout=60, trust_env=False).json()
    answer = portfolio(tmp_path, *arguments, "--url", up.url)
    assert answer.errors == [f"portfolio: {refusal['detail']}. {refusal['remedy']}"]
    assert answer.status == 2


def test_a_taken_port_is_named_before_anything_starts(up: Up, tmp_path: Path) -> None:
    said = portfolio(tmp_path, *up_arguments(tmp_path, up.ports))
    (line,) = said.errors
    assert f"port {up.ports.gateway} for the simulator is taken" in line
    assert said.status == 1


def test_a_second_up_on_one_state_is_refused_in_a_line_that_names_the_first(up: Up, tmp_path: Path) -> None:
    said = portfolio(tmp_path, *up_arguments(up.home, free_ports()))
    (line,) = said.errors
    assert f"`portfolio up` uses {up.home / 'state'} already: pid {up.process}, {up.url}" in line
    assert (said.status, said.out) == (6, "")
    assert is_alive(up.process)


def test_up_stops_on_a_signal_and_leaves_no_process(tmp_path: Path) -> None:
    ports = free_ports()
    with foreground(tmp_path, *up_arguments(tmp_path, ports), "--policy", "conservative") as (process, _):
        started = children(process.pid)
        assert len(started) == 3
        of_the_service = Path(f"/proc/{max(started)}/environ").read_text().split("\0")
        assert f"POLICY_FILE={shipped_policies()['conservative']}" in of_the_service
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE_SECONDS) == 0
    assert [each for each in started if is_alive(each)] == []
    for port in (ports.service, ports.mcp, ports.gateway):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.long
def test_after_a_restart_on_its_state_the_account_is_as_the_run_left_it(tmp_path: Path) -> None:
    state = ("--state", tmp_path / "state")
    ports, errors = free_ports(), tmp_path / "errors"
    url = f"http://127.0.0.1:{ports.service}"
    with foreground(tmp_path, *up_arguments(tmp_path, ports)):
        first = portfolio(tmp_path, "run", "--url", url, "--json")
        assert first.status == 0, first.err
        sold = [order["symbol"] for order in json.loads(first.out)["orders"] if order["state"] == "FILLED"]
        held = json.loads(portfolio(tmp_path, "positions", "--url", url, "--json").out)
        assert held["from"] == "broker"
    without_a_day = [each for each in up_arguments(tmp_path, ports) if each not in {"--as-of", "2022-03-14"}]
    with errors.open("w") as file, foreground(tmp_path, *without_a_day, errors=file):
        assert "· the simulator goes on with the book of 2022-03-14" in errors.read_text()
        again = json.loads(portfolio(tmp_path, "positions", "--url", url, "--json").out)
        looked = json.loads(portfolio(tmp_path, "run", "--url", url, "--dry-run", "--json").out)
    assert sold
    quantities = [{row["symbol"]: row["quantity"] for row in facts["positions"]} for facts in (held, again)]
    assert quantities[0] == quantities[1]
    assert looked["continuity"]["quarantine"] == []
    assert looked["continuity"]["detected_flows"] == "0"
    recorded = json.loads(portfolio(tmp_path, "positions", *state, "--recorded", "--json").out)
    assert recorded["from"] == "record"


def test_up_ends_with_one_line_when_a_process_that_it_started_ends_and_ends_the_others(tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    with errors.open("w") as file, foreground(tmp_path, *up_arguments(tmp_path, free_ports()), errors=file) as up:
        process, _ = up
        started = children(process.pid)
        os.kill(max(started), signal.SIGKILL)
        assert process.wait(PATIENCE_SECONDS) == 1
    assert [each for each in started if is_alive(each)] == []
    (line,) = [line for line in errors.read_text().splitlines() if not line.startswith("·")]
    assert "ended by SIGKILL" in line
    assert ".log says why; start again" in line


def test_a_run_here_trades_in_paper_mode_against_a_simulator_that_runs_alone(tmp_path: Path) -> None:
    port = free_ports().gateway
    with foreground(tmp_path, "simulate", "--port", str(port), *DAY) as (_, said):
        gateway = f"http://127.0.0.1:{port}"
        assert f"{gateway}/v1/api   accounts DU7654321" in said
        real = portfolio(tmp_path, "run", "--json", IBKR_GATEWAY_URL=f"{gateway}/v1/api", TRADING_MODE="paper")
        assert real.status == 0, real.err
        report = json.loads(real.out)
        assert (report["status"], report["mode"]) == ("done", "paper")
        orders = httpx2.get(f"{gateway}/simulator/orders", timeout=60, trust_env=False).json()["orders"]
    assert len(orders) == len(report["orders"]) > 0
    assert {order["state"] for order in report["orders"]} == {"FILLED"}


@pytest.mark.long
def test_a_run_here_previews_by_default_and_knows_a_strange_account(tmp_path: Path) -> None:
    with simulator(private_directory(tmp_path / "simulator"), free_ports().gateway, SIMULATED) as gateway:
        preview = portfolio(tmp_path, "run", "--json", IBKR_GATEWAY_URL=gateway)
        stranger = portfolio(tmp_path, "run", "--account", "DU0000000", IBKR_GATEWAY_URL=gateway)
        abroad = tmp_path / "euros.yaml"
        abroad.write_text(shipped_policy().read_text(encoding="utf-8").replace("currency: USD", "currency: EUR", 1))
        foreign = portfolio(tmp_path, "run", POLICY_FILE=str(abroad), IBKR_GATEWAY_URL=gateway)
    assert preview.status == 0, preview.err
    report = json.loads(preview.out)
    assert (report["status"], report["mode_reason"]) == ("dry_run", "TRADING_MODE is off")
    assert {order["state"] for order in report["orders"]} == {"PREVIEWED"}
    assert (tmp_path / ".portfolio" / "portfolio.db").exists()
    assert stranger.status == 2
    assert "account DU…000 is not one of this session's. The session's: DU…321. Name one whole" in stranger.errors[0]
    cause = "the policy is in EUR, the account's base currency is USD"
    assert foreign.errors == [f"portfolio: {cause}. Set `currency` in the policy to the account's"]
