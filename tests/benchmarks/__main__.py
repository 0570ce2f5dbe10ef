"""`make bench`: measures, then shows a table and JSON. Status 1 only when something could not be measured."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from app.domain.errors import PortfolioError
from tests.benchmarks.figures import as_json
from tests.benchmarks.screen import show
from tests.benchmarks.series import Counts, measure
from tests.benchmarks.world import MeasurementFailed

TABLE_COLUMNS = 170


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measures the daily run.")
    parser.add_argument("--json", action="store_true", help="JSON alone on standard output")
    parser.add_argument("--output", type=Path, help="file for the JSON, besides standard output")
    parser.add_argument("--quick", action="store_true", help="each thing once or twice: shows that it works, no more")
    return parser


def main() -> int:
    """Returns the exit status."""
    given = _parser().parse_args()
    counts = Counts(2, 1, 1, 1, 1, 2) if given.quick else Counts()
    load = os.getloadavg()
    try:
        with tempfile.TemporaryDirectory() as state:
            measured = measure(Path(state), counts, lambda words: _tell(f"· {words}"))
    except (MeasurementFailed, PortfolioError) as error:
        _tell(f"bench: {error}")
        return 1
    text = json.dumps(as_json(measured, load), indent=2)
    if not given.json:
        show(Console(width=TABLE_COLUMNS), measured)
    sys.stdout.write(text + "\n")
    if given.output is not None:
        given.output.write_text(text + "\n", encoding="utf-8")
    return 0


def _tell(words: str) -> None:
    sys.stderr.write(words + "\n")


if __name__ == "__main__":
    sys.exit(main())
