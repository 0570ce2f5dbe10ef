"""Every command with every wrong input: one line, the right exit status, JSON where asked, and nothing half done."""

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from app.ledger.engine import open_ledger
from tests.e2e.command import Said, portfolio, started
from tests.e2e.wrong_inputs import NO_TEXT, NOBODY, SLOW, Wrong, commands, furnish, wrong_calls
from tests.support.thinning import thin
from tests.unit.ledger.builders import ManualTime
from tests.unit.ledger.everything import play

CALLS = wrong_calls()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a person whose ledger has everything in it."""
    found = tmp_path_factory.mktemp("home")
    (found / ".portfolio").mkdir(mode=0o700)
    time = ManualTime()
    ledger = open_ledger(f"sqlite:///{found}/.portfolio/portfolio.db", lease_seconds=120, now=time)
    play(ledger, time)
    ledger.dispose()
    furnish(found)
    return found


def rows(home: Path) -> list[str]:
    """All that the ledger has."""
    with sqlite3.connect(home / ".portfolio" / "portfolio.db") as connection:
        return list(connection.iterdump())


def told(said: Said, as_json: bool) -> str:
    """The one line, of which standard output has nothing."""
    assert said.status in (1, 2, 6), said
    assert said.out == ""
    assert "Traceback" not in said.err
    assert "fault of the program" not in said.err
    (line,) = said.errors
    if not as_json:
        assert line.startswith("portfolio: ")
        return line
    problem = json.loads(line)
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "remedy"}
    assert problem["status"] == said.status
    return str(problem["detail"])


@pytest.mark.parametrize("call", thin(CALLS, 110), ids=str)
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_a_wrong_input_is_one_line_with_the_right_status_and_changes_nothing(
    home: Path, call: Wrong, as_json: bool
) -> None:
    if as_json and not call.takes_json:
        pytest.skip("it has no --json")
    before = rows(home), sorted(os.listdir(home))
    said = portfolio(home, *_with_json(call, as_json))
    assert (rows(home), sorted(os.listdir(home))) == before
    if call.parameter == "state" and said.status == 0:
        # What needs no state looks into none.
        return
    told(said, as_json)
    assert said.status == 2 or (NOBODY in call.arguments and call.value not in NO_TEXT), said.err


def _with_json(call: Wrong, as_json: bool) -> tuple[str, ...]:
    """Before what follows two hyphens."""
    words = len(call.command.split())
    return (*call.arguments[:words], *(("--json",) if as_json else ()), *call.arguments[words:])


def test_no_command_is_without_wrong_inputs() -> None:
    tried = {call.command for call in CALLS}
    assert tried == {name for name, command in commands() if any(not _is_switch(each) for each in command.params)}
    assert len(CALLS) > 700


def _is_switch(parameter: object) -> bool:
    return bool(getattr(parameter, "is_flag", False)) or getattr(parameter, "name", "") == "help"


LEDGERS: dict[str, Callable[[bytes], bytes]] = {
    "no database": lambda _: b"no database " * 999,
    "half of it": lambda whole: whole[: len(whole) // 2],
    "empty": lambda _: b"",
    "a byte": lambda whole: whole[:5000] + bytes([whole[5000] ^ 255]) + whole[5001:],
    "zeros": lambda whole: bytes(len(whole)),
}
READERS = ("runs", "show run_1", "level", "halt --reason x", "flow list", "audit verify", "events", "tax", "questions")


@pytest.mark.parametrize("damage", thin(LEDGERS, 5))
@pytest.mark.parametrize("command", thin(READERS, 5))
def test_a_damaged_ledger_is_one_line_and_left_as_it_is(home: Path, tmp_path: Path, command: str, damage: str) -> None:
    (tmp_path / ".portfolio").mkdir(mode=0o700)
    file = tmp_path / ".portfolio" / "portfolio.db"
    with sqlite3.connect(home / ".portfolio" / "portfolio.db") as connection:
        connection.execute("VACUUM INTO ?", (str(file),))
    with sqlite3.connect(file) as connection:
        # As the program leaves it.
        connection.execute("PRAGMA journal_mode = WAL")
    file.write_bytes(LEDGERS[damage](file.read_bytes()))
    before = file.read_bytes()
    said = portfolio(tmp_path, *command.split(), "--json")
    if damage == "a byte" and said.status in (0, 1) and said.out:
        # Where nothing reads it, nothing is wrong; and what audits prints what it found.
        return
    told(said, as_json=True)
    assert file.read_bytes() == before


STARTING = (
    ("up", "--as-of", "yesterday"),
    ("up", "--port", "0x1"),
    ("up", "--port", "99999"),
    ("up", "--state", "binary/below"),
    ("demo", "--policy", "nested"),
    ("demo", "--policy", "folder"),
    ("demo", "--as-of", "0000-01-01"),
    ("demo", "--seed", "x"),
    ("demo", "--state", "good.yaml"),
    ("simulate", "--as-of", "9999-99-99"),
    ("simulate", "--instruments", "x"),
    ("playground", "--as-of", "2022-02-30"),
    ("backtest", "--from", "0000-01-01"),
    ("backtest", "--policy", "nested"),
    ("backtest", "--data", "nowhere"),
    ("backtest", "--book", "binary"),
    ("backtest", "--slippage", "nan"),
    ("backtest", "--costs", "nonsense"),
    ("backtest", "--report", "folder"),
    ("sweep", "--policy", "nested", "--vary", "exits.stop_loss_pct=10"),
    ("sweep", "--policy", "good.yaml", "--vary", "exits.stop_loss_pct=" + "[" * 5000),
    ("sweep", "--policy", "good.yaml", "--vary", "exits.stop_loss_pct=1..2/0"),
    ("sweep", "--policy", "good.yaml", "--vary", "nothing"),
    ("policy", "diff", "moderate", "nested"),
    ("drift", "--days", "nan"),
    ("flow", "what-if", "nan"),
)


@pytest.mark.parametrize("arguments", thin([(one,) for one in STARTING], 12))
def test_what_starts_others_starts_nothing_for_a_wrong_input(home: Path, arguments: tuple[str, ...]) -> None:
    before = rows(home), sorted(os.listdir(home))
    said = portfolio(home, *arguments)
    told(said, as_json=False)
    assert said.status == 2
    assert (rows(home), sorted(os.listdir(home))) == before


@pytest.mark.parametrize("as_json", [True, False])
def test_the_program_itself_says_it_no_other_way(home: Path, as_json: bool) -> None:
    json_option = ("--json",) if as_json else ()
    assert "nowhere" in told(started(home, "policy", "check", "nowhere", *json_option), as_json)
    assert "--reason" in told(started(home, "reject", "RUN", *json_option), as_json)


def test_commands_that_walk_or_start_are_named_once() -> None:
    assert {name for name, _ in commands()} >= SLOW
