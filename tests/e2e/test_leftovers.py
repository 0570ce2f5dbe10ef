"""What is still running of an earlier command is named with what to do, and ended where it is certainly nobody's."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.commands import child
from app.commands.checks import local
from app.commands.checks.records import Status
from app.commands.leftovers import end_leftovers, holder, leftovers
from app.commands.processes import StartFailed, free_ports, private_directory, simulator
from app.domain.errors import UsageError
from tests.e2e.command import PATIENCE_SECONDS, portfolio, until
from tests.support.stack import SIMULATED

GUARDED = ("-m", child.__name__, "api_gateway.simulator")
# As versions started them whose processes did not end with their command.
UNGUARDED = ("-m", "api_gateway.simulator")


@contextmanager
def left(
    state: Path, form: Sequence[str], log: str = "simulator.log"
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A simulator of a command that has ended: nobody who started it holds its log."""
    port = free_ports().gateway
    logs = private_directory(private_directory(state) / "logs")
    with (
        (logs / log).open("ab") as output,
        subprocess.Popen(
            [sys.executable, *form, "--port", str(port), "--data", "synthetic"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        output.close()
        try:
            until(lambda: holder(port) is not None)
            yield process, port
        finally:
            process.kill()


def of(process: "subprocess.Popen[bytes]") -> list[str]:
    return [str(each) for each in leftovers() if each.process.pid == process.pid]


def settled(state: Path, process: "subprocess.Popen[bytes]") -> list[str]:
    """What is told of that process; others' may be left on the machine, too."""
    told: list[str] = []
    end_leftovers(state, told.append)
    return [line for line in told if f"(pid {process.pid}," in line]


def test_a_leftover_of_the_same_directory_is_ended_even_where_it_is_frozen(tmp_path: Path) -> None:
    with left(tmp_path, GUARDED) as (process, port):
        process.send_signal(signal.SIGSTOP)
        (line,) = settled(tmp_path, process)
        assert line.startswith(
            f"ending the simulator of a command that has ended (pid {process.pid}, port {port}, since "
        )
        process.wait(PATIENCE_SECONDS)
        assert of(process) == []
        assert settled(tmp_path, process) == []


def test_a_leftover_of_another_directory_is_named_and_left_alone(tmp_path: Path) -> None:
    with left(tmp_path / "other", GUARDED) as (process, port):
        (line,) = settled(tmp_path / "own", process)
        assert line.startswith("left over: the simulator of a command that has ended")
        assert line.endswith(f"state {tmp_path / 'other'}); `kill {process.pid}` ends it")
        said = portfolio(tmp_path, "up", "--gateway-port", str(port), "--data", "synthetic")
        assert said.status == 1
        error = said.errors[-1]
        assert f"port {port} for the simulator is taken by the simulator of a command that has ended" in error
        assert error.endswith(f"`kill {process.pid}` ends it, or choose another port")
        assert process.poll() is None


def test_a_leftover_of_a_version_without_a_guard_is_named_and_left_alone(tmp_path: Path) -> None:
    with left(tmp_path, UNGUARDED) as (process, _):
        (line,) = settled(tmp_path, process)
        assert line.startswith("left over: ")
        assert process.poll() is None


def test_the_doctor_names_a_leftover_and_does_nothing(tmp_path: Path) -> None:
    with left(tmp_path, GUARDED) as (process, _):
        check = local.left_over()
        assert check.status is Status.WARNING
        assert of(process)[0] in check.finding
        assert check.remedy is not None
        assert str(process.pid) in check.remedy.split()
        assert process.poll() is None


def test_what_somebody_else_started_is_no_leftover_and_is_named_where_it_holds_a_port(tmp_path: Path) -> None:
    with left(tmp_path, UNGUARDED, "a-log-of-his-own.log") as (process, port):
        assert of(process) == []
        assert settled(tmp_path, process) == []
        assert holder(port) == (f"python -m api_gateway.simulator (pid {process.pid})", "Stop it")
        assert process.poll() is None


def test_what_a_running_command_started_is_no_leftover_and_its_command_is_named(tmp_path: Path) -> None:
    port = free_ports().gateway
    with simulator(private_directory(tmp_path), port, SIMULATED):
        held = holder(port)
        assert held is not None
        by, remedy = held
        assert by.startswith("the simulator of a command that runs")
        assert remedy == f"`kill {os.getpid()}` ends that command"
        assert not any(each.state == tmp_path for each in leftovers())


def test_a_stranger_on_a_port_is_named_by_its_program(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with (
            pytest.raises(StartFailed, match=rf"port {port} for the simulator is taken by \S.* \(pid {os.getpid()}\)"),
            simulator(private_directory(tmp_path), port, SIMULATED),
        ):
            pass


def test_a_log_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (private_directory(tmp_path) / "logs" / "simulator.log").mkdir(parents=True)
    with (
        pytest.raises(UsageError, match=r"simulator\.log cannot be written: Is a directory. Choose another"),
        simulator(tmp_path, free_ports().gateway, SIMULATED),
    ):
        pass
