"""The whole suite: `python -m tests.reliability.fault_days --days 62 --seed 1`. It goes on where it was interrupted.

Exit status 1 when anything is wrong with any day.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.reliability.document import put
from tests.reliability.fault_days.events import drawn
from tests.reliability.fault_days.suite import run, stops_cleanly, written
from tests.reliability.fault_days.tally import by_database, table

DATABASES = ("sqlite", "postgresql")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.fault_days", description="Days of faults.")
    parser.add_argument("--days", type=int, default=62)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=DATABASES, nargs="+", default=DATABASES)
    parser.add_argument("--workers", type=int, default=2, choices=(1, 2))
    parser.add_argument("--folder", type=Path, default=Path(".fault-days"), help="where the days are kept")
    parser.add_argument("--json", action="store_true", help="figures as JSON in place of the table")
    parser.add_argument("--script", action="store_true", help="tell what would happen, and do nothing")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    given = parser.parse_args(arguments)
    if given.script:
        for database in given.database:
            for number in range(1, given.days + 1):
                day = {"database": database, **drawn(given.seed, number, database).as_json()}
                print(json.dumps(day))  # noqa: T201 (what was asked for)
        return 0
    given.folder.mkdir(parents=True, exist_ok=True)
    stops_cleanly()
    run(given.folder, given.database, given.seed, given.days, given.workers)
    days = [row for row in written(given.folder) if row["seed"] == given.seed and row["day"]["number"] <= given.days]
    days = [row for row in days if row["database"] in given.database]
    figures = by_database(days)
    if given.json:
        print(json.dumps({name: row.as_json() for name, row in figures.items()}))  # noqa: T201 (what was asked for)
    else:
        print(table(figures))  # noqa: T201 (what was asked for)
    wrong = [row for row in days if row["wrong"]]
    if given.write and not wrong:
        put("fault days", table(figures))
    for row in wrong:
        sys.stderr.write(json.dumps(row) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
