"""A question of the broker that nobody may answer, as a person meets it: run, second run, `portfolio questions`."""

import json
from pathlib import Path

import httpx2
import pytest

from app.commands.processes import free_ports
from tests.e2e.command import foreground, portfolio
from tests.e2e.test_up import up_arguments

CAP = "<h4>Confirm Mandatory Cap Price</h4>To avoid trading at a price that is not consistent with a fair market"


@pytest.mark.long
def test_the_day_goes_on_and_everything_about_the_question_is_told(tmp_path: Path) -> None:
    ports = free_ports()
    url, gateway = (f"http://127.0.0.1:{port}" for port in (ports.service, ports.gateway))
    with foreground(tmp_path, *up_arguments(tmp_path, ports)):
        ask = {"kind": "question", "questions": [{"id": "o10331", "text": CAP}]}
        httpx2.post(f"{gateway}/simulator/faults", json=ask, timeout=60, trust_env=False).raise_for_status()
        first = portfolio(tmp_path, "run", "--url", url, "--state", tmp_path / "state", "--json")
        again = portfolio(tmp_path, "run", "--url", url, "--state", tmp_path / "state")
        sent = httpx2.get(f"{gateway}/simulator/orders", timeout=60, trust_env=False).json()["orders"]
    assert (first.status, first.errors, again.status) == (0, [], 0)
    asked, *others = json.loads(first.out)["orders"]
    assert (asked["state"], {order["state"] for order in others}) == ("UNKNOWN", {"FILLED"})
    assert [order["arrivals"] for order in sent] == [1] * (1 + len(others))
    assert "Confirm Mandatory Cap Price" in again.out

    told = portfolio(tmp_path, "questions", "--state", tmp_path / "state")
    for words in ("o10331", "left unanswered", "Confirm Mandatory Cap Price", "broker's own program", "o10153", "p12"):
        assert words in told.out
    assert "<h4>" not in told.out
    record = json.loads(portfolio(tmp_path, "questions", "--state", tmp_path / "state", "--json").out)
    (row,) = record["asked"]
    assert (row["ids"], row["answered"], row["coid"]) == (["o10331"], False, asked["coid"])
    assert len(record["documented"]) >= 25
    assert portfolio(tmp_path, "audit", "verify", "--state", tmp_path / "state").status == 0


def test_questions_are_explained_without_a_ledger_and_a_misspelt_one_names_the_nearest(tmp_path: Path) -> None:
    assert json.loads(portfolio(tmp_path, "questions", "--json").out)["asked"] == []
    assert not (tmp_path / ".portfolio").exists()
    policy = tmp_path / "mine.yaml"
    shipped = Path(__file__).resolve().parents[2] / "investment_policy" / "default_policy.yaml"
    text = shipped.read_text(encoding="utf-8")
    policy.write_text(text.replace("answer_questions: {}", "answer_questions: [o10332z]"), encoding="utf-8")
    said = portfolio(tmp_path, "policy", "check", policy)
    assert said.status == 2
    assert "execution.answer_questions: o10332z is not a question that the broker documents; did you mean o10332?" in (
        said.err
    )
