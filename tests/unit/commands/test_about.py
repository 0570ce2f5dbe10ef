"""`portfolio --version`, and what shells need to complete its commands."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from tests.support.forked import ROOT

PROGRAM = Path(sys.executable).parent / "portfolio"


def test_the_version_is_the_projects() -> None:
    said = CliRunner().invoke(cli, ["--version"])
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert (said.exit_code, said.output) == (0, f"portfolio {declared}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_given_a_script_that_asks_the_program(shell: str) -> None:
    said = CliRunner().invoke(cli, ["completion", shell])
    assert said.exit_code == 0
    assert f"_PORTFOLIO_COMPLETE=complete_{shell}" in said.output


def test_a_shell_without_a_script_is_told_which_have_one() -> None:
    said = CliRunner().invoke(cli, ["completion", "tcsh"])
    assert said.exit_code == 2
    assert all(shell in said.output for shell in ("bash", "zsh", "fish"))


@pytest.mark.parametrize(
    ("words", "said"),
    [("portfolio flow pl", "plan"), ("portfolio halt --rea", "--reason"), ("portfolio rep", "replay")],
)
def test_a_shell_that_asks_is_told_what_could_follow(words: str, said: str) -> None:
    asked = {"_PORTFOLIO_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert CliRunner().invoke(cli, [], env=asked, prog_name="portfolio").output == f"{said}\n"


@pytest.mark.long
def test_bash_that_has_read_the_script_completes_a_command() -> None:
    """As a person presses the key: the words so far in the shell's own variables, its answer in `COMPREPLY`."""
    script = """
        eval "$(portfolio completion bash)"
        COMP_WORDS=(portfolio flow pl); COMP_CWORD=2; _portfolio_completion portfolio; echo "${COMPREPLY[@]}"
    """
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={"PATH": path, "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "plan\n"
