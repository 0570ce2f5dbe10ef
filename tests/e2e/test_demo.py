"""`portfolio demo` on real prices: one run a day, told truly, and what famous days must bring."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.desk.report.schema import Report
from tests.e2e.command import Said, portfolio, started
from tests.support.thinning import thin

SCENARIO = Path(__file__).resolve().parents[2] / "api_gateway" / "simulator" / "scenarios" / "default.yaml"
FEAR = {"stop_loss", "drawdown", "limit_breach", "cut_losers"}


@dataclass(frozen=True)
class Demo:
    """One demo as JSON, and the state directory that it left."""

    report: dict[str, Any]
    said: Said
    state: Path

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """By name."""
        return {metric["name"]: metric for metric in self.report["evaluation"]["metrics"]}

    def exits(self, rule: str) -> dict[str, float]:
        """Symbol → value that triggered the rule."""
        return {e["symbol"]: e["value"] for e in self.report["evaluation"]["exits_due"] if e["rule"] == rule}

    @property
    def triggers(self) -> set[str]:
        """Every rule that an order names."""
        return {rule for o in self.report["orders"] for rule in o["trigger"].partition(":")[0].split("+")}

    def sold(self) -> set[str]:
        """Symbols."""
        return {order["symbol"] for order in self.report["orders"] if order["side"] == "SELL"}

    def bought(self) -> set[str]:
        """Symbols."""
        return {order["symbol"] for order in self.report["orders"] if order["side"] == "BUY"}


def demo(home: Path, *arguments: str) -> Demo:
    """A demo with `--json`."""
    said = started(home, "demo", "--json", "--state", home / "state", *arguments)
    assert said.status == 0, said.err
    return Demo(json.loads(said.out), said, home / "state")


def returns(found: Demo) -> dict[str, float]:
    """Price over what gains count from less one, of every holding in the report, worked out anew."""
    levels = found.report["price_levels"]
    return {row["symbol"]: float(row["price"]) / float(row["base"]) - 1 for row in levels}


def check_reasons(found: Demo) -> None:
    """Whatever the day, the reasons match the numbers of the same report."""
    gains = returns(found)
    stops, profits = found.exits("stop_loss"), found.exits("take_profit")
    levels = {row["symbol"]: row for row in found.report["price_levels"]}
    assert set(stops) == {name for name, row in levels.items() if float(row["price"]) <= float(row["stop"])}
    assert all(float(row["stop"]) <= 0.8 * float(row["base"]) + 1e-4 for row in levels.values())
    # The default policy takes none.
    assert (profits, {row["take_profit"] for row in levels.values()}) == ({}, {None})
    for symbol, value in stops.items():
        assert value == pytest.approx(gains[symbol], abs=1e-3), symbol
    for order in found.report["orders"]:
        if "stop_loss" in order["trigger"]:
            assert f"unrealised {gains[order['symbol']]:.1%} against -" in order["trigger"]
    drawdown = found.report["evaluation"]["drawdown"]
    assert found.metrics["drawdown"]["value"] == drawdown
    assert (drawdown >= 0.2) == (found.metrics["drawdown"]["severity"] in {"HIGH", "CRITICAL"})
    nav = sum(float(row["market_value"]) for row in found.report["portfolio"]["positions"])
    assert float(found.report["portfolio"]["nav"]) == pytest.approx(nav + float(found.report["portfolio"]["cash"]))
    assert Report.model_validate(found.report).as_json() == found.report


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The default day, the last of the sample."""
    return demo(tmp_path_factory.mktemp("today"))


@pytest.mark.real_prices
def test_the_demo_ends_with_a_filled_run_on_real_prices(today: Demo) -> None:
    assert today.report["status"] == "done"
    assert today.report["mode"] == "paper"
    assert today.report["source"] == "simulator:sample"
    assert today.report["session_date"] == "2022-12-28"
    assert {order["state"] for order in today.report["orders"]} == {"FILLED"}
    # Since the account was taken over, with the stop as far as the name moves anyway.
    assert today.report["evaluation"]["exits_due"] == []
    assert today.triggers == {"cut_losers"}
    adoption = today.report["adoption"]
    assert (adoption["session_date"], adoption["first_contact"]) == ("2021-12-29", False)
    check_reasons(today)
    assert today.said.errors == []


@pytest.mark.real_prices
def test_a_second_demo_on_the_same_state_reports_the_run_and_orders_nothing(today: Demo, tmp_path: Path) -> None:
    again = portfolio(tmp_path, "demo", "--json", "--state", today.state)
    assert again.status == 0, again.err
    assert json.loads(again.out) == today.report
    assert "filled" not in again.err
    runs = json.loads(portfolio(tmp_path, "runs", "--json", "--state", today.state).out)
    assert [(run["session_date"], run["slot"]) for run in runs] == [
        ("2022-12-28", "daily"),
        ("2022-12-27", "close"),
        ("2021-12-29", "daily"),
    ]
    assert runs[0]["run_id"] == today.report["run_id"]


@pytest.mark.real_prices
def test_a_first_contact_sells_nothing_for_what_was_before_and_shows_the_three_ways(tmp_path: Path) -> None:
    first = demo(tmp_path, "--first-contact")
    adoption = first.report["adoption"]
    assert adoption["first_contact"]
    assert [mode["mode"] for mode in adoption["modes"]] == ["adopt", "transition", "now"]
    assert first.report["evaluation"]["exits_due"] == []
    assert first.triggers <= {"rotate", "rebalance", "reinforce"}
    assert float(adoption["modes"][0]["turnover"]) <= 0.05 * float(adoption["nav"])


@pytest.mark.real_prices
def test_a_run_can_be_shown_again(today: Demo, tmp_path: Path) -> None:
    run_id = today.report["run_id"]
    shown = portfolio(tmp_path, "show", run_id, "--json", "--state", today.state)
    assert json.loads(shown.out) == today.report
    text = portfolio(tmp_path, "show", run_id, "--state", today.state).out
    for title in ("What was seen", "What was measured", "What could be done", "What was chosen", "What was ordered"):
        assert title in text
    assert "SIMULATED" in text
    assert run_id in portfolio(tmp_path, "runs", "--state", today.state, COLUMNS="200").out


@pytest.mark.long
@pytest.mark.real_prices
def test_another_simulated_day_in_the_same_state_is_a_run_of_its_own(today: Demo, tmp_path: Path) -> None:
    state = shutil.copytree(today.state, tmp_path / "state")
    said = portfolio(tmp_path, "demo", "--json", "--state", state, "--as-of", "2017-06-01")
    assert said.status == 0, said.err
    calm = Demo(json.loads(said.out), said, state)
    assert calm.report["run_id"] != today.report["run_id"]
    assert calm.report["session_date"] == "2017-06-01"
    assert calm.report["evaluation"]["drawdown"] < 0.01
    assert calm.metrics["annual_volatility"]["value"] < 0.1
    assert not calm.triggers & FEAR
    assert calm.report["evaluation"]["exits_due"] == []
    assert min(returns(calm).values()) == pytest.approx(-0.06, abs=0.01)
    check_reasons(calm)


@pytest.mark.long
@pytest.mark.real_prices
def test_the_crash_of_2020_breaches_value_at_risk_and_volatility_and_sells_the_stop(tmp_path: Path) -> None:
    crash = demo(tmp_path, "--as-of", "2020-03-16")
    assert crash.metrics["annual_volatility"]["value"] > crash.metrics["annual_volatility"]["limit"]
    assert crash.report["market"]["vix"] == pytest.approx(69, abs=1)
    # The others fell by less than they move anyway.
    assert set(crash.exits("stop_loss")) == {"XOM"}
    assert "XOM" in crash.sold()
    assert crash.metrics["var_95_1d"]["severity"] == "CRITICAL"
    assert crash.bought() == set()
    caps = {cap["rule"]: cap["limit"] for cap in crash.report["evaluation"]["exposure_caps"]}
    assert caps["vix"] == pytest.approx(0.4)
    check_reasons(crash)


@pytest.mark.long
@pytest.mark.real_prices
def test_the_week_of_october_2008_holds_at_the_drawdown_sells_for_volatility_and_buys_nothing(tmp_path: Path) -> None:
    crash = demo(tmp_path, "--as-of", "2008-10-10")
    assert crash.report["evaluation"]["drawdown"] == pytest.approx(0.3, abs=0.02)
    assert crash.metrics["drawdown"]["severity"] == "CRITICAL"
    assert crash.report["market"]["vix"] == pytest.approx(62, abs=1)
    assert "GE" in crash.exits("stop_loss")
    assert not crash.exits("drawdown")
    assert crash.metrics["annual_volatility"]["severity"] == "CRITICAL"
    assert crash.exits("limit_breach")
    assert "recovery" in {cap["rule"] for cap in crash.report["evaluation"]["exposure_caps"]}
    assert crash.bought() == set()
    check_reasons(crash)


def test_every_day_with_expectations_is_tested_here() -> None:
    scenario = yaml.safe_load(SCENARIO.read_text(encoding="utf-8"))
    assert {each["as_of"].isoformat() for each in scenario["expectations"]} == {
        "2022-12-28",
        "2020-03-16",
        "2008-10-10",
        "2017-06-01",
    }


@pytest.mark.long
def test_generated_prices_are_called_synthetic_wherever_they_are_shown(tmp_path: Path) -> None:
    said = portfolio(tmp_path, "demo", "--data", "synthetic", "--state", tmp_path / "state")
    assert said.status == 0, said.err
    assert "SYNTHETIC" in said.out
    run = json.loads(portfolio(tmp_path, "runs", "--json", "--state", tmp_path / "state").out)[0]
    shown = portfolio(tmp_path, "show", run["run_id"], "--state", tmp_path / "state")
    assert "SYNTHETIC" in shown.out


@pytest.mark.real_prices
def test_the_audit_trail_of_a_demo_is_intact(today: Demo, tmp_path: Path) -> None:
    said = portfolio(tmp_path, "audit", "verify", "--json", "--state", today.state)
    assert said.status == 0
    found = json.loads(said.out)
    assert found["ok"]
    assert found["problems"] == []
    assert found["events"] > 50


@pytest.mark.real_prices
@pytest.mark.parametrize(
    ("change", "which"),
    thin(
        product(
            ["payload = replace(payload, '{', '{ ')", "kind = kind || '_'", "hash = 'x' || substr(hash, 2)"],
            ["MIN(seq)", "MAX(seq) / 2", "MAX(seq)"],
        ),
        4,
    ),
)
def test_the_audit_fails_after_any_event_is_altered(today: Demo, tmp_path: Path, which: str, change: str) -> None:
    state = shutil.copytree(today.state, tmp_path / "state")
    with closing(sqlite3.connect(state / "portfolio.db")) as database, database:
        altered = database.execute(f"UPDATE events SET {change} WHERE seq = (SELECT {which} FROM events)")  # noqa: S608 - literals above
        assert altered.rowcount == 1
    said = portfolio(tmp_path, "audit", "verify", "--state", state)
    assert said.status == 1
    assert "ALTERED" in said.out
    assert "NOT intact" in said.out
