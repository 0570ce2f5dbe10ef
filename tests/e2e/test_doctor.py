"""`portfolio doctor` as a person types it: on a fresh machine, in front of everything running, and where it fails."""

import json
from pathlib import Path

import pytest

from app.commands.processes import Simulated, free_ports, private_directory, simulator
from tests.e2e.command import portfolio

STATUS = {"ok", "warning", "failure", "skipped"}


def test_a_fresh_machine_gets_warnings_a_way_to_begin_and_status_0(tmp_path: Path) -> None:
    said = portfolio(tmp_path, "doctor")
    assert said.status == 0, said.err
    assert "make demo" in said.out
    assert list(tmp_path.iterdir()) == []


def test_the_json_form_is_one_object_with_a_verdict_and_the_checks(tmp_path: Path) -> None:
    said = portfolio(tmp_path, "doctor", "--json")
    answer = json.loads(said.out)
    assert set(answer) == {"form", "verdict", "checks"}
    assert (answer["form"], answer["verdict"]) == (1, "warning")
    for check in answer["checks"]:
        assert set(check) == {"name", "status", "finding", "remedy"}
        assert check["status"] in STATUS
    assert said.errors == []


@pytest.mark.long
def test_a_failure_is_status_1_and_wrong_usage_is_status_2(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_ports().gateway}"
    failed = portfolio(tmp_path, "doctor", "--json", "--url", nowhere, IBKR_GATEWAY_URL=nowhere)
    assert failed.status == 1
    checks = json.loads(failed.out)["checks"]
    assert [check["name"] for check in checks if check["status"] == "failure"] == ["gateway", "service"]
    assert portfolio(tmp_path, "doctor", "--nonsense").status == 2
    assert portfolio(tmp_path, "doctor", TRADING_MODE="sometimes").status == 2


@pytest.mark.long
def test_a_simulator_alone_is_seen_through_to_its_quotes(tmp_path: Path) -> None:
    simulated = Simulated(None, 7, 0.01, "synthetic")
    with simulator(private_directory(tmp_path / "simulator"), free_ports().gateway, simulated) as url:
        said = portfolio(tmp_path / "home", "doctor", "--json", IBKR_GATEWAY_URL=url)
    assert said.status == 0, said.out
    found = {check["name"]: check for check in json.loads(said.out)["checks"]}
    assert found["market_data"] == {
        "name": "market_data", "status": "ok", "finding": "quotes of AAPL are live", "remedy": None,
    }  # fmt: skip
    assert found["base_currency"]["status"] == "ok"
