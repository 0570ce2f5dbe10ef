"""`uvicorn app.main:app` with settings that cannot be used: it ends, in words, with a status that says whose fault."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.command import PATIENCE_SECONDS, environment


def uvicorn(home: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """To its end, on a port that nobody else has."""
    return subprocess.run(
        [sys.executable, "-m", "uvicorn", "app.main:app", "--port", "0", "--log-level", "warning"],
        cwd=home,
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.long
def test_bound_to_the_outside_without_a_callers_identity_it_refuses_in_one_line(tmp_path: Path) -> None:
    done = uvicorn(tmp_path, HOST="0.0.0.0")  # noqa: S104 - the refused one
    assert done.returncode == 2
    assert done.stderr == (
        "portfolio: HOST 0.0.0.0 can be reached from outside; "
        "set CALLER_TOKEN or CALLER_TOKEN_FILE, or bind to 127.0.0.1\n"
    )


@pytest.mark.long
def test_without_a_token_for_the_broker_it_says_which_setting_is_missing(tmp_path: Path) -> None:
    done = uvicorn(tmp_path)
    assert done.returncode != 0
    assert "no token for the IBKR MCP server. Set MCP_TOKEN or MCP_TOKEN_FILE" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_with_a_blank_token_for_callers_it_refuses_in_one_line(tmp_path: Path) -> None:
    done = uvicorn(tmp_path, CALLER_TOKEN="   ")
    assert (done.returncode, done.stderr) == (
        2,
        "portfolio: CALLER_TOKEN: it is blank; leave it out, or give it a value\n",
    )
    file = tmp_path / "token"
    file.write_text(" \n", encoding="utf-8")
    done = uvicorn(tmp_path, CALLER_TOKEN_FILE=str(file))
    assert (done.returncode, done.stderr) == (
        2,
        f"portfolio: CALLER_TOKEN_FILE: {file} is empty. Write the secret into it.\n",
    )
