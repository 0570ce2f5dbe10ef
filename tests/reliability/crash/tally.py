"""Adds cases up: what the table of the suite shows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

WRONGS = ("duplicates", "unrecorded", "beyond_plan", "mismatches")


@dataclass
class Row:
    """Figures of some cases."""

    cases: int = 0
    kills: int = 0
    not_placed: int = 0
    wrongs: Counter[str] = field(default_factory=Counter)

    def add(self, case: Mapping[str, Any]) -> None:
        """One more case, as `Verdict.as_json` tells it."""
        self.cases += 1
        self.kills += len(case["deaths"])
        self.not_placed += case["not_placed"] > 0
        for wrong in WRONGS:
            self.wrongs[wrong] += bool(case[wrong])

    def cells(self) -> list[str]:
        """For one line of the table."""
        return [str(each) for each in (self.cases, self.kills, *(self.wrongs[w] for w in WRONGS), self.not_placed)]


def by_script(cases: Iterable[Mapping[str, Any]]) -> dict[str, Row]:
    """Rows by script, and the sum of all under "all"."""
    rows: dict[str, Row] = {}
    for case in cases:
        for name in (case["case"]["script"], "all"):
            rows.setdefault(name, Row()).add(case)
    if "all" in rows:
        rows["all"] = rows.pop("all")
    return rows


def uncovered(cases: Iterable[Mapping[str, Any]], points: Mapping[str, Iterable[str]]) -> list[str]:
    """Labels of a script at which no process died first; `points` are the labels of its lives, by script."""
    died = {(case["case"]["script"], case["case"]["label"]) for case in cases if case["deaths"]}
    return sorted(
        f"{script}: {label}"
        for script, labels in points.items()
        for label in set(labels)
        if (script, label) not in died
    )


def table(rows: Mapping[str, Row]) -> str:
    """Markdown."""
    head = ["script", "cases", "kills", "duplicate", "unrecorded", "over plan", "ledger ≠ broker", "not placed"]
    lines = [head, ["---"] * len(head), *([name, *row.cells()] for name, row in rows.items())]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
