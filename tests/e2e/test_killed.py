"""A worker or a service is stopped or killed in the middle of a run; what the next command says and does is right."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.commands.processes import free_ports, mcp_server, private_directory, service, simulator
from app.desk.report.standing import overview
from app.ledger.engine import open_ledger
from app.settings import shipped_policy
from tests.e2e.command import PATIENCE_SECONDS, PROGRAM, children, environment, portfolio, wait_for_an_order
from tests.e2e.test_terminated import PLACING
from tests.support.stack import SIMULATED

LEASE_LINE = "is in progress elsewhere; its lease holds until "


@contextmanager
def slow_gateway(state: Path, seconds: float) -> Iterator[str]:
    """It takes its time over each order."""
    with simulator(private_directory(state), free_ports().gateway, SIMULATED) as gateway:
        fault = {"path": PLACING, "method": "POST", "kind": "delay", "seconds": seconds}
        assert httpx2.post(f"{gateway}/simulator/faults", json=fault, timeout=60, trust_env=False).status_code == 200
        yield gateway


@contextmanager
def started(home: Path, *arguments: str | Path, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """A command in the background; what it started ends with it, however it ended."""
    home.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=home,
        env=environment(home, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            kill(process)


def kill(process: "subprocess.Popen[str]") -> None:
    """At once, and after it what it had started."""
    started = children(process.pid)
    process.kill()
    process.wait(PATIENCE_SECONDS)
    for left in started:
        with suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)


def orders(gateway: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx2.get(f"{gateway}/simulator/orders", timeout=60, trust_env=False).json()[
        "orders"
    ]
    return found


@pytest.mark.long
def test_while_a_worker_is_stopped_its_lease_is_told_and_once_it_is_killed_the_next_goes_on(tmp_path: Path) -> None:
    with slow_gateway(tmp_path / "simulator", 2) as gateway:
        # Longer than any machine takes for what follows.
        settings = {"IBKR_GATEWAY_URL": gateway, "TRADING_MODE": "paper", "RUN_LEASE_SECONDS": "3600"}
        state = tmp_path / "state"
        with started(tmp_path, "run", "--state", state, **settings) as worker:
            wait_for_an_order(gateway)
            worker.send_signal(signal.SIGSTOP)
            run = newest(state)
            assert (run["status"], run["lapsed"], run["finished_at"]) == ("running", False, None)
            refused = portfolio(tmp_path, "run", "--state", state, **settings)
            (line,) = refused.errors
            assert line.startswith(f"portfolio: run {run['run_id']} {LEASE_LINE}")
            assert line.endswith(" s). Wait for it with --wait, or look later: `portfolio runs`")
            assert refused.status == 1
            kill(worker)
            assert newest(state)["lapsed"] is True
            done = portfolio(tmp_path, "run", "--json", "--state", state, **settings)
        assert done.status == 0, done.err
        report = json.loads(done.out)
        assert (report["run_id"], report["status"]) == (run["run_id"], "done")
        assert {order["arrivals"] for order in orders(gateway)} == {1}


def newest(state: Path) -> dict[str, Any]:
    """As `portfolio runs` and GET /runs give it."""
    ledger = open_ledger(f"sqlite:///{state / 'portfolio.db'}", lease_seconds=3600)
    (record,) = ledger.runs(1)
    ledger.dispose()
    return overview(record)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    return str(shipped_policy().resolve())


@pytest.mark.long
def test_who_waits_for_a_service_that_is_killed_and_started_again_gets_the_days_report(
    tmp_path: Path, policy: str
) -> None:
    state, ports = private_directory(tmp_path / "state"), free_ports()
    with (
        slow_gateway(tmp_path / "simulator", 2) as gateway,
        mcp_server(state, ports.mcp, gateway, "paper") as shared,
    ):
        variables = {**shared, "POLICY_FILE": policy}
        before = set(children(os.getpid()))
        with service(state, ports.service, variables) as url:
            (serving,) = set(children(os.getpid())) - before
            with started(tmp_path, "run", "--json", "--url", url, "--timeout", "100") as caller:
                wait_for_an_order(gateway)
                os.kill(serving, signal.SIGKILL)
                # Only then is its port free.
                os.waitid(os.P_PID, serving, os.WEXITED | os.WNOWAIT)
                with service(state, ports.service, variables):
                    out, err = caller.communicate(timeout=PATIENCE_SECONDS)
        assert caller.returncode == 0, err
        assert json.loads(out)["status"] == "done"
        assert "asking what became of the run" in err
        assert {order["arrivals"] for order in orders(gateway)} == {1}
