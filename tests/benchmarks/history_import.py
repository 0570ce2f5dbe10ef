"""What it costs to import a large file of prices, and to load what was kept of it.

`python -m tests.benchmarks.history_import`. A file of 500 names and 4,000 sessions with seven columns, some 115 MB, is
written first and not counted; then 20 names of 8,000 sessions are kept and loaded. Seconds of the processor, the best
of five loads; memory is the process's peak beyond what it had before.
"""

import resource
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import numpy as np

from app.backtest.data import store
from app.backtest.data.importing import Wanted, read_history
from app.backtest.history import Adjustment, History
from app.domain.instrument import Instrument
from app.market.calendar import ExchangeCalendar

NAMES, SESSIONS = 500, 4_000
SMALL_NAMES, SMALL_SESSIONS = 20, 8_000
ORIGIN = store.Origin(datetime(2024, 1, 1, tzinfo=UTC), {})


def main() -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        file = state / "prices.csv"
        write_prices(file)
        before, started = peak(), process_time()
        found = read_history(Wanted(file, "large", Adjustment.SPLIT))
        print(  # noqa: T201
            f"import of {file.stat().st_size / 1e6:.0f} MB, {NAMES} names, {SESSIONS} sessions: "
            f"{process_time() - started:.1f} s, {peak() - before:.0f} MB"
        )
        store.save(found, ORIGIN, state)
        print(f"load of it: {best_load('large', state):.0f} ms")  # noqa: T201
        store.save(small(), ORIGIN, state)
        print(f"load of {SMALL_NAMES} names, {SMALL_SESSIONS} sessions: {best_load('small', state):.1f} ms")  # noqa: T201


def write_prices(file: Path) -> None:
    """Bars of every name and session, seeded."""
    days = ExchangeCalendar().sessions()[:SESSIONS]
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, (SESSIONS, NAMES)), axis=0))
    with file.open("w") as stream:
        stream.write("date,symbol,open,high,low,close,volume\n")
        for day, row in zip(days, closes.clip(0.01).tolist(), strict=True):
            stream.writelines(
                f"{day},S{n:03},{p * 0.999:.4f},{p * 1.01:.4f},{p * 0.99:.4f},{p:.4f},{100_000 + n}\n"
                for n, p in enumerate(row)
            )


def small() -> History:
    """As large as the sample."""
    closes = np.random.default_rng(1).uniform(10, 20, (SMALL_SESSIONS, SMALL_NAMES))
    return History(
        name="small",
        source="import:small",
        adjustment=Adjustment.TOTAL,
        instruments=tuple(Instrument(n, f"S{n}", "USD") for n in range(SMALL_NAMES)),
        dates=ExchangeCalendar().sessions()[:SMALL_SESSIONS],
        closes=closes,
        index=closes[:, 0].copy(),
    )


def best_load(name: str, state: Path) -> float:
    """Milliseconds."""
    seconds = []
    for _ in range(5):
        started = process_time()
        store.load(name, state)
        seconds.append(process_time() - started)
    return 1000 * min(seconds)


def peak() -> float:
    """Megabytes; the system counts them in kilobytes, or in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
