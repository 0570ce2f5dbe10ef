"""`python -m tests.adoption`: what the shipped policies do with a book that they meet, from many days on.

Each start leads every policy for a year. It judges by the three promises of the first contact, and fails where one is
broken.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from app.domain.policy import AdoptionMode
from tests.adoption.books import VARIANTS
from tests.adoption.starts import POLICIES, SESSIONS, Row, meet, policy_named, row_of, starts

STARTS = 60
HALF, MOST_ON_DAY_ONE = 0.5, 0.05
COLUMNS: tuple[tuple[str, Callable[[Row], float]], ...] = (
    ("day one", lambda row: row.day_one),
    ("mandatory on day one", lambda row: row.mandatory),
    ("week one", lambda row: row.week_one),
    ("eight weeks", lambda row: row.window),
    ("mandatory in them", lambda row: row.mandatory_window),
    ("week nine", lambda row: row.week_nine),
    ("rebalanced in it", lambda row: row.rebalanced),
    ("a week later on", lambda row: row.ordinary_week),
    ("most in a day of pace", lambda row: row.rushed),
)


def measured(
    count: int, sessions: int, mode: AdoptionMode, books: Sequence[str], names: Sequence[str] = POLICIES
) -> Iterator[Row]:
    """A row for each start, book and policy."""
    policies = [policy_named(name, mode) for name in names]
    for book in books:
        for on in starts(count):
            for name, way in zip(names, meet(policies, on, book, sessions), strict=True):
                yield row_of(way, on, name, book)


def broken(row: Row) -> tuple[str, ...]:
    """The promises of the first contact that this one does not keep, in words."""
    told = f"{row.book}, {row.policy}, {row.mode}, {row.start}"
    found = []
    # What is mostly money is invested at once, like any that is paid in.
    if row.invested[0] >= HALF and row.mode != AdoptionMode.NOW and row.day_one > MOST_ON_DAY_ONE + 1e-9:
        found.append(f"{told}: {row.day_one:.2%} of NAV on day one")
    if row.invested[0] >= HALF and row.mode != AdoptionMode.NOW and row.rushed > MOST_ON_DAY_ONE + 1e-9:
        found.append(f"{told}: {row.rushed:.2%} of NAV on one day to work the book off")
    if row.mandatory > 0:
        found.append(f"{told}: mandatory sales of {row.mandatory:.2%} of NAV on day one")
    if row.inherited_levels or row.level != "ACTIVE":
        found.append(f"{told}: {row.level} on day one, raised by what was there before on {row.inherited_levels} days")
    return tuple(found)


def _table(rows: Sequence[Row]) -> Table:
    table = Table("book", "policy", *(f"{name}: mean / p90 / most" for name, _ in COLUMNS), "level", "reversed")
    for book, policy in dict.fromkeys((row.book, row.policy) for row in rows):
        own = [row for row in rows if (row.book, row.policy) == (book, policy)]
        figures = [np.array([100 * of(row) for row in own]) for _, of in COLUMNS]
        raised = sum(1 for row in own if row.inherited_levels or row.level != "ACTIVE")
        table.add_row(
            book,
            policy,
            *(f"{one.mean():.1f} / {np.percentile(one, 90):.1f} / {one.max():.1f}" for one in figures),
            f"{raised} of {len(own)}",
            f"{sum(row.reversals for row in own)}",
        )
    return table


def main() -> int:
    """The table, and JSON where it is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.adoption", description=__doc__)
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--mode", type=AdoptionMode, default=AdoptionMode.ADOPT, choices=list(AdoptionMode))
    parser.add_argument("--book", action="append", choices=list(VARIANTS), help="may be repeated; twelve unless told")
    parser.add_argument("--policy", action="append", choices=POLICIES)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every row there")
    given = parser.parse_args()
    rows = list(measured(given.starts, given.sessions, given.mode, given.book or ["twelve"], given.policy or POLICIES))
    console = Console(width=None if sys.stdout.isatty() else 240)
    console.print(f"{given.starts} starts, {given.sessions} sessions each, mode {given.mode}; percent of NAV")
    console.print(_table(rows))
    if given.json:
        given.json.write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    found = [text for row in rows for text in broken(row)]
    for text in found[:40]:
        console.print(text, highlight=False)
    console.print(f"{len(found)} promises broken in {len(rows)} first contacts", highlight=False)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
