"""The whole enumeration: `python -m tests.reliability.crash --workers 2`. It goes on where it was interrupted.

Exit status 1 when any case is wrong or any label of a script was not died at.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from tests.reliability.crash.cases import covering, laboratory
from tests.reliability.crash.scripts import LAGS, SCRIPTS
from tests.reliability.crash.tally import by_script, table, uncovered

Task = tuple[str, int]


def work(tasks: "Queue[Task | None]", output: Path, done: frozenset[str], seed: int, all_lags: bool) -> None:
    """One worker with a laboratory of its own; each case is a line of its file as soon as it is judged."""
    with laboratory() as bench, output.open("a", encoding="utf-8", buffering=1) as lines:
        for script, lag in iter(tasks.get, None):
            labels = bench.points(script, lag)
            lines.write(json.dumps({"script": script, "lag": lag, "points": labels}) + "\n")
            for case in covering(script, lag, labels, seed, all_lags=all_lags):
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
    tasks: Queue[Task | None] = context.Queue()
    started = time.time_ns()
    for task in [(script, lag) for script in SCRIPTS for lag in LAGS]:
        tasks.put(task)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.crash", description="The crash enumeration.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all-lags", action="store_true", help="every point at every lag, three times the cases")
    parser.add_argument("--folder", type=Path, default=Path(".crash-suite"), help="where the cases are kept")
    parser.add_argument("--json", action="store_true", help="figures as JSON in place of the table")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    run(given.folder, given.workers, given.seed, given.all_lags)
    rows = list(written(given.folder))
    cases = [row for row in rows if "case" in row]
    points: dict[str, list[str]] = {}
    for row in rows:
        if "points" in row:
            points.setdefault(row["script"], []).extend(row["points"])
    figures, missed = by_script(cases), uncovered(cases, points)
    wrong = [
        case for case in cases if any(case[name] for name in ("duplicates", "unrecorded", "beyond_plan", "mismatches"))
    ]
    if given.json:
        print(json.dumps({name: row.cells() for name, row in figures.items()}))  # noqa: T201 (what was asked for)
    else:
        print(table(figures))  # noqa: T201 (what was asked for)
    for case in wrong:
        sys.stderr.write(json.dumps(case) + "\n")
    for label in missed:
        sys.stderr.write(f"not covered: {label}\n")
    return 1 if wrong or missed else 0


if __name__ == "__main__":
    sys.exit(main())
