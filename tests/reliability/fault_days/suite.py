"""Stretches of days, each on a machine of its own, shared out between workers; a day is kept once it is judged."""

import json
import multiprocessing
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, Final, NoReturn

from tests.reliability.fault_days.events import Day, drawn
from tests.reliability.fault_days.judging import Logs, Verdict, judge
from tests.reliability.fault_days.machine import Machine, machine
from tests.reliability.fault_days.playing import Player
from tests.support.postgres import OwnServer, own_server

Done = set[tuple[str, int]]
# Sessions of 2022 in which a stretch can begin, and the prices that they are played with.
FIRST: Final = (date(2022, 1, 3), date(2022, 4, 4))
PRICES: Final = 7


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive days of one account on one database."""

    database: str
    seed: int
    numbers: tuple[int, ...]
    begins: date


@contextmanager
def ground(database: str, begins: date) -> Iterator[Machine]:
    """A machine whose ledger is on that database."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fault-days-")))
        server: OwnServer | None = None
        if database == "postgresql":
            server = stack.enter_context(own_server())
            if server is None:
                raise SystemExit("no PostgreSQL to be had: install its server, or leave --database postgresql out")
        yield stack.enter_context(machine(folder / "machine", begins, PRICES, server))


def played(here: Machine, days: Sequence[Day]) -> Iterator[Verdict]:
    """One after the other, judged as they end."""
    logs = Logs(here)
    for place, day in enumerate(days):
        record = Player(here, day, fresh=place == 0).play()
        yield judge(here, record, logs.traces())


def stretches(databases: Sequence[str], seed: int, days: int, workers: int, done: Done) -> list[Stretch]:
    """What is left to do, cut so that every worker has something."""
    cuts = max(1, workers // len(databases))
    found = []
    for database in databases:
        left = [number for number in range(1, days + 1) if (database, number) not in done]
        size = -(-len(left) // cuts) or 1
        parts = [tuple(left[at : at + size]) for at in range(0, len(left), size)]
        found += [Stretch(database, seed, part, FIRST[place % 2]) for place, part in enumerate(parts)]
    return found


def work(tasks: "Queue[Stretch | None]", output: Path) -> None:
    """One worker. What it started ends with it where it is told to stop."""
    stops_cleanly()
    with output.open("a", encoding="utf-8", buffering=1) as lines:
        for stretch in iter(tasks.get, None):
            days = [drawn(stretch.seed, number, stretch.database) for number in stretch.numbers]
            with ground(stretch.database, stretch.begins) as here:
                for verdict in played(here, days):
                    row = {"database": stretch.database, "seed": stretch.seed, **verdict.as_json()}
                    lines.write(json.dumps(row) + "\n")
                    sys.stderr.write(progress(row) + "\n")


def progress(row: dict[str, Any]) -> str:
    """A day in a line, and what is wrong with it below."""
    day = row["day"]
    told = f"{row['database']} day {day['number']} ({day['way']}): {'; '.join(row['struck'])}"
    wrong = [f"    {kind}: {words}" for kind, found in row["wrong"].items() for words in found]
    return "\n".join([f"{told} — {row['orders']} orders, {row['ended']}, {row['seconds']:.0f} s", *wrong])


def written(folder: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of every worker."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)


def stops_cleanly() -> None:
    """SIGTERM leaves every block on its way out."""

    def stop(*_: object) -> NoReturn:
        raise SystemExit(1)

    signal.signal(signal.SIGTERM, stop)


def run(folder: Path, databases: Sequence[str], seed: int, days: int, workers: int) -> None:
    """Until every day is played."""
    done = {(row["database"], row["day"]["number"]) for row in written(folder) if row["seed"] == seed}
    context = multiprocessing.get_context("spawn")
    tasks: Queue[Stretch | None] = context.Queue()
    for stretch in stretches(databases, seed, days, workers, done):
        tasks.put(stretch)
    crew = []
    for number in range(workers):
        tasks.put(None)
        output = folder / f"{time.time_ns()}-{number}.jsonl"
        crew.append(context.Process(target=work, args=(tasks, output), daemon=True))
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()
        if worker.exitcode != 0:
            raise SystemExit(f"a worker ended with status {worker.exitcode}; run again to go on")
