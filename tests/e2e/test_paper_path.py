"""The page for a first paper account, followed to the letter on a machine that has nothing but the project's tree.

The commands are read out of the page. A simulator behind TLS stands where the gateway would, and what belongs to the
machine's owner (downloads, systemd) is written down instead of done. The page's ports are moved to free ones.
"""

import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from api_gateway.simulator import Options
from api_gateway.simulator import create_app as create_gateway
from app.commands.processes import free_ports
from tests.e2e.command import PATIENCE_SECONDS, PROGRAM, Said, children, is_alive, portfolio, until
from tests.support.certificates import identity
from tests.support.forked import ROOT
from tests.support.serving import served_beside
from tests.support.shell_blocks import Block, blocks
from tests.support.stack import AS_OF
from tests.unit.simulator.worlds import world_of

PAGE = ROOT / "docs" / "paper-account.md"
SERVE = "portfolio serve"
# Of the machine and its owner: what they are asked is written down.
RECORDED = ("uv", "systemctl", "loginctl", "journalctl")
BY_HAND = "sh by hand"
NOT_COPIED = shutil.ignore_patterns(".[!e]*", "__pycache__", "tests", "notebooks", "*.egg-info")
ACCOUNT = "DU7654321"
LOOKS = 10
LATE = re.compile(r"no\s+answer|did\s+not\s+(end|answer)")


@dataclass
class Machine:
    """A home with the project's tree in it, and a shell that remembers what it exported."""

    home: Path
    gateway: str
    ports: dict[str, str]
    variables: dict[str, str]
    mcp: int
    said: list[tuple[Block, str, Said]] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)
    standing: list["subprocess.Popen[str]"] = field(default_factory=list)
    pin: str = ""

    @property
    def desk(self) -> Path:
        return self.home / "portfolio-manager"

    def do(self, block: Block, command: str) -> None:
        """Type it, as this machine has it."""
        for there, here in self.ports.items():
            command = command.replace(there, here)
        command = command.replace("AB:CD:…", self.pin)
        if command.startswith("export "):
            self.exports.append(command)
        said = self._done(command)
        self.said.append((block, command, said))
        found = re.search(r"^IBKR_CERT_SHA256=([0-9A-F:]+)$", said.out, re.MULTILINE)
        self.pin = self.pin or (found[1] if found else "")

    def _done(self, command: str) -> Said:
        if command == "portfolio init":
            return self._answer(command, ("", "", ACCOUNT, self.gateway.rpartition(":")[2], "20000"))
        if command == SERVE:
            self.end()
            # From now on: named before, a server that is not there would be a failure.
            self.variables["MCP_URL"] = f"http://127.0.0.1:{self.mcp}/mcp"
            return self._stand([str(PROGRAM), "serve"])
        if command.startswith("portfolio ") and self.exports and "--version" not in command:
            said = portfolio(self.desk, *shlex.split(command)[1:], **self.variables)
            # The doctor gives each of its questions some seconds, which a loaded machine may take for itself.
            looks = LOOKS
            while "doctor" in command and LATE.search(said.out) and looks > 0:
                looks -= 1
                said = portfolio(self.desk, *shlex.split(command)[1:], **self.variables)
            return said
        return self._shell(command)

    def _shell(self, command: str) -> Said:
        done = subprocess.run(
            ["bash", "-c", "\n".join((*self.exports, command))],
            cwd=self.desk,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        if "enable --now portfolio.service" in command:
            self.end()
            self._stand(self.of_unit("portfolio.service"))
        return Said(done.returncode, done.stdout, done.stderr)

    def _answer(self, command: str, answers: Sequence[str]) -> Said:
        """At a terminal, as whoever reads the questions."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            ["bash", "-c", "\n".join((*self.exports, command))],
            cwd=self.desk,
            env=self.variables,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
            out, errors = process.communicate(timeout=PATIENCE_SECONDS)
        os.close(ours)
        os.close(theirs)
        return Said(process.returncode, out, errors)

    def _stand(self, command: Sequence[str]) -> Said:
        errors = self.home / "errors"
        with errors.open("w") as file:
            process = subprocess.Popen(
                command, cwd=self.desk, env=self.variables, stdout=subprocess.PIPE, stderr=file, text=True
            )
        self.standing.append(process)
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line == "READY\n":
                break
        return Said(process.poll() or 0, said, errors.read_text())

    def end(self) -> None:
        """Ctrl-C at whatever stands."""
        while self.standing:
            process = self.standing.pop()
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)
            assert process.stdout is not None
            process.stdout.close()

    def of_unit(self, name: str) -> list[str]:
        """What systemd would run."""
        text = (self.home / ".config/systemd/user" / name).read_text()
        (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
        return shlex.split(line)

    def under(self, heading: str) -> list[Said]:
        """What the commands of that section said."""
        return [said for block, _, said in self.said if block.heading.startswith(heading)]

    def recorded(self) -> list[str]:
        """What the machine's own programs were asked."""
        return (self.home / "asked").read_text().splitlines()


def machine(home: Path, gateway: str) -> Machine:
    """Fresh: the tree without what is installed or kept beside it, and the programs of the base system."""
    shutil.copytree(ROOT, home / "portfolio-manager", ignore=NOT_COPIED)
    (home / "portfolio-manager" / ".venv").symlink_to(ROOT / ".venv")
    (home / "bin").mkdir()
    for name in RECORDED:
        program = home / "bin" / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {home}/asked\n')
        program.chmod(0o700)
    mine = free_ports()
    return Machine(
        home,
        gateway,
        {"8085": str(mine.service)},
        {
            "HOME": str(home),
            "PATH": f"{home}/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PORT": str(mine.service),
        },
        mine.mcp,
    )


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The whole page; the login is made where it says so, and not before."""
    home = tmp_path_factory.mktemp("home")
    world = world_of(Options(as_of=AS_OF, seed=7, pacing=0.001, data="synthetic", session="strict"), time.monotonic)
    certificate = identity("gateway", host=None).save(home, "gateway")
    with served_beside(create_gateway(world), certificate) as gateway:
        here = machine(home, gateway)
        with httpx2.Client(base_url=gateway, verify=False, trust_env=False, timeout=60) as broker:
            broker.post("/simulator/session", json={"event": "sso_expired"}).raise_for_status()
            is_in = False
            for block in (each for each in blocks(PAGE) if each.info == "sh"):
                if block.heading.startswith("5. Log in") and not is_in:
                    broker.post("/simulator/login").raise_for_status()
                    is_in = True
                for command in block.commands:
                    here.do(block, command)
        try:
            yield here
        finally:
            here.end()


def test_every_command_of_the_page_but_the_doctors_before_the_login_ends_well(followed: Machine) -> None:
    wrong = [
        (str(block), command, said)
        for block, command, said in followed.said
        if said.status != 0 and not block.heading.startswith(("4.", "5."))
    ]
    assert not wrong, wrong[0]
    assert len(followed.said) > 20


def test_installing_asks_for_what_the_lock_says_and_nothing_else(followed: Machine) -> None:
    asked = [line for line in followed.recorded() if line.startswith("uv ")]
    assert asked == ["uv sync --locked --quiet"]


def test_a_machine_without_uv_gets_one_of_the_projects_own(tmp_path: Path) -> None:
    copy = tmp_path / "Makefile"
    shutil.copy(ROOT / "Makefile", copy)
    said = subprocess.run(
        ["make", "-n", "install", "local-backend"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "python3 -m venv .tools" in said
    assert ".tools/bin/uv sync --locked" in said
    # A reloader never ends by itself: what keeps the service from starting is told before it begins.
    assert said.index("python -m app.main") < said.index("uvicorn app.main:app --reload")


def test_the_answers_are_in_the_files_which_are_private_and_explain_themselves(followed: Machine) -> None:
    (said, *_) = followed.under("2. Five answers")
    assert "Which policy?" in said.err
    assert ACCOUNT not in said.out
    text = (followed.desk / ".env").read_text()
    assert f"IBKR_ACCOUNT_ID={ACCOUNT}\n" in text
    assert "MAX_ORDER_VALUE=20000\n" in text
    for name in (".env", "policy.yaml", ".portfolio/mcp.token", ".portfolio/ticket.key"):
        assert (followed.desk / name).stat().st_mode & 0o077 == 0, name


def test_the_certificate_stops_the_doctor_first_and_then_only_the_login(followed: Machine) -> None:
    before, _, after = followed.under("4. Trust")
    assert before.status == 1
    assert "Not ready: tls failed" in before.out
    assert after.status == 1
    assert "Not ready: login failed" in after.out


def test_after_the_login_the_day_is_previewed_and_then_traded_once(followed: Machine) -> None:
    (at_login,) = followed.under("5. Log in")
    assert "Not ready: bridge failed" in at_login.out or at_login.status == 0
    _, dry, ready = followed.under("6. Look")
    assert "dry_run" in dry.out
    assert "Not ready" not in ready.out
    _, standing, traded, _ = followed.under("7. The first paper run")
    assert "the broker's session: READY" in standing.out
    assert "FILLED" in traded.out
    assert "FILLED" not in dry.out


def test_systemd_takes_the_units_and_their_run_is_the_days_second(followed: Machine, tmp_path: Path) -> None:
    units = sorted(str(unit) for unit in (followed.home / ".config/systemd/user").iterdir())
    assert len(units) == 3
    if shutil.which("systemd-analyze"):
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--user", *units],
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(followed.home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (checked.returncode, checked.stderr) == (0, "")
    again = portfolio(followed.desk, *followed.of_unit("portfolio-run.service")[1:], **followed.variables)
    assert again.status == 0, again.err
    enabled = next(line for line in followed.recorded() if "enable" in line).split()
    assert {Path(unit).name for unit in units} >= set(enabled[enabled.index("--now") + 1 :])


def test_the_lines_for_cron_do_what_the_units_do(followed: Machine) -> None:
    (table,) = [block for block in blocks(PAGE) if block.info == "cron"]
    reboot, daily = table.commands
    assert reboot.startswith("@reboot ")
    assert f".venv/bin/{SERVE} " in reboot
    command = daily.split(maxsplit=5)[5].replace("8085", followed.ports["8085"])
    done = subprocess.run(["sh", "-c", command], env=followed.variables, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (followed.desk / ".portfolio/run.log").stat().st_size > 0


def test_what_is_done_by_hand_is_there(followed: Machine) -> None:
    by_hand = [command for block in blocks(PAGE) if block.info == BY_HAND for command in block.commands]
    assert [command.split()[0] for command in by_hand] == ["make", "make", "unzip", "cd"]
    download = followed.desk / "clientportal.gw.zip"
    download.write_bytes(b"not the gateway")
    first = subprocess.run(
        ["bash", "-c", by_hand[0]],
        cwd=followed.desk,
        env=followed.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "set GATEWAY_SHA256; the file that is there has " in first.stderr
    assert first.returncode == 2


def test_where_one_of_the_two_ends_both_end_and_the_log_is_named(followed: Machine) -> None:
    (process,) = followed.standing
    started = children(process.pid)
    assert len(started) == 2
    os.kill(min(started), signal.SIGKILL)
    assert process.wait(PATIENCE_SECONDS) == 1
    until(lambda: not any(map(is_alive, started)))
    assert [each for each in started if is_alive(each)] == []
    (line,) = [line for line in (followed.home / "errors").read_text().splitlines() if not line.startswith("·")]
    assert "mcp_server ended by SIGKILL" in line
    assert "mcp_server.log says why; start again" in line
