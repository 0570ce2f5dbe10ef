"""The whole enumeration: `python -m tests.reliability.crash --workers 2`. It goes on where it was interrupted.

Exit status 1 when any case is wrong or any label of a script was not died at.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.reliability.crash.suite import run, written
from tests.reliability.crash.tally import WRONGS, by_script, table, uncovered
from tests.reliability.document import put


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.crash", description="The crash enumeration.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all-lags", action="store_true", help="every point at every lag, three times the cases")
    parser.add_argument("--folder", type=Path, default=Path(".crash-suite"), help="where the cases are kept")
    parser.add_argument("--json", action="store_true", help="figures as JSON in place of the table")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
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
    wrong = [case for case in cases if any(case[name] for name in WRONGS)]
    if given.json:
        print(json.dumps({name: row.cells() for name, row in figures.items()}))  # noqa: T201 (what was asked for)
    else:
        print(table(figures))  # noqa: T201 (what was asked for)
    if given.write and not wrong and not missed:
        put("crash suite", table(figures))
    for case in wrong:
        sys.stderr.write(json.dumps(case) + "\n")
    for label in missed:
        sys.stderr.write(f"not covered: {label}\n")
    return 1 if wrong or missed else 0


if __name__ == "__main__":
    sys.exit(main())
