"""What a person reads of a sweep: the best policies, where they lie, and how much of it is hindsight."""

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from app.backtest.sweep.candidates import Point, shown, told
from app.backtest.sweep.heat_map import HeatMap, heat_map
from app.backtest.sweep.judge import Row, Swept
from app.backtest.sweep.walk_forward import Objective
from app.backtest.sweep.words import HEADINGS, figure, interval
from app.commands.terminal import heading, percent, plain_table
from app.explain.difference import changes

SHOWN = 15
# Beside the objective: what fits into a terminal.
_SHORT = ("sharpe", "cagr", "max_drawdown", "costs", "exposure_mean")
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
    parts += [heading("The best of them"), *_best(swept)]
    if swept.forward is not None:
        parts += [heading("What could have been chosen in time"), *_forward(swept)]
    parts += [heading("Assumed"), *(Text(f"· {one}") for one in assumptions)]
    for failure in swept.collected.failures:
        parts.append(Text(f"{len(failure.policies)} policies were given up: {failure.why}", style="bold red"))
    console.print(Group(*parts))


def _table(swept: Swept) -> RenderableType:
    fields = [one.field for one in swept.fields]
    statistics = tuple(dict.fromkeys((swept.objective.value, *_SHORT)))
    numbers = [HEADINGS[name] for name in statistics]
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


def _best(swept: Swept) -> Iterable[RenderableType]:
    best, name = swept.rows[0], swept.objective.value
    if best is swept.base:
        yield Text(f"none of the {swept.trials - 1} others is better than the policy as it is")
    for one in changes(swept.base.candidate.policy, best.candidate.policy):
        yield Text(f"  {one.field}: {one.first} → {one.second}")
    yield Text(f"in-sample until {swept.dates[-1]}: chosen with hindsight, by the days that it is shown for", "bold")
    yield Text(f"{name} {interval(name, swept.best.statistics[name])}")
    if best is not swept.base:
        for other in dict.fromkeys((name, "cagr", "max_drawdown")):
            yield Text(f"{other} less that of the policy as it is: {interval(other, swept.best.less_base[other])}")
    if swept.deflated_sharpe is not None:
        yield Text(f"probability of a Sharpe ratio above luck's among {swept.trials}: {swept.deflated_sharpe:.0%}")
    if swept.overfitting is not None:
        yield Text(f"probability that the best of one half of the days is no better than the middle in the other: "
                   f"{swept.overfitting:.0%}")  # fmt: skip


def _forward(swept: Swept) -> Iterable[RenderableType]:
    forward, compared, name = swept.forward, swept.forward_compared, swept.objective.value
    if forward is None or compared is None:
        return
    made = plain_table(
        "tried from", "until", "chosen", "promised", "came", "switch", right=("promised", "came", "switch")
    )
    for one in forward.choices:
        point: Point = swept.tried[one.chosen].candidate.point
        made.add_row(
            str(swept.dates[one.window.middle]), str(swept.dates[one.window.end - 1]), told(point),
            figure(name, one.in_sample), figure(name, one.out_of_sample), percent(one.switch, 2),
        )  # fmt: skip
    yield made
    yield Text(f"{name} promised on average {figure(name, forward.in_sample)}, came to "
               f"{interval(name, compared.statistics[name])}")  # fmt: skip
    for other in dict.fromkeys((name, Objective.CAGR.value, "max_drawdown")):
        yield Text(f"{other} less that of the policy as it is, same days: {interval(other, compared.less_base[other])}")
