"""`python -m tests.way_back`: no shipped policy is trapped, whatever the market does.

Every policy is led through 60 starts of a year, through 2000-2022, through seven markets that are drawn by 200 seeds
each and through the sample's days in another order. It tells each breach of a promise, and fails where there is one.
"""

import argparse
import json
import multiprocessing
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from app.settings import shipped_policies
from tests.way_back.worlds import RESAMPLED, SEEDS, STARTS, Row, World, all_worlds, by_promise, lead

PAGE = Path(__file__).parents[2] / "docs" / "way-back.md"
_PART = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)
HEADS = (
    "replays", "% in all: p10 / median / p90", "largest fall: median / most", "invested, of what is allowed",
    "falls acted upon / marks rebased", "longest below a fifth", "below half", "exits only, sessions: mean / most",
    "turnover a year", "week nine: most", "broken",
)  # fmt: skip


def measured(worlds: Sequence[World], jobs: int) -> Iterator[Row]:
    """In the order of the worlds, whatever process led each."""
    if jobs < 2:
        for world in worlds:
            yield from lead(world)
        return
    with multiprocessing.get_context("forkserver").Pool(jobs) as pool:
        for rows in pool.imap(lead, worlds):
            yield from rows


def table(rows: Sequence[Row]) -> str:
    """Markdown: a line a suite and policy."""
    lines = ["| | policy | " + " | ".join(HEADS) + " |", "|---" * (len(HEADS) + 2) + "|"]
    for suite, book in dict.fromkeys((row.suite, row.book) for row in rows):
        for policy in dict.fromkeys(row.policy for row in rows if (row.suite, row.book) == (suite, book)):
            own = [row for row in rows if (row.suite, row.book, row.policy) == (suite, book, policy)]
            name = f"{suite}, {book}" if suite == "starts" else suite
            lines.append(f"| {name} | {policy} | " + " | ".join(_cells(own)) + " |")
    return "\n".join(lines)


def _cells(rows: Sequence[Row]) -> Iterator[str]:
    def of(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([float(getattr(row, name)) for row in rows])

    totals, fall = 100 * of("total"), 100 * of("drawdown")
    yield f"{len(rows)}"
    yield " / ".join(f"{value:+.0f}" for value in np.percentile(totals, [10, 50, 90]))
    yield f"{np.median(fall):.0f} / {fall.max():.0f}"
    yield f"{of('exposure').mean():.2f} of {of('allowed').mean():.2f}"
    yield f"{of('falls').mean():.1f} / {of('rebases').mean():.1f}"
    yield f"{of('fifth').max():.0f}"
    yield f"{of('half').max():.0f}"
    yield f"{of('reducing').mean():.1f} / {of('reducing').max():.0f}"
    yield f"{of('turnover').mean():.2f}"
    yield f"{100 * of('week_nine').max():.0f} %"
    yield ", ".join(f"{name} {count}" for name, count in sorted(by_promise(rows).items())) or "–"


def written(page: str, rows: Sequence[Row]) -> str:
    """The page with the table between its markers."""
    return _PART.sub(lambda part: f"{part[1]}{table(rows)}\n{part[2]}", page)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.way_back", description=__doc__)
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of each market")
    parser.add_argument("--histories", type=int, default=RESAMPLED, help="of the sample's days in another order")
    parser.add_argument("--suite", action="append", help="may be repeated: starts, years, resampled or a market")
    parser.add_argument("--policy", action="append", choices=list(shipped_policies()))
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every row there")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.name}")
    return parser


def main() -> int:
    """The table, and every promise that was broken."""
    given = _parser().parse_args()
    policies = given.policy or list(shipped_policies())
    worlds = [
        one
        for one in all_worlds(given.starts, given.seeds, given.histories, policies)
        if not given.suite or one.suite in given.suite
    ]
    rows = []
    for row in measured(worlds, given.jobs):
        rows.append(row)
        if row.broken:
            print(f"{row.suite} {row.key} {row.book}, {row.policy}: {row.broken[0]}", flush=True)  # noqa: T201
    if given.json:
        given.json.write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    if given.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    found = sum(by_promise(rows).values())
    console = Console(width=None if sys.stdout.isatty() else 240)
    console.print(table(rows), highlight=False, soft_wrap=True)
    console.print(f"{found} promises broken in {len(rows)} replays", highlight=False)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
