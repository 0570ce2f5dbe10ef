"""What a person reads of a sweep: the best policies, where they lie, and how much of it is hindsight."""

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from app.backtest.sweep.candidates import shown
from app.backtest.sweep.heat_map import HeatMap, heat_map
from app.backtest.sweep.judge import Row, Swept
from app.backtest.sweep.words import FORWARD_HEADS, best_lines, figure, forward_lines, forward_rows, in_sample
from app.commands.terminal_parts import heading, plain_table

SHOWN = 15
# Beside the objective: what fits into a terminal.
_SHORT = {"sharpe": "Sharpe", "cagr": "a year", "max_drawdown": "fall", "costs": "costs", "exposure_mean": "invested"}
_SHADES = ("on grey15", "on grey23", "on grey30", "on dark_green", "on green4")


def show_sweep(console: Console, swept: Swept, assumptions: Sequence[str]) -> None:
    """Best first; the policy as it is always among them."""
    parts: list[RenderableType] = [
        heading(f"{swept.trials} policies by {swept.objective}, net of costs"),
        _table(swept),
    ]
    found = heat_map(swept)
    if found is not None:
        parts += [heading(f"{swept.objective} by {found.down.field} (down) and {found.across.field}"), _heat(found)]
    parts += [heading("The best of them"), Text(in_sample(swept), style="bold"), *map(Text, best_lines(swept))]
    if swept.forward is not None:
        parts += [heading("What could have been chosen in time"), *_forward(swept)]
    parts += [heading("Assumed"), *(Text(f"· {one}") for one in assumptions)]
    for failure in swept.collected.failures:
        parts.append(Text(f"{len(failure.policies)} policies were given up: {failure.why}", style="bold red"))
    console.print(Group(*parts))


def _table(swept: Swept) -> RenderableType:
    fields = [one.field for one in swept.fields]
    statistics = tuple(dict.fromkeys((swept.objective.value, *_SHORT)))
    numbers = [_SHORT.get(name, name) for name in statistics]
    made = plain_table("", *(name.rpartition(".")[2] for name in fields), *numbers, right=numbers)
    for number, row in enumerate(swept.rows, start=1):
        if number <= SHOWN or row is swept.base:
            mark = str(number) + " as it is" * (row is swept.base) + " ~cash" * row.near_cash
            made.add_row(mark, *_values(fields, row), *(figure(name, row.statistics.get(name)) for name in statistics))
    return made


def _values(fields: Iterable[str], row: Row) -> list[str]:
    point = row.candidate.point
    return [shown(point[name]) if point else "–" for name in fields]


def _heat(found: HeatMap) -> RenderableType:
    made = plain_table("", *map(shown, found.across.values), right=[*map(shown, found.across.values)])
    low, high = min(found.known), max(found.known)
    for down in map(shown, found.down.values):
        cells = [found.values[down, across] for across in map(shown, found.across.values)]
        made.add_row(down, *(_cell(value, low, high) for value in cells))
    return made


def _cell(value: float | None, low: float, high: float) -> Text:
    if value is None:
        return Text("–")
    place = (value - low) / (high - low) if high > low else 0.0
    return Text(f"{value:.3f}", style=_SHADES[min(len(_SHADES) - 1, int(place * len(_SHADES)))])


def _forward(swept: Swept) -> Iterable[RenderableType]:
    made = plain_table(*FORWARD_HEADS, right=FORWARD_HEADS[3:])
    for row in forward_rows(swept):
        made.add_row(*row)
    return (made, *map(Text, forward_lines(swept)))
