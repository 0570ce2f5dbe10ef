"""What makes things safer works under the worst settings that still name the ledger; what trades refuses them."""

from pathlib import Path

import pytest

from app.ledger.engine import open_ledger
from tests.e2e.command import Said, portfolio
from tests.support.thinning import thin

BAD_FILES: dict[str, bytes] = {
    "a byte that is not UTF-8": b"TRADING_MODE=paper\nOWNER=J\xfcrg\n",
    "a byte in the token": b"CALLER_TOKEN=\xff\xfe\nTRADING_MODE=paper\n",
    "a whole file of bytes": bytes(range(256)) * 40,
    "NUL": b"TRADING_MODE=pa\0per\n",
    "an escape": b"MODEL_NAME=\x1b[2Jrules\n",
    "UTF-16": "TRADING_MODE=paper\n".encode("utf-16"),
    "a quote that is not closed": b'MCP_TOKEN="abc\nTRADING_MODE=paper\n',
    "not NAME=value": b"TRADING_MODE paper\n",
    "a name alone": b"TRADING_MODE\n",
    "a mode that is none": b"TRADING_MODE=maybe\n",
    "a number that is none": b"MAX_ORDER_VALUE=NaN\nPORT=99999999999999999999\nRUN_LEASE_SECONDS=5\n",
    "open to all": b"HOST=0.0.0.0\n",
    "a misspelt limit": b"MAX_ODER_VALUE=5\n",
    "a misspelt mode": b"TRADNG_MODE=paper\n",
    "a misspelt account": b"IBKR_ACOUNT_ID=DU1234567\n",
    "a policy that is not there": b"POLICY_FILE=/nowhere.yaml\n",
    "a policy that is a directory": b"POLICY_FILE=/\n",
    "a policy that is nested": b"POLICY_FILE=nested.yaml\n",
    "a secret that is not there": b"CALLER_TOKEN_FILE=/nowhere\nMCP_TOKEN_FILE=/nowhere\n",
    "a gateway that is not there": b"IBKR_GATEWAY_URL=http://127.0.0.1:1\nMCP_URL=nonsense\n",
    "a megabyte": b"X=" + b"x" * 2_000_000,
    "ten thousand lines": b"A B C\n" * 10_000,
}
# Those with which a day would be decided by what the file says elsewhere, or whose value only a run needs.
TAKEN = frozenset({"a policy that is not there", "a policy that is a directory", "a policy that is nested",
                   "a secret that is not there", "a gateway that is not there"})  # fmt: skip
SAFETY = {
    "halt": ("--reason", "x", "--json"),
    "reduce": ("--reason", "x", "--all", "--json"),
    "level": ("--json",),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a person who has a ledger."""
    (tmp_path / ".portfolio").mkdir(mode=0o700)
    open_ledger(f"sqlite:///{tmp_path}/.portfolio/portfolio.db").dispose()
    (tmp_path / "nested.yaml").write_text("[" * 100_000, encoding="ascii")
    return tmp_path


def level_of(home: Path) -> str:
    (home / ".env").unlink(missing_ok=True)
    said = portfolio(home, "level")
    assert said.status == 0, said.err
    return said.out


def refused(said: Said, *patterns: str) -> None:
    assert said.status == 2, said.err
    assert said.out == ""
    assert said.err.startswith("portfolio: ")
    assert "Traceback" not in said.err
    for pattern in patterns:
        assert pattern in said.err


@pytest.mark.parametrize("case", thin(BAD_FILES, 11))
def test_trading_is_halted_whatever_is_wrong_with_the_file_of_settings(home: Path, case: str) -> None:
    for command, arguments in SAFETY.items():
        (home / ".env").write_bytes(BAD_FILES[case])
        said = portfolio(home, command, *arguments)
        assert (said.status, said.errors) == (0, []), said.err
    (home / ".env").write_bytes(BAD_FILES[case])
    assert portfolio(home, "halt", "--reason", "x").status == 0
    assert "halted" in level_of(home).lower()


@pytest.mark.parametrize("case", thin([case for case in BAD_FILES if case not in TAKEN], 9))
def test_what_trades_does_not_start_with_such_a_file_and_resume_does_not_either(home: Path, case: str) -> None:
    assert portfolio(home, "halt", "--reason", "x").status == 0
    before = (home / ".portfolio" / "portfolio.db").read_bytes()
    (home / ".env").write_bytes(BAD_FILES[case])
    refused(portfolio(home, "run"))
    refused(portfolio(home, "resume", "--reason", "x"))
    assert (home / ".portfolio" / "portfolio.db").read_bytes() == before


def test_a_file_that_cannot_be_read_leaves_the_ledger_of_the_directory(home: Path) -> None:
    (home / ".env").symlink_to("/proc/self/mem")
    said = portfolio(home, "halt", "--reason", "x")
    assert (said.status, said.errors) == (0, []), said.err
    (home / ".env").unlink()
    (home / ".env").mkdir()
    assert portfolio(home, "reduce", "--reason", "x", "--all").status == 0


@pytest.mark.parametrize(
    ("line", "variables", "status"),
    thin(
        [
            (b"DATABASE_URL=sqlite:///\xff.db\n", {}, 2),
            (b"\xffDATABASE_URL=sqlite:///x.db\n", {}, 2),
            (b"DATABSE_URL=sqlite:///elsewhere.db\n", {}, 2),
            (b'MCP_TOKEN="x\nSTATE_DIR=.portfolio\n', {}, 0),
            (b"STATE_DIR=.port\0folio\n", {}, 2),
            (b"STATE_DIR=.port\0folio\n", {"STATE_DIR": ".portfolio"}, 0),
            (b"STATE_DIR=.port\0folio\n", {"DATABASE_URL": "sqlite:///.portfolio/portfolio.db"}, 0),
            (b"DATABASE_URL=\xff\n", {"DATABASE_URL": "sqlite:///.portfolio/portfolio.db"}, 0),
        ],
        4,
    ),
)
def test_nothing_is_halted_in_a_ledger_that_may_be_the_wrong_one(
    home: Path, line: bytes, variables: dict[str, str], status: int
) -> None:
    (home / ".env").write_bytes(line)
    said = portfolio(home, "halt", "--reason", "x", **variables)
    assert said.status == status, said.err
    if status:
        refused(said, "which ledger")
        assert "halted" not in level_of(home).lower()


@pytest.mark.parametrize(
    ("variables", "meant"),
    [
        ({"MAX_ODER_VALUE": "5"}, "MAX_ORDER_VALUE"),
        ({"TRADNG_MODE": "paper"}, "TRADING_MODE"),
        ({"IBKR_ACOUNT_ID": "DU1"}, "IBKR_ACCOUNT_ID"),
        ({"MAX_MESSAGE_PER_DAY": "5"}, "MAX_MESSAGES_PER_DAY"),
    ],
)
def test_a_misspelt_name_is_refused_by_the_name_that_was_meant(
    home: Path, variables: dict[str, str], meant: str
) -> None:
    ((name, value),) = variables.items()
    refused(portfolio(home, "run", **variables), name, f"did you mean {meant}")
    assert portfolio(home, "halt", "--reason", "x", **variables).status == 0
    (home / ".env").write_text(f"\n# mine\n{name}={value}\n", encoding="utf-8")
    refused(portfolio(home, "run"), f".env line 3: {name}", f"did you mean {meant}")


def test_a_user_without_a_name_can_halt(home: Path) -> None:
    said = portfolio(home, "halt", "--reason", "x", LOGNAME="\x1b[2J" + "x" * 3000)
    assert said.status == 0, said.err
