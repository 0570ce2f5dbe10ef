"""All mutants: `python -m tests.reliability.mutants`, with `--write` also into docs/reliability.md.

Exit status 1 when one of them is not caught, or when the unchanged product fails what shall catch it.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests.reliability.document import ROOT, put
from tests.reliability.mutants.catalogue import MUTANTS
from tests.reliability.mutants.survivors import SURVIVORS

TABLE = "mutants"
EVERY = (*MUTANTS, *SURVIVORS)


def run(number: int, *, changed: bool = True) -> dict[str, Any]:
    """What a mutant showed. Raises RuntimeError where its process failed."""
    command = [
        sys.executable,
        "-m",
        "tests.reliability.mutants.child",
        str(number),
        *([] if changed else ["unchanged"]),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{EVERY[number].name}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def table(shown: Sequence[dict[str, Any]]) -> str:
    """Markdown, of the safeguards: they come first."""
    lines = ["| safeguard | test that fails without it | violations without it |", "| --- | --- | --- |"]
    for mutant, told in zip(MUTANTS, shown, strict=False):
        unit = "cases" if mutant.probes else "tests"
        lines.append(f"| {mutant.name} | `{mutant.test}` | {told['wrong']} of {told['cases']} {unit} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.mutants", description="All mutants.")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    given = parser.parse_args(arguments)
    shown, bad = [], []
    for number, mutant in enumerate(EVERY):
        whole, told = run(number, changed=False), run(number)
        shown.append(told)
        if told["wrong"] == 0:
            bad.append(f"not caught: {mutant.name}")
        if whole["wrong"] != 0:
            bad.append(f"wrong without a change: {mutant.name}: {whole['example']}")
        sys.stderr.write(f"{told['wrong']} of {told['cases']}: {mutant.name}: {told['example']}\n")
    sys.stdout.write(table(shown))
    if given.write and not bad:
        put(TABLE, table(shown))
    for line in bad:
        sys.stderr.write(line + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
