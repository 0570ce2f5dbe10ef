"""`portfolio policy explain` and `diff` as a person runs them."""

import json
from pathlib import Path

import pytest

from app.settings import shipped_policy
from tests.e2e.command import portfolio


def test_without_a_run_every_setting_is_explained_in_general(tmp_path: Path) -> None:
    said = portfolio(tmp_path, "policy", "explain")
    assert said.status == 0, said.err
    assert "no run on record, so this is what each setting does at all" in said.out
    assert "stop_loss_pct: 20  loss since the account was taken over" in said.out
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.long
def test_after_a_run_every_setting_says_what_it_does_to_the_portfolio(tmp_path: Path) -> None:
    state = tmp_path / "state"
    shown = portfolio(tmp_path, "demo", "--data", "synthetic", "--state", state)
    assert shown.status == 0, shown.err
    assert "Why this and not the others" in shown.out
    said = portfolio(tmp_path, "policy", "explain", "--json", "--state", state)
    assert said.status == 0, said.err
    found = json.loads(said.out)
    today = {field["field"]: field["today"] for field in found["fields"]}
    assert found["run"]["run_id"].startswith("run_")
    assert today["risk_limits.max_position_pct"].startswith("max_position is ")
    assert today["strategies.sector_rotation.enabled"] == "on"


@pytest.mark.long
def test_two_policies_are_compared_on_one_day_and_leave_nothing(tmp_path: Path) -> None:
    eager = tmp_path / "eager.yaml"
    text = shipped_policy().read_text(encoding="utf-8")
    at_once = text.replace("  mode: adopt", "  mode: now", 1).replace(
        "max_annual_volatility_pct: 20", "max_annual_volatility_pct: 5", 1
    )
    eager.write_text(at_once, encoding="utf-8")
    said = portfolio(tmp_path / "home", "policy", "diff", shipped_policy(), eager, "--data", "synthetic", "--json")
    assert said.status == 0, said.err
    found = json.loads(said.out)
    assert [(each["field"], each["second"]) for each in found["fields"]] == [
        ("risk_limits.max_annual_volatility_pct", 5.0),
        ("adoption.mode", "now"),
    ]
    assert len(found["second"]["exits"]) > len(found["first"]["exits"])
    assert not found["same_decision"]
    assert not list((tmp_path / "home").rglob("*.db"))


def test_a_policy_is_checked_for_an_account_of_any_size(tmp_path: Path) -> None:
    former = tmp_path / "former.yaml"
    text = shipped_policy().read_text(encoding="utf-8").replace("max_order_value: null", "max_order_value: 25000")
    kept = [line for line in text.splitlines() if "min_order_nav_pct" not in line and "max_order_nav_pct" not in line]
    former.write_text("\n".join(kept), encoding="utf-8")
    said = portfolio(tmp_path, "policy", "check", former, "--nav", "2000", "--json")
    assert said.status == 0, said.err
    ((worth, (first, *_)),) = json.loads(said.out)["account_size"].items()
    assert worth == "2,000 USD"
    assert first.startswith(
        "execution.min_order_value: the smallest order is 500, and one name may be worth 280 of 2,000"
    )
    assert "no buy is possible; min_order_nav_pct: 14 or less works" in first
    assert not list(tmp_path.rglob("*.db"))
