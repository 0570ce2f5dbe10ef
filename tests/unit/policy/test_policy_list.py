"""The shipped policies are listed, and go by name wherever a policy file does."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from app.cli import cli
from app.settings import shipped_policies


def said(*arguments: str, configured: str = "moderate") -> str:
    """What the command prints, with that policy in the environment."""
    result = CliRunner().invoke(cli, ["policy", *arguments], env={"POLICY_FILE": configured})
    assert result.exit_code == 0, result.output
    return result.stdout


def listed(configured: str) -> list[dict[str, Any]]:
    """The rows of the list."""
    rows: list[dict[str, Any]] = json.loads(said("list", "--json", configured=configured))["policies"]
    return rows


def test_every_shipped_policy_is_listed_with_what_it_is_for_and_which_one_is_configured() -> None:
    rows = listed("all_weather")
    assert [row["name"] for row in rows] == list(shipped_policies())
    assert [row["name"] for row in rows if row["configured"]] == ["all_weather"]
    told = said("list", configured="all_weather")
    assert all(row["for"] in told and row["file"] in told for row in rows)
    assert "all_weather (configured)" in told


def test_a_listed_name_stands_for_its_file() -> None:
    for row in listed("moderate"):
        found = json.loads(said("check", row["name"], "--json"))
        assert (found["name"], found["hash"], found["warnings"]) == (row["name"], row["hash"], [])


def test_a_configured_file_that_is_not_shipped_is_told_beneath(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(shipped_policies()["moderate"].read_text(encoding="utf-8"), encoding="utf-8")
    assert said("list", configured=str(mine)).splitlines()[-1] == f"configured: {mine}"
