"""Shares drills out between processes; each is a line of a file once it is judged, so a suite can be interrupted."""

import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, Final

from app.ledger.engine import open_ledger
from tests.reliability.restore.drill import Outcome, drill
from tests.support.ledgers import Databases, PostgresDatabases, SqliteDatabases
from tests.support.postgres import own_server

DATABASES: Final = ("sqlite", "postgresql")
Case = tuple[str, int]


@contextmanager
def ground(database: str) -> Iterator[tuple[Databases, str]]:
    """Databases of that kind, and a migrated ledger to copy."""
    memory = Path("/dev/shm")  # noqa: S108 (a folder of ours inside it)
    with ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="drills-", dir=memory if memory.is_dir() else None)
        databases: Databases = SqliteDatabases(Path(stack.enter_context(folder)))
        if database == "postgresql":
            server = stack.enter_context(own_server())
            if server is None:
                raise SystemExit("no PostgreSQL to be had: install its server, or leave --database postgresql out")
            databases = PostgresDatabases(server)
        migrated = databases.empty()
        open_ledger(migrated).dispose()
        yield databases, migrated


def work(tasks: "Queue[int | None]", database: str, output: Path) -> None:
    """One worker."""
    with ground(database) as (databases, migrated), output.open("a", encoding="utf-8", buffering=1) as lines:
        for seed in iter(tasks.get, None):
            lines.write(json.dumps(drill(seed, databases, migrated, database).as_json()) + "\n")


def written(folder: Path) -> Iterator[Outcome]:
    """Every whole line of every worker."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                yield Outcome(**json.loads(line))


def run(folder: Path, drills: int, databases: Sequence[str], workers: int) -> list[Outcome]:
    """What was judged before, and the rest: one process at a time for each database, or more where there are more."""
    folder.mkdir(parents=True, exist_ok=True)
    done = {(outcome.database, outcome.seed) for outcome in written(folder)}
    context = multiprocessing.get_context("spawn")
    crew, started = [], time.time_ns()
    shared: dict[str, Queue[int | None]] = {database: context.Queue() for database in databases}
    for database, tasks in shared.items():
        for seed in range(drills):
            if (database, seed) not in done:
                tasks.put(seed)
        for number in range(max(1, workers // len(databases))):
            tasks.put(None)
            output = folder / f"{started}-{database}-{number}.jsonl"
            crew.append(context.Process(target=work, args=(tasks, database, output)))
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()
    if any(worker.exitcode for worker in crew):
        raise SystemExit("a worker ended early; run again to go on")
    wanted = {(database, seed) for database in databases for seed in range(drills)}
    return [outcome for outcome in written(folder) if (outcome.database, outcome.seed) in wanted]


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown, a line for each database."""
    head = ("database", "drills", "orders", "unknown to the copy", "adopted", "abandoned", "runs that halted", "deaths")
    rows: list[tuple[Any, ...]] = [(*head, "double orders", "lost fills", "other violations")]
    rows.append(("---",) * len(rows[0]))
    for database in dict.fromkeys(outcome.database for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.database == database]
        counts = (
            sum(getattr(o, n) for o in own) for n in ("orders", "lost", "adopted", "abandoned", "halted", "deaths")
        )
        wrong = (sum(len(getattr(o, n)) for o in own) for n in ("double_orders", "lost_fills", "other"))
        rows.append((database, len(own), *counts, *wrong))
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
