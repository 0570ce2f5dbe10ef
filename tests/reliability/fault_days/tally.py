"""Adds days up: what the table of the suite shows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.reliability.fault_days.judging import WRONGS


@dataclass
class Row:
    """Figures of some days."""

    days: int = 0
    faults: int = 0
    messages: int = 0
    orders: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    wrongs: Counter[str] = field(default_factory=Counter)

    def add(self, day: Mapping[str, Any]) -> None:
        """One more, as `Verdict.as_json` tells it."""
        self.days += 1
        self.faults += len(day["struck"])
        self.messages += day["messages"]
        self.orders += day["orders"]
        self.kills.update(day["kills"])
        self.wrongs.update({kind: len(found) for kind, found in day["wrong"].items()})

    def as_json(self) -> dict[str, Any]:
        """Every figure by its name."""
        kills = {f"killed: {kind}": self.kills[kind] for kind in ("parent", "child")}
        told = {"days": self.days, "faults": self.faults, **kills, "orders": self.orders, "messages": self.messages}
        return {**told, **{kind: self.wrongs[kind] for kind in WRONGS}}


def by_database(days: Iterable[Mapping[str, Any]]) -> dict[str, Row]:
    """And the sum of all under "all"."""
    rows: dict[str, Row] = {}
    for day in days:
        for name in (day["database"], "all"):
            rows.setdefault(name, Row()).add(day)
    return {name: rows[name] for name in sorted(rows, key=lambda name: name == "all")}


def table(rows: Mapping[str, Row]) -> str:
    """Markdown, a figure a line."""
    figures = {name: row.as_json() for name, row in rows.items()}
    names = list(next(iter(figures.values()), {}))
    lines = [["", *figures], ["---"] * (len(figures) + 1)]
    lines += [[name, *(f"{each[name]:,}" for each in figures.values())] for name in names]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
