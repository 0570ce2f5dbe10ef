"""Shares the cases out between worker processes and keeps what became of each, so that a suite can be interrupted."""

import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from itertools import chain
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from tests.reliability.crash.cases import covering, laboratory
from tests.reliability.crash.scripts import LAGS, SCRIPTS
from tests.reliability.crash.tally import by_script


def work(tasks: "Queue[str | None]", output: Path, done: frozenset[str], seed: int, all_lags: bool) -> None:
    """One worker with a laboratory of its own; each case is a line of its file as soon as it is judged."""
    with laboratory() as bench, output.open("a", encoding="utf-8", buffering=1) as lines:
        for script in iter(tasks.get, None):
            lives = {lag: bench.points(script, lag) for lag in LAGS}
            lines.write(json.dumps({"script": script, "points": [*chain(*lives.values())]}) + "\n")
            for case in covering(script, lives, seed, all_lags=all_lags):
                if f"{case.script}/{case.lag}/{case.kill_at}" not in done:
                    lines.write(json.dumps(bench.run(case).as_json()) + "\n")


def written(folder: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of every worker."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)


def run(folder: Path, workers: int, seed: int, all_lags: bool) -> None:
    """Until every task is done."""
    cases = [row["case"] for row in written(folder) if "case" in row]
    done = frozenset(f"{case['script']}/{case['lag']}/{case['kill_at']}" for case in cases)
    context = multiprocessing.get_context("spawn")
    tasks: Queue[str | None] = context.Queue()
    started = time.time_ns()
    for script in SCRIPTS:
        tasks.put(script)
    crew = []
    for number in range(workers):
        tasks.put(None)
        output = folder / f"{started}-{number}.jsonl"
        crew.append(context.Process(target=work, args=(tasks, output, done, seed, all_lags)))
    for worker in crew:
        worker.start()
    while any(worker.is_alive() for worker in crew):
        time.sleep(10)
        rows = by_script(row for row in written(folder) if "case" in row)
        if "all" in rows:
            sys.stderr.write(
                f"cases {rows['all'].cases}, kills {rows['all'].kills}, wrong {sum(rows['all'].wrongs.values())}\n"
            )
    for worker in crew:
        worker.join()
        if worker.exitcode != 0:
            raise SystemExit(f"a worker ended with status {worker.exitcode}; run again to go on")
