"""A run that is told to stop while an order is on the wire first gets the answer on record."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx2

from app.commands.processes import free_ports, private_directory, simulator
from tests.e2e.command import PATIENCE_SECONDS, PROGRAM, environment, wait_for_an_order
from tests.support.stack import SIMULATED

PLACING = "/iserver/account/*/orders"
SEVERAL_ORDERS = replace(SIMULATED, as_of=date(2022, 6, 13))


def test_a_run_told_to_stop_while_it_sends_records_the_answer_and_sends_nothing_more(tmp_path: Path) -> None:
    port = free_ports().gateway
    with simulator(private_directory(tmp_path / "simulator"), port, SEVERAL_ORDERS) as gateway:
        fault = {"path": PLACING, "method": "POST", "kind": "delay", "seconds": 2}
        assert httpx2.post(f"{gateway}/simulator/faults", json=fault, timeout=60, trust_env=False).status_code == 200
        with subprocess.Popen(
            [PROGRAM, "run", "--state", tmp_path / "state"],
            cwd=tmp_path,
            env=environment(tmp_path, IBKR_GATEWAY_URL=gateway, TRADING_MODE="paper"),
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_for_an_order(gateway)
            # A terminal that is closed sends its signal more than once.
            for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
                process.send_signal(number)
            _, err = process.communicate(timeout=PATIENCE_SECONDS)
        orders = httpx2.get(f"{gateway}/simulator/orders", timeout=60, trust_env=False).json()["orders"]

    assert process.returncode == 1, err
    (line,) = [line for line in err.splitlines() if line.startswith("portfolio: ")]
    assert line.startswith("portfolio: the run was stopped")
    assert "Traceback" not in err
    assert len(orders) == 1
    with closing(sqlite3.connect(tmp_path / "state" / "portfolio.db")) as database:
        rows = database.execute("SELECT coid, state, sends FROM intents ORDER BY position").fetchall()
    assert rows[0] == (orders[0]["cOID"], "ACKED", 1)
    assert {(state, sends) for _, state, sends in rows[1:]} == {("PLANNED", 0)}


# Blocked, sent and let through, as they arrive together from a terminal that closes.
TOGETHER = """
import os, signal
from app.commands import signals
signals.end_in_order()
signal.pthread_sigmask(signal.SIG_BLOCK, signals.STOPPING)
for number in signals.STOPPING:
    os.kill(os.getpid(), number)
signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.STOPPING)
"""


def test_signals_that_arrive_together_stop_a_command_once(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGHUP, "")
