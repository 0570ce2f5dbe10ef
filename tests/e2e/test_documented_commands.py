"""Every command that a page shows is run here or, where that cannot be, held against what there is, with the reason."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest

from api_gateway.simulator import create_app as create_gateway
from app.commands.processes import free_ports
from tests.e2e.command import foreground, portfolio
from tests.support.forked import ROOT
from tests.support.serving import served_beside
from tests.support.shell_blocks import Block, blocks, pages
from tests.support.stack import SIMULATED, _world
from tests.support.synopsis import Call, calls, found, tree

PAPER_PATH = ROOT / "docs" / "paper-account.md"
SHELL = frozenset({"", "sh", "sh by hand", "cron"})
OTHERS = frozenset({"json", "yaml", "python"})
# What begins a line that is typed; a block of none of them is a drawing, a report or a file.
PROGRAMS = (
    "portfolio", "make", "python", "pytest", "curl", "docker", "openssl", "npx", "claude", "sha256sum", "mkdir",
    "umask", "export", "echo", "sed", "unzip", "cd", "systemctl", "journalctl", "loginctl", "@reboot", "30", "GET",
    "uvx", "pipx", "uv", "pip",
)  # fmt: skip
DRAWINGS = ("Cloud Scheduler", "daily run of ")
# Why such a line is not run here, by what it begins with.
NOT_RUN = {
    "docker": "no container engine here; tests/integration/gateway reads the files",
    "sha256sum": "needs the broker's download",
    "openssl": "needs a gateway on port 5000",
    "curl": "needs the service on its own port; the routes are held against the service below",
    "npx": "needs the network; `make inspect` does it",
    "claude": "another maker's program",
    "GET": "no command but a route",
    "pytest": "the suite itself",
    **dict.fromkeys(("uvx", "pipx", "uv", "pip"), "installs from the network"),
    "mkdir": "the shell's own", "umask": "the shell's own", "export": "the shell's own",
}  # fmt: skip
# Of `portfolio`, by its path: run elsewhere, for it stays or takes minutes.
RUN_ELSEWHERE = {
    ("up",): "tests/e2e/test_up.py",
    ("demo",): "tests/e2e/test_demo.py",
    ("simulate",): "tests/e2e/test_up.py",
    ("playground",): "tests/integration/test_playground.py",
    ("serve",): "tests/e2e/test_paper_path.py",
    ("init",): "tests/e2e/test_paper_path.py",
    ("policy", "diff"): "tests/e2e/test_policy.py",
    ("backtest",): "tests/unit/backtest",
    ("sweep",): "tests/unit/backtest",
    ("history", "import"): "tests/unit/backtest",
    ("history", "show"): "tests/unit/backtest",
    ("history", "remove"): "tests/unit/backtest",
}
FOLLOWS = "--follow"
# What may be refused here, because nothing of the kind waits: understood all the same.
REFUSED = {
    ("approve",), ("reject",), ("release",), ("flow", "add"), ("flow", "import"), ("flow", "cancel"), ("flow", "undo"),
    ("recover",), ("replay",), ("exit",), ("flow", "plan"), ("adopt",), ("tax",), ("drift",), ("reconcile",),
}  # fmt: skip
# Of the framework and ours: the line itself was not understood.
NOT_UNDERSTOOD = (
    "no such option",
    "no such command",
    "missing argument",
    "missing option",
    "unexpected extra",
    "requires",
)


def documented() -> Iterator[tuple[Block, str]]:
    """Every line that is typed."""
    for page in pages():
        if page != PAPER_PATH:
            for block in blocks(page):
                if block.info in SHELL and not block.text.startswith(DRAWINGS):
                    yield from ((block, line) for line in _joined(block))


def _joined(block: Block) -> Iterator[str]:
    """Lines that are continued, by a backslash or by brackets further in, are one."""
    text = re.sub(r"\\?\n\s+(?=[\[-])", " ", block.text)
    return (line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))


def program(line: str) -> str:
    """What it starts; settings before it are none."""
    words = [word for word in line.split() if not re.match(r"[A-Z_]+=", word)]
    return words[0] if words else ""


def of_portfolio() -> list[Call]:
    """Each alternative of each line, once."""
    lines = [line[line.index("portfolio ") :] for _, line in documented() if program(line) == "portfolio"]
    return list({call.typed: call for line in lines for call in calls(line)}.values())


def test_every_block_is_of_a_kind_that_is_known_and_every_line_begins_with_a_known_program() -> None:
    strange = [str(block) for page in pages() for block in blocks(page) if block.info not in SHELL | OTHERS]
    assert strange == []
    assert [(str(block), line) for block, line in documented() if program(line) not in PROGRAMS] == []
    assert len(list(documented())) > 60


def test_every_option_that_is_shown_is_one_of_its_command() -> None:
    root = tree()
    for call in of_portfolio():
        known = {name for each in found(root, call.path).params for name in (*each.opts, *each.secondary_opts)}
        wrong = [option for option in call.options if option not in known | {"--help", "--no-dividends"}]
        assert wrong == [], call.line


def test_every_target_module_and_file_that_is_shown_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for block, line in documented():
        words = line.partition(" #")[0].split()
        if program(line) == "make":
            assert words[1] in targets, f"{block}: {line}"
        if "-m" in words and program(line) == "python":
            assert find_spec(words[words.index("-m") + 1]) is not None, f"{block}: {line}"
        if program(line) == "pytest":
            assert (ROOT / words[1]).exists(), f"{block}: {line}"


def test_what_is_not_run_has_a_reason_and_what_is_run_elsewhere_is_there() -> None:
    shown = {program(line) for _, line in documented()} - {"portfolio", "make", "python"}
    assert shown <= set(NOT_RUN)
    assert all(NOT_RUN.values())
    for place in RUN_ELSEWHERE.values():
        assert (ROOT / place).exists(), place
    paths = {call.path for call in of_portfolio()}
    assert paths >= set(RUN_ELSEWHERE)


@dataclass(frozen=True)
class Desk:
    """A home in which one day was traded, and the service that did it."""

    home: Path
    url: str
    variables: dict[str, str]
    run: str


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home, ports = tmp_path_factory.mktemp("desk"), free_ports()
    (home / "rows.csv").write_text("Date,Type,Amount,Currency,Description\n", encoding="utf-8")
    url = f"http://127.0.0.1:{ports.service}"
    with served_beside(create_gateway(_world(SIMULATED))) as gateway:
        variables = {"IBKR_GATEWAY_URL": gateway, "TRADING_MODE": "paper", "ANCHOR_TO": str(home / "anchor.txt")}
        serve = ("serve", "--port", str(ports.service), "--mcp-port", str(ports.mcp))
        with foreground(home, *serve, errors=None, **variables):
            done = portfolio(home, "run", "--url", url, "--json", **variables)
            assert done.status == 0, done.err
            (run,) = re.findall(r'"run_id": "(run_\w+)"', done.out)[:1]
            yield Desk(home, url, variables, run)


def words_of(call: Call, desk: Desk) -> list[str]:
    """With things of this desk for the words in capitals."""
    given = {
        "RUN": desk.run, "SYMBOL": "KO", "AMOUNT": "500", "DATE": "2022-03-21", "NUMBER": "1", "MODE": "now",
        "FILE": str(desk.home / ("rows.csv" if call.path == ("flow", "import") else "day.json")), "URL": desk.url,
        "DU1234567": "DU7654321",
    }  # fmt: skip
    words = [given.get(word, word) for word in (*call.path, *call.words)]
    if call.path == ("audit", "verify") and "--anchor" in words:
        words[-1] = desk.variables["ANCHOR_TO"]
    takes_url = "--url" in {name for each in found(tree(), call.path).params for name in each.opts}
    return [*words, "--url", desk.url] if takes_url and "--url" not in words else words


def test_every_line_of_portfolio_is_taken_as_it_is_written(desk: Desk) -> None:
    ran = 0
    for call in sorted(of_portfolio(), key=lambda call: call.path == ("verify",)):
        if call.path in RUN_ELSEWHERE or FOLLOWS in call.words:
            continue
        said = portfolio(desk.home, *words_of(call, desk), **desk.variables)
        assert not any(words in said.err.lower() for words in NOT_UNDERSTOOD), (call.line, said.err)
        assert "Traceback" not in said.err, call.line
        assert said.status == 0 or call.path in REFUSED, (call.typed, said)
        ran += 1
    assert ran > 25


def test_every_route_that_is_called_is_one_of_the_service(desk: Desk) -> None:
    routes = httpx2.get(f"{desk.url}/openapi.json", timeout=60, trust_env=False).json()["paths"]
    called = [re.findall(r"8085(/[\w/]*)|GET (/[\w/]*)", line) for _, line in documented()]
    paths = {path for found_here in called for pair in found_here for path in pair if path}
    assert paths
    assert paths <= set(routes)
