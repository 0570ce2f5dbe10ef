"""`portfolio doctor`: what is wrong, and what to do. It looks and changes nothing."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.commands.checks.records import Check, Status
from app.commands.output import JsonOption, StateOption, print_json, settings_of

FORM = 1
# A setting with a value that no column is wide enough for.
_LONG_LINE = re.compile(r"\b([A-Z][A-Z0-9_]+)=[\w:/+-]{40,}")
STYLE = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILURE: "bold red", Status.SKIPPED: "dim"}
NOBODY = "Nothing runs here yet, which is fine: `make demo` shows a whole day, `portfolio up` starts all of it."


def doctor(
    state: StateOption = None,
    url: Annotated[str | None, typer.Option("--url", help="A running service to look at, too.")] = None,
    ask_model: Annotated[
        bool, typer.Option("--model", help="Ask the model one tiny question; costs a little.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """What is wrong, and what to do. Looks only; status 1 when something failed."""
    # What it looks with takes a second to import, and no other command needs it.
    from app.commands.checks.examination import examine

    settings = settings_of(state)
    with Console(stderr=True).status("looking …") as progress:
        checks = asyncio.run(examine(settings, url, ask_model, lambda told: progress.update(f"looking: {told}")))
    verdict = worst(checks)
    if as_json:
        print_json({"form": FORM, "verdict": verdict, "checks": [asdict(check) for check in checks]})
    else:
        _show(Console(), checks)
    if verdict is Status.FAILURE:
        raise typer.Exit(1)


def worst(checks: tuple[Check, ...]) -> Status:
    """Of all; what was skipped does not count."""
    return max((check.status for check in checks if check.status in _ORDER), key=_ORDER.index, default=Status.OK)


_ORDER = (Status.OK, Status.WARNING, Status.FAILURE)


def _show(console: Console, checks: tuple[Check, ...]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in ("check", "status", "finding"):
        table.add_column(column, no_wrap=column != "finding", overflow="fold")
    looked_at = [check for check in checks if check.status is not Status.SKIPPED]
    for check in looked_at:
        finding = Text(check.finding)
        if check.remedy and check.status is not Status.OK:
            remedy = _LONG_LINE.sub(lambda found: f"{found[1]}=… (whole below)", check.remedy)
            finding.append(f"\n→ {remedy}", style="bold")
        table.add_row(check.name, Text(check.status.value, style=STYLE[check.status]), finding)
    console.print(table)
    for why in dict.fromkeys(check.finding for check in checks if check.status is Status.SKIPPED):
        names = ", ".join(check.name for check in checks if check.finding == why and check not in looked_at)
        console.print(Text(f"{names}: {why}", style="dim"))
    for line in _lines_for_env(looked_at):
        # Whole, however narrow the terminal is: it is there to be copied.
        console.print(Text(line), soft_wrap=True)
    counts = {status: sum(check.status is status for check in checks) for status in Status}
    console.print(", ".join(f"{count} {status.value}" for status, count in counts.items() if count))
    console.print(Text(_verdict(checks), style="bold"))


def _lines_for_env(checks: Sequence[Check]) -> Iterator[str]:
    for check in checks:
        if check.remedy and check.status is not Status.OK:
            yield from (found[0] for found in _LONG_LINE.finditer(check.remedy))


def _verdict(checks: tuple[Check, ...]) -> str:
    """In one line, which no other line contradicts."""
    failed = [check.name for check in checks if check.status is Status.FAILURE]
    if failed:
        return f"Not ready: {', '.join(failed)} failed. Correct the first one first, and look again."
    if all(check.status is Status.WARNING for check in checks if check.name in ("gateway", "mcp")):
        return NOBODY
    if worst(checks) is Status.WARNING:
        return "A run can start; weigh the warnings first."
    return "Ready for a run."
