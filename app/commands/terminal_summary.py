"""The first four lines of what a person reads of a run."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

LINES = (("Done", "done"), ("Cost", "cost"), ("Now", "now"), ("For you", "needs"))
NOTHING = "Nothing."


def summary_parts(report: Mapping[str, Any]) -> list[RenderableType]:
    """Reports of earlier versions have none."""
    told = report.get("summary")
    if not told:
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, name in LINES:
        urgent = name == "needs" and told[name] != NOTHING
        table.add_row(label, Text(told[name], "bold yellow" if urgent else ""))
    return [table, Text()]


def unreported_summary(run: Mapping[str, Any], orders: int, filled: int) -> Mapping[str, Any]:
    """Of a run that ended without a report, as far as the record tells; `orders` committed, `filled` of them."""
    why = f": {run['error']}" if run["error"] else ""
    sent = f"{filled} of its {orders} orders were filled" if orders else "nothing was ordered"
    again = "`portfolio reconcile` looks its orders up." if orders else "Mend the cause and run again: the day is free."
    return {
        "summary": {
            "done": f"The run is {run['status'].replace('_', ' ')}, {sent}{why}",
            "cost": "`portfolio events` has the fills." if filled else "Nothing: no order was filled.",
            "now": "Not known: the run came to no reading of the account.",
            "needs": NOTHING if run["status"] == "running" else again,
        }
    }
