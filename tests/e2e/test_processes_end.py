"""Whatever ends a command, the processes that it started end with it."""

import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from app.commands.processes import free_ports
from tests.e2e.command import (
    PATIENCE_SECONDS,
    PROGRAM,
    children,
    environment,
    foreground,
    is_alive,
    until,
    wait_for_an_order,
)
from tests.e2e.test_up import DAY, up_arguments
from tests.support.thinning import thin

# Nothing of ours is alive so long after its parent.
END_SECONDS = 60
# A program that takes its standard input for its terminal and becomes another.
ON_A_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def assert_ended(processes: Sequence[int], seconds: float = END_SECONDS) -> None:
    def alive() -> list[int]:
        return [each for each in processes if is_alive(each)]

    until(lambda: not alive(), seconds)
    assert alive() == []


def test_what_a_command_started_ends_with_it_where_it_is_killed_while_that_is_frozen(tmp_path: Path) -> None:
    with foreground(tmp_path, "simulate", "--port", str(free_ports().gateway), *DAY) as (process, _):
        (started,) = children(process.pid)
        os.kill(started, signal.SIGSTOP)
        process.kill()
        process.wait(PATIENCE_SECONDS)
        assert_ended([started])


def test_an_order_on_the_wire_gets_its_answer_on_record_where_up_is_killed(tmp_path: Path) -> None:
    ports = free_ports()
    with foreground(tmp_path, *up_arguments(tmp_path, ports)) as (process, _):
        started = children(process.pid)
        gateway, url = (f"http://127.0.0.1:{port}" for port in (ports.gateway, ports.service))
        fault = {"path": "/iserver/account/*/orders", "method": "POST", "kind": "delay", "seconds": 1}
        assert httpx2.post(f"{gateway}/simulator/faults", json=fault, timeout=60, trust_env=False).status_code == 200
        with subprocess.Popen(
            [PROGRAM, "run", "--url", url], cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
        ) as run:
            wait_for_an_order(gateway)
            process.kill()
            process.wait(PATIENCE_SECONDS)
            assert_ended(started)
            _, err = run.communicate(timeout=PATIENCE_SECONDS)
    with closing(sqlite3.connect(tmp_path / "state" / "portfolio.db")) as database:
        rows = database.execute("SELECT state, sends FROM intents ORDER BY position").fetchall()
    assert rows[0][1] == 1
    assert set(rows) <= {("ACKED", 1), ("FILLED", 1), ("PLANNED", 0)}, err


@pytest.mark.parametrize(
    ("number", "status"),
    thin(
        [
            (signal.SIGQUIT, 0),
            (signal.SIGINT, 130),
            (signal.SIGKILL, -signal.SIGKILL),
        ],
        3,
        first=2,
    ),
)
def test_what_a_command_started_ends_with_it_whatever_signal_it_gets(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with foreground(tmp_path, "simulate", "--port", str(free_ports().gateway), *DAY) as (process, _):
        started = children(process.pid)
        assert len(started) == 1
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) == status
        assert_ended(started)


@pytest.mark.parametrize(
    ("arguments", "number", "status"),
    thin(
        [
            (("demo",), signal.SIGQUIT, 131),
            (("playground",), signal.SIGHUP, 0),
            (("run",), signal.SIGKILL, -signal.SIGKILL),
            (("up",), signal.SIGKILL, -signal.SIGKILL),
        ],
        4,
        first=3,
    ),
)
def test_a_command_that_is_stopped_while_it_starts_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, ...], number: signal.Signals, status: int
) -> None:
    called = up_arguments(tmp_path, free_ports()) if arguments == ("up",) else arguments
    with subprocess.Popen(
        [PROGRAM, *called], cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: children(process.pid) or process.poll() is not None)
        started = children(process.pid)
        assert len(started) == 1
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert_ended(started)
    assert process.returncode == status
    assert "Traceback" not in err


@pytest.mark.long
def test_what_the_doctor_looks_with_ends_with_it_where_it_is_killed_while_that_is_frozen(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        subprocess.Popen(
            [PROGRAM, "doctor"],
            cwd=tmp_path,
            env=environment(tmp_path, IBKR_GATEWAY_URL=f"http://127.0.0.1:{silent.getsockname()[1]}"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        silent.settimeout(PATIENCE_SECONDS)
        silent.accept()[0].close()
        started = children(process.pid)
        assert len(started) == 1
        os.kill(started[0], signal.SIGSTOP)
        process.kill()
        process.wait(PATIENCE_SECONDS)
        assert_ended(started)


def test_a_closed_terminal_ends_a_command_and_what_it_started(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, PROGRAM, "simulate", "--port", str(free_ports().gateway), *DAY],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        said = b""
        while b"READY" not in said:
            said += os.read(ours, 4096)
        started = children(process.pid)
        assert len(started) == 1
        os.close(ours)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert_ended(started)


@pytest.mark.long
def test_a_command_under_nohup_goes_on_when_the_terminal_closes(tmp_path: Path) -> None:
    port = free_ports().gateway
    with subprocess.Popen(
        ["nohup", str(PROGRAM), "simulate", "--port", str(port), *DAY],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "READY\n" in iter(process.stdout.readline, "")
        status = Path(f"/proc/{process.pid}/status").read_text()
        ignored = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn"))
        assert int(ignored, 16) >> (signal.SIGHUP - 1) & 1
        process.send_signal(signal.SIGHUP)
        assert httpx2.get(f"http://127.0.0.1:{port}/simulator/state", timeout=60, trust_env=False).status_code == 200
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
