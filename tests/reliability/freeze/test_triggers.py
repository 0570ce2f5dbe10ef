"""A scheduler that fires twice, a person who is impatient, and four instances of the service: one run."""

import asyncio
import json
import os
from dataclasses import replace
from typing import Any

from app.desk.desk import Desk
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.ledger.engine import create_ledger_engine
from app.ledger.sql_ledger import SqlLedger
from tests.reliability.crash.cases import Case, Laboratory, ended
from tests.reliability.crash.life import Setting, desk_of
from tests.reliability.crash.points import Points

PROCESSES = 4
TRIGGERS_EACH = 25


async def _all_at_once(desk: Desk) -> list[RunResult]:
    owners = [replace(desk, owner=f"{desk.owner}-{number}") for number in range(TRIGGERS_EACH)]
    return await asyncio.gather(*(run_daily(each, RunRequest()) for each in owners))


def _process(bench: Laboratory, setting: Setting, number: int, starting_shot: int) -> None:
    engine = create_ledger_engine(setting.database)
    points = Points(None, setting.epitaph(number))
    bench.server.attend(setting, points)
    desk = desk_of(setting, bench.server, points, SqlLedger(engine, now=setting.times.now), 0)
    os.read(starting_shot, 1)
    results = asyncio.run(_all_at_once(replace(desk, owner=f"process-{number}")))
    told = [(result.run_id, result.status.value, result.fresh) for result in results]
    setting.memoir(number).write_text(json.dumps(told), encoding="ascii")


def _fork(bench: Laboratory, setting: Setting, number: int, starting_shot: int) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _process(bench, setting, number, starting_shot)
            status = 0
        finally:
            os._exit(status)
    return child


def test_a_hundred_triggers_in_four_processes_make_one_run(bench: Laboratory) -> None:
    bench.reset(Case("nothing goes wrong", 0))
    setting = bench.setting()
    waiting, shot = os.pipe()
    children = [_fork(bench, setting, number, waiting) for number in range(PROCESSES)]
    os.write(shot, b"." * PROCESSES)
    for child in children:
        ended(child)
    os.close(waiting)
    os.close(shot)
    answers: list[list[Any]] = []
    for number in range(PROCESSES):
        answers += json.loads(setting.memoir(number).read_text(encoding="ascii"))
    orders = bench.http.get("/simulator/orders").json()["orders"]
    bench.clear(setting)
    assert len(answers) == PROCESSES * TRIGGERS_EACH
    assert len({run_id for run_id, _, _ in answers}) == 1
    assert sum(fresh for _, _, fresh in answers) == 1
    assert {status for _, status, _ in answers} <= {"running", "done"}
    assert [row["arrivals"] for row in orders] == [1, 1, 1]
