"""All drills: `python -m tests.reliability.restore --workers 2`. It goes on where it was interrupted.

Exit status 1 when any drill shows a violation; its seed repeats it.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.reliability.document import put
from tests.reliability.restore.suite import DATABASES, run, table


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.restore", description=__doc__)
    parser.add_argument("--drills", type=int, default=200, help="how many on each database")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--database", action="append", choices=DATABASES, help="both unless given")
    parser.add_argument("--folder", type=Path, default=Path(".restore-drills"), help="where the drills are kept")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    given = parser.parse_args()
    outcomes = run(given.folder, given.drills, given.database or DATABASES, given.workers)
    wrong = [outcome for outcome in outcomes if outcome.violations]
    sys.stdout.write(table(outcomes) + "\n")
    for outcome in wrong:
        sys.stderr.write(json.dumps(outcome.as_json()) + "\n")
    if given.write and not wrong:
        put("restore drills", table(outcomes))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
