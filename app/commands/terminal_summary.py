"""The first four lines of a report, and of a run that left none."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

Row = Mapping[str, Any]
LEADS = (("Done", "done"), ("Cost", "cost"), ("Now", "now"), ("Needs you", "needs"))

NOTHING_NEEDED = "nothing"


def summary_lines(summary: Row | None, before: str | None = None) -> list[Text]:
    """One a question; none of a report that an earlier version made. `before` is said first of what was done."""
    if not summary:
        return [Text(f"Done: {before}")] if before else []
    told = {name: summary[name]["text"] for _, name in LEADS}
    if before:
        told["done"] = f"{before}; {told['done']}"
    return [Text.assemble((f"{lead}: ", "bold"), told[name]) for lead, name in LEADS]


def is_told(summary: Row | None, words: str) -> bool:
    """One of the four lines says it."""
    return bool(summary) and any(words in summary[name]["text"] for _, name in LEADS)  # type: ignore[index]  # is there
