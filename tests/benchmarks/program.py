"""A measurement as a program: its results a line each, or as JSON alone."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Result = TypeVar("Result", bound="DataclassInstance")


def run_as_program(
    module: str, description: str | None, measure: Callable[[], Sequence[Result]], line: Callable[[Result], str]
) -> int:
    """Returns the exit status. `line` tells one result to people."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--json", action="store_true", help="JSON alone on standard output")
    given = parser.parse_args()
    found = measure()
    if given.json:
        sys.stdout.write(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line(each)}\n" for each in found)
    return 0
