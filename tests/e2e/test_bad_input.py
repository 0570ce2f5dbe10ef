"""Every mistake is one line on stderr that says what to do: status 2 for wrong usage, 1 for what failed."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.commands.processes import free_ports
from app.settings import shipped_policy
from tests.e2e.command import Said, portfolio, started
from tests.support.thinning import thin

POLICIES = {
    "typo": ("max_drawdown_pct: 20", "max_drawdwn_pct: 15", r"max_drawdwn_pct.*max_drawdown_pct"),
    "range": ("max_position_pct: 15", "max_position_pct: 150", r"max_position_pct.*100"),
    "contradiction": ("min_cash_reserve_pct: 10", "min_cash_reserve_pct: 60", r"cash target.*min_cash_reserve_pct"),
    "syntax": ("risk_limits:", "risk_limits: [", r"line \d+"),
    "twice": ("version: 2 ", "version: 1\nversion: 2 ", r"version is there twice"),
}  # fmt: skip


def one_line(said: Said, status: int, pattern: str) -> None:
    """Exactly one line, that one, with that status."""
    assert said.status == status, said.err
    (line,) = said.errors
    assert line.startswith("portfolio: ")
    assert re.search(pattern, line), line
    assert "Traceback" not in said.err


def spoiled(home: Path, name: str) -> Path:
    """The shipped policy with that mistake in it."""
    before, after, _ = POLICIES[name]
    text = shipped_policy().read_text(encoding="utf-8")
    assert before in text
    path = home / f"{name}.yaml"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", thin(["typo", "range", "syntax", "twice"], 4))
def test_a_mistake_in_the_policy_is_named_in_one_line(tmp_path: Path, name: str) -> None:
    path = spoiled(tmp_path, name)
    one_line(portfolio(tmp_path, "policy", "check", path), 2, POLICIES[name][2])


def test_limits_that_contradict_each_other_are_named_one_a_line(tmp_path: Path) -> None:
    said = portfolio(tmp_path, "policy", "check", spoiled(tmp_path, "contradiction"))
    assert said.status == 2
    first, *others = said.errors
    assert re.search(POLICIES["contradiction"][2], first), first
    assert all("contradiction.yaml: " in line for line in others)
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "arguments", [("demo", "--policy"), ("policy", "check")], ids=lambda arguments: " ".join(arguments)
)
def test_a_policy_file_that_is_not_there(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    one_line(
        portfolio(tmp_path, *arguments, "nowhere.yaml"), 2, r"nowhere\.yaml: no such policy file\. Set POLICY_FILE"
    )


def test_a_wrong_policy_starts_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    path = spoiled(tmp_path, "typo")
    one_line(started(tmp_path, "demo", "--policy", path), 2, "max_drawdown_pct")
    one_line(portfolio(tmp_path, "up", POLICY_FILE=str(path)), 2, "max_drawdown_pct")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["typo.yaml"]


CASES: Mapping[str, tuple[tuple[str, ...], dict[str, str], int, str]] = {
    "closed on that date": (
        ("demo", "--as-of", "2020-03-15"), {}, 2, r"2020-03-15: the exchange was closed.*2020-03-16"),
    "beyond the prices": (("demo", "--as-of", "2030-03-15"), {}, 2, r"the prices run from .* to "),
    "not a date": (("demo", "--as-of", "yesterday"), {}, 2, r"--as-of yesterday is not a date.*YYYY-MM-DD"),
    "not prices": (("demo", "--data", "invented"), {}, 2, r"invalid choice: 'invented'"),
    "not a port": (("up", "--port", "99999"), {}, 2, r"99999 for the service is not a port"),
    "live with a simulator": (("demo",), {"TRADING_MODE": "live"}, 2, r"TRADING_MODE is live.*simulator"),
    "not a mode": (("up",), {"TRADING_MODE": "maybe"}, 2, r"TRADING_MODE: input should be 'off', 'paper' or 'live'"),
    "open to all": (("up",), {"HOST": "0.0.0.0"}, 2, r"HOST 0\.0\.0\.0 .*set CALLER_TOKEN"),  # noqa: S104 - the refused one
    "a gateway that is down": (
        ("run",), {"IBKR_GATEWAY_URL": "http://127.0.0.1:1"}, 1, r"DOWN: no connection.*Start the gateway"),
    "a service that is down": (
        ("run", "--url", "http://127.0.0.1:1"), {}, 1, r"no answer from the service at http://127\.0\.0\.1:1"),
    "no such run": (("show", "run_0"), {}, 2, r"there is no ledger in \.portfolio.*--state"),
    "no ledger": (("audit", "verify"), {}, 2, r"there is no ledger in \.portfolio"),
    "no such directory": (("demo", "--state", "/dev/null/x"), {}, 2, r"state directory /dev/null/x cannot be used"),
    "another database": (
        ("audit", "verify"), {"DATABASE_URL": "mysql://somebody:secret@host/x"}, 1, r"cannot be kept in mysql"),
    "not a database": (("runs",), {"DATABASE_URL": "portfolio.db"}, 1, r"DATABASE_URL is not a database URL"),
}  # fmt: skip


@pytest.mark.parametrize("case", thin(CASES, 3))
def test_a_mistake_is_one_line_with_a_remedy(tmp_path: Path, case: str) -> None:
    arguments, variables, status, pattern = CASES[case]
    said = portfolio(tmp_path, *arguments, **variables)
    one_line(said, status, pattern)
    assert "secret" not in said.err


def test_an_unknown_option_is_wrong_usage(tmp_path: Path) -> None:
    said = started(tmp_path, "demo", "--nonsense")
    assert said.status == 2
    assert "--nonsense" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    thin(
        [
            (("run", "--dryrun"), "--dry-run"),
            (("run", "--dry_run"), "--dry-run"),
            (("run", "--slott", "close"), "--slot"),
            (("exit", "PFE", "--confrim"), "--confirm"),
            (("hallt", "--reason", "x"), "halt"),
            (("flow", "ad", "5", "--note", "x"), "add"),
            (("policy", "chek"), "check"),
        ],
        4,
    ),
)
def test_a_misspelt_option_or_command_is_refused_by_the_name_that_was_meant(
    tmp_path: Path, arguments: tuple[str, ...], meant: str
) -> None:
    said = portfolio(tmp_path, *arguments)
    assert said.status == 2
    assert meant in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    thin(
        [
            ["halt", "--reason", "\udcff"],
            ["exit", "K\udce4", "--confirm"],
            ["show", "\udced"],
            ["halt", "--reason", "\x1b[2J"],
        ],
        3,
    ),
)
def test_an_argument_that_is_no_text_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    one_line(
        portfolio(tmp_path, *arguments),
        2,
        r"argument \d: U\+[0-9A-F]{4} is not a character of a text\. Write it as text",
    )


def test_a_closed_day_leaves_no_run_behind(tmp_path: Path) -> None:
    assert portfolio(tmp_path, "demo", "--as-of", "2020-03-15").status == 2
    assert not (tmp_path / ".portfolio" / "portfolio.db").exists()


@pytest.mark.parametrize("command", thin(["runs", "halt", "up"], 3))
def test_a_damaged_ledger_is_one_line_with_what_to_do(tmp_path: Path, command: str) -> None:
    (tmp_path / ".portfolio").mkdir(mode=0o700)
    (tmp_path / ".portfolio" / "portfolio.db").write_text("no database " * 999, encoding="ascii")
    ports = free_ports()
    more = {
        "runs": (),
        "halt": ("--reason", "x"),
        "up": ("--port", f"{ports.service}", "--mcp-port", f"{ports.mcp}", "--gateway-port", f"{ports.gateway}"),
    }
    one_line(
        portfolio(tmp_path, command, *more[command]), 1, r"its pages are damaged \(.*portfolio\.db.*Copy all files"
    )
