"""The judges of the fault days find what is wrong where it is, and nothing where it is not."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import get_args

import pytest

from tests.reliability.fault_days.events import Kind, drawn
from tests.reliability.fault_days.hearing import Heard, Moment, RunRow
from tests.reliability.fault_days.table import MARKER, end, is_alive, marked, send
from tests.reliability.fault_days.truths import untrue

NOW = datetime(2026, 11, 30, tzinfo=UTC)
RUN = "run_0123456789abcdef"
RUNS = {RUN: RunRow(RUN, "running", "somebody", NOW + timedelta(seconds=100), "2022-01-03")}
AT_WORK = Moment(NOW, NOW, RUNS, doubts=False, owned=frozenset({RUN}))
IDLE = replace(AT_WORK, owned=frozenset())
DONE = replace(IDLE, runs={RUN: replace(RUNS[RUN], status="done")})
ELSEWHERE = f"portfolio: run {RUN} is in progress elsewhere; its lease holds until 00:01:40 (100 s). Wait for it"


def said(err: str = "", out: str = "", status: int = 1, at: Moment = IDLE, down: frozenset[str] = frozenset()) -> Heard:
    return Heard(("run", "--json"), status, out, err, at, at, down)


@pytest.mark.parametrize(
    "heard",
    [
        said(ELSEWHERE, at=AT_WORK),
        said("portfolio: the ledger could not be read or written: it is full", down=frozenset({"database"})),
        said("· run done", json.dumps({"run_id": RUN, "status": "done"}), 0, DONE),
    ],
)
def test_a_sentence_whose_fact_holds_is_true(heard: Heard) -> None:
    assert list(untrue([heard])) == []


@pytest.mark.parametrize(
    "heard",
    [
        said(ELSEWHERE),
        said(ELSEWHERE, at=DONE),
        said(ELSEWHERE.replace("(100 s)", "(900 s)"), at=AT_WORK),
        said("portfolio: the ledger could not be read or written: it is full"),
        said("portfolio: a sentence that nobody listed"),
        said("Traceback (most recent call last):"),
        said("· run done", json.dumps({"run_id": RUN, "status": "done"}), 0),
        said("", "", 0, DONE),
        said("· starting the MCP server"),
    ],
)
def test_a_sentence_that_is_not_so_or_not_known_is_found(heard: Heard) -> None:
    assert list(untrue([heard])) != []


def test_a_process_is_found_by_what_it_inherited_and_a_frozen_one_ends_too() -> None:
    sleeper = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    token = f"test-{id(sleeper)}"
    with subprocess.Popen([sys.executable, "-c", sleeper], env={MARKER: token}) as parent:
        while len(marked(token)) < 2:
            assert parent.poll() is None
        (child,) = [each for each in marked(token) if each.parent == parent.pid]
        send(child.id, signal.SIGSTOP)
        parent.kill()
        parent.wait()
        assert [each.id for each in marked(token)] == [child.id]
        end(token)
    while is_alive(child.id):
        pass
    assert marked(token) == ()


def test_a_seed_draws_the_same_days_and_all_of_them_every_kind_of_fault_with_sixty_kills_on_each_side() -> None:
    days = [drawn(1, number, database) for database in ("sqlite", "postgresql") for number in range(1, 63)]
    assert days == [drawn(1, number, database) for database in ("sqlite", "postgresql") for number in range(1, 63)]
    strikes = list(chain.from_iterable(day.strikes for day in days))
    assert {strike.kind for strike in strikes} == set(get_args(Kind))
    assert {day.way for day in days} == {"alone", "served", "up"}
    killed = [strike.part for strike in strikes if strike.kind == "kill"]
    assert len([part for part in killed if part in ("parent", "run")]) >= 60
    assert len([part for part in killed if part not in ("parent", "run")]) >= 60
