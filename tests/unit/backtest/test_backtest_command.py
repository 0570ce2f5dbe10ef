"""`portfolio backtest` as a person and a program meet it."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from app.commands.backtest_progress import course
from app.domain.errors import PortfolioError
from app.settings import shipped_policy

pytestmark = [pytest.mark.real_prices, pytest.mark.slow]
SPAN = ("--from", "2008-09-02", "--to", "2008-12-01")
MONTH = ("--from", "2008-11-03", "--to", "2008-11-28")


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A terminal of a hundred columns, in a directory of its own."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


def portfolio(*arguments: str) -> Result:
    """What came of it."""
    return CliRunner().invoke(cli, ["backtest", *arguments])


def told(*arguments: str) -> dict[str, Any]:
    """Its JSON."""
    result = portfolio(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def refused(*arguments: str) -> str:
    """The one line of a wrong request."""
    result = portfolio(*arguments)
    assert isinstance(result.exception, PortfolioError), result.output
    line = str(result.exception)
    assert "\n" not in line
    return line


def test_a_person_sees_what_is_left_after_costs_beside_what_else_could_have_been_done() -> None:
    result = portfolio(*SPAN)
    assert result.exit_code == 0, result.output
    first, *rest = result.stdout.splitlines()
    assert first.startswith("moderate, 2008-09-02 to 2008-12-01: 250,000 became ")
    assert first.endswith("USD after costs")
    whole = "\n".join(rest)
    for words in (
        "buy and hold",
        "equal weight",
        "price index",
        "no guard",
        "same share",
        "same targets",
        "64 sessions, one policy",
    ):
        assert words in whole
    assert "30% less drawdown than buy and hold: " in whole
    assert "twenty survivors" in whole


def test_few_days_are_told_as_they_are_and_make_no_year() -> None:
    result = portfolio("--from", "2008-09-02", "--to", "2008-09-02", "--book", "cash:1000")
    assert "1 session, one policy tried; too few days for intervals" in result.stdout
    assert "% in all" in result.stdout
    assert result.stdout.startswith("moderate, "), "one day has no volatility to be near cash by"


def test_a_program_reads_the_same_and_the_same_request_gives_the_same_bytes() -> None:
    first, again = told(*MONTH), told(*MONTH)
    assert first == again
    assert first["data"]["name"] == "sample"
    assert first["data"]["first"] == "2008-11-03"
    assert first["policies"][0]["nav"]["start"] == pytest.approx(250000, rel=1e-6)
    assert first["trials"] == 1


def test_options_reach_the_replay_and_are_said_in_words() -> None:
    found = told(
        *MONTH, "--fill", "same-bar", "--costs", "none", "--slippage", "0", "--cash-rate", "2", "--book", "cash:100000",
        "--in-sample-until", "2008-10-01", "--trials", "40", "--seed", "5", "--resume", "never",
    )  # fmt: skip
    assert found["policies"][0]["nav"]["start"] == 100000
    assert found["policies"][0]["statistics"]["costs"]["value"] == 0
    assert found["marks"][0].startswith("SAME BAR")
    assert found["marks"][1].startswith("in sample until 2008-10-01")
    assert (found["trials"], found["seed"]) == (40, 5)
    words = "\n".join(found["assumptions"])
    for sentence in ("there is no commission", "cash earns 2.0% a year", "nobody ever resumes"):
        assert sentence in words


def test_several_policies_stand_side_by_side_on_the_same_days() -> None:
    files = [str(shipped_policy().with_name(f"{name}_policy.yaml")) for name in ("default", "conservative")]
    found = told("--policy", files[0], "--policy", files[1], *MONTH)
    assert [one["name"] for one in found["policies"]] == ["moderate", "conservative"]
    assert found["trials"] == 2
    assert refused("--policy", files[0], "--policy", files[0]).startswith("two of the policies say the same")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--from", "2009-01-02", "--to", "2008-01-02"), "--from 2009-01-02 is after --to 2008-01-02. Exchange them"),
        (("--from", "tomorrow"), "--from tomorrow is not a date. Write it as YYYY-MM-DD"),
        (("--from", "2030-01-02"), "sample has no session to decide from 2030-01-02"),
        (("--from", "2008-11-01", "--to", "2008-11-02"), "sample has no session to decide"),
        (("--data", "samlpe"), "there is no history samlpe. Did you mean sample?"),
        (("--book", "gold:5"), "--book gold:5"),
        (("--book", "cash:-5"), "--book cash:-5"),
        (("--costs", "cheap"), "there are no costs cheap"),
        (("--slippage", "-1"), "--slippage -1 is not a number from 0 to 1000"),
        (("--cash-rate", "much"), "--cash-rate much is not a number from -20 to 50"),
        (("--report", "nowhere/report.html"), "--report nowhere/report.html is not a file that can be written"),
    ],
)
def test_a_wrong_request_is_one_line_that_says_what_to_do(arguments: tuple[str, ...], line: str) -> None:
    assert refused(*arguments).startswith(line)


def test_progress_is_told_to_people_and_not_into_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    with course() as progress:
        for done in range(1, 101):
            progress.count(done, 100)
    assert (progress.done, progress.total) == (100, 100)
    assert capsys.readouterr().out == ""


def test_the_whole_history_after_its_warm_up_is_the_default() -> None:
    from app.backtest.sample import sample
    from app.commands.backtest_options import span

    assert span(sample(), None, None) == (date(1990, 12, 31), date(2022, 12, 28))


@pytest.mark.long
def test_the_promises_are_tried_on_the_very_inputs_and_each_is_told_in_a_sentence() -> None:
    found = told(*MONTH, "--check")
    assert len(found["checks"]) == 17
    assert all(one["passed"] and one["said"] for one in found["checks"]), found["checks"]
