"""`portfolio sweep` as a person and a program meet it."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from app.domain.errors import PortfolioError
from app.settings import load_policy, shipped_policy
from tests.support.eventually import eventually

pytestmark = [pytest.mark.real_prices, pytest.mark.slow]
GRID = ("--vary", "exits.stop_loss_pct=0,19,20", "--vary", "risk_limits.max_position_pct=14,15")
MAIN = "from app.program import main; main()"
MONTH = ("--from", "2008-11-03", "--to", "2008-11-14", "--workers", "1")


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A terminal of a hundred columns, in a directory of its own."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


def portfolio(*arguments: str, policy: Path | None = None) -> Result:
    """What came of it."""
    return CliRunner().invoke(cli, ["sweep", "--policy", str(policy or shipped_policy()), *arguments])


def refused(*arguments: str) -> str:
    """The one line of a wrong request."""
    result = portfolio(*arguments)
    assert isinstance(result.exception, PortfolioError), result.output
    line = str(result.exception)
    assert "\n" not in line
    return line


def test_policies_are_told_best_first_with_what_makes_none_and_with_how_much_is_hindsight(tmp_path: Path) -> None:
    policy = tmp_path / "<b>.yaml"
    policy.write_text(shipped_policy().read_text().replace("name: moderate", 'name: "<script>alert(1)</script>"'))
    arguments = (*GRID, *MONTH, "--report", "page.html")

    told = portfolio(*arguments, "--json", policy=policy)
    seen = portfolio(*arguments, policy=policy)

    assert told.exit_code == seen.exit_code == 0, told.output + seen.output
    found: dict[str, Any] = json.loads(told.stdout)
    ratios = [one["statistics"]["sharpe"] for one in found["policies"]]
    assert len(ratios) == found["trials"] == 4
    assert ratios == sorted(ratios, reverse=True)
    assert [one["point"]["exits.stop_loss_pct"] for one in found["invalid"]] == [0, 0]
    assert found["best"]["in_sample_until"] == found["last"] == "2008-11-14"
    assert found["base"]["hash"] in {one["hash"] for one in found["policies"]}
    for words in ("as it is", "in sample until 2008-11-14", "twenty survivors"):
        assert words in seen.stdout
    for words in ("combinations that make no policy: 2", "0 sells every position", "used again: 2"):
        assert words in seen.stderr
    page = (tmp_path / "page.html").read_text()
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "http" not in page
    heat = page[page.index('<table class="heat">') : page.index("</table>") + 8]
    assert heat.count("<td>–</td>") == 2, "those that make no policy"


def test_the_best_is_kept_as_a_policy_that_a_backtest_takes(tmp_path: Path) -> None:
    told = portfolio(*GRID, *MONTH, "--json")

    found = json.loads(told.stdout)
    assert load_policy(Path(found["best"]["file"])).hash == found["best"]["hash"]
    assert f"--policy {found['best']['file']} --trials 4 --in-sample-until 2008-11-14" in found["best"]["shown_by"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--vary", "exits.stop_los_pct=1,2", *MONTH), "Did you mean exits.stop_loss_pct"),
        ((*GRID, *MONTH, "--walk-forward", "5"), "as in 5,12"),
        ((*GRID, *MONTH, "--walk-forward", "5,12"), "no month after 5 years"),
        ((*GRID, *MONTH, "--resume"), "nothing to resume"),
        ((*GRID, *MONTH, "--cluster", "tcp://127.0.0.1:1"), "exclude each other"),
        ((*GRID, *MONTH[:4], "--cluster", "tcp://192.0.2.1:1"), "--insecure"),
        ((*GRID, "--from", "2009-01-01", "--to", "2008-01-01"), "is after --to"),
        ((*GRID, *MONTH, "--report", "nowhere/page.html"), "can be written"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line_before_anything_is_replayed(
    arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    assert re.search(says, refused(*arguments))
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.long
def test_a_sweep_that_was_killed_goes_on_where_it_was_and_ends_with_the_same_table(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAIN, "sweep", "--policy", str(shipped_policy()), *GRID, *MONTH, "--json"]
    environment = {**os.environ, "STATE_DIR": str(tmp_path / "killed")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        asyncio.run(eventually(lambda: begun(tmp_path), True))
        killed.kill()
    kept = finished(tmp_path)

    resumed = portfolio(*GRID, *MONTH, "--json", "--resume", "--state", str(tmp_path / "killed"))
    whole = portfolio(*GRID, *MONTH, "--json", "--state", str(tmp_path / "whole"))

    assert kept
    assert json.loads(resumed.stdout)["policies"] == json.loads(whole.stdout)["policies"]


def finished(directory: Path) -> list[Path]:
    return list(directory.glob("killed/sweeps/*/shards/*.json"))


async def begun(directory: Path) -> bool:
    return bool(finished(directory))
