"""What it costs to keep what a quiet day was decided on: bytes of the ledger, and time of the run.

`python -m tests.benchmarks.kept_inputs [--json]`. Twenty names whose prices move and whose past stays; the same days
with and without, in turn, each on an SQLite ledger of its own. The first days, which write two years of prices, are
not counted; those with orders count for the bytes alone.
"""

import asyncio
import sqlite3
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final
from unittest.mock import patch

from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.stages import decide
from app.ledger.engine import open_ledger
from tests.benchmarks.program import run_as_program
from tests.benchmarks.quiet_day import SteadyMarket, move_prices, quiet_world, session_of
from tests.benchmarks.world import MeasurementFailed
from tests.support.fakes import Office
from tests.support.world import SYMBOLS

DAYS: Final = 60
# The first days sort out what was bought at once.
WARM_UP: Final = 5
BYTES: Final = 15_000
SHARE: Final = 0.10
CALL_SECONDS: Final = 0.004


@dataclass(frozen=True, slots=True)
class KeptInputs:
    """Bytes a day of content, and by which the file grew more than without; milliseconds a day, medians."""

    days: int
    content: float
    file: float
    without: float
    difference: float


@dataclass
class _Side:
    """One of the two ledgers, day by day."""

    office: Office
    file: Path
    milliseconds: list[float | None]

    async def day(self, number: int) -> None:
        self.office.world.next_day(session_of(number))
        move_prices(self.office.world, number)
        self.office.broker.orders = self.office.broker.working()
        started = perf_counter()
        result = await run_daily(self.office.desk(), RunRequest())
        milliseconds = (perf_counter() - started) * 1000
        if result.report is None:
            raise MeasurementFailed(f"day {number} was not done: {result.status}")
        self.milliseconds.append(None if result.report["orders"] else milliseconds)

    def sizes(self) -> tuple[int, int]:
        """(bytes of the chunks' content, of the file)."""
        with sqlite3.connect(self.file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (content,) = connection.execute("SELECT coalesce(sum(length(content)), 0) FROM chunks").fetchone()
        connection.close()
        return content, self.file.stat().st_size


def measure_kept_inputs(days: int = DAYS) -> tuple[KeptInputs, ...]:
    """Raises: MeasurementFailed where a day was not quiet."""
    with tempfile.TemporaryDirectory() as folder:
        return (asyncio.run(_measured(Path(folder), days)),)


async def _measured(folder: Path, days: int) -> KeptInputs:
    sides = [_side(folder / f"{name}.db") for name in ("with", "without")]
    first: list[tuple[int, int]] = []
    for number in range(WARM_UP + days):
        if number == WARM_UP:
            first = [side.sizes() for side in sides]
        # The machine's mood is both sides' alike, and neither is always the first.
        for kept, side in list(enumerate(sides))[:: 1 if number % 2 else -1]:
            if kept == 0:
                await side.day(number)
            else:
                with patch.object(decide, "with_day_kept", lambda _, run, *__: run):
                    await side.day(number)
    grown = [(now[0] - then[0], now[1] - then[1]) for now, then in zip((s.sizes() for s in sides), first, strict=True)]
    both = zip(*(side.milliseconds[WARM_UP:] for side in sides), strict=True)
    pairs = [(kept, without) for kept, without in both if kept is not None and without is not None]
    return KeptInputs(
        len(pairs),
        grown[0][0] / days,
        (grown[0][1] - grown[1][1]) / days,
        median(without for _, without in pairs),
        median(kept - without for kept, without in pairs),
    )


def _side(file: Path) -> _Side:
    office = Office(open_ledger(f"sqlite:///{file}"), quiet_world())
    office.market_data = SteadyMarket(office.world)
    office.broker.pause = _answers
    return _Side(office, file, [])


async def _answers(_: str) -> None:
    """As long as a broker next door takes."""
    await asyncio.sleep(CALL_SECONDS)


def in_words(each: KeptInputs) -> str:
    """One line for people."""
    return (
        f"SQLite: what a quiet day of {len(SYMBOLS)} names keeps: {each.content:,.0f} bytes of chunks, and the file "
        f"grows {each.file:,.0f} more, target {BYTES:,}; {each.difference:+.1f} ms to {each.without:.1f} ms, "
        f"{each.difference / each.without:+.1%}, target {SHARE:.0%} ({each.days} days)"
    )


if __name__ == "__main__":
    sys.exit(run_as_program("tests.benchmarks.kept_inputs", __doc__, measure_kept_inputs, in_words))
