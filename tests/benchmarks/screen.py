"""Shows the figures as a table, for people."""

from rich.console import Console
from rich.table import Table

from tests.benchmarks.figures import Figure, figures
from tests.benchmarks.runs import median_of, stage_medians
from tests.benchmarks.series import Measured

VERDICTS = {True: "yes", False: "NO", None: ""}


def show(console: Console, measured: Measured) -> None:
    """Every figure, then what every kind of run spends where."""
    console.print(_figure_table(figures(measured)), _stage_table(measured))


def _figure_table(found: tuple[Figure, ...]) -> Table:
    table = Table(title="Figures (medians)")
    table.add_column("figure")
    for name in ("measured", "target", "met", "of"):
        table.add_column(name, justify="right")
    for figure in found:
        target = "" if figure.target is None else f"≤ {figure.target:g}"
        table.add_row(
            figure.name, f"{_plain(figure)} {figure.unit}", target, VERDICTS[figure.met], str(figure.measured)
        )
    return table


def _plain(figure: Figure) -> str:
    return f"{figure.value:.2f}" if figure.unit == "s" else f"{figure.value:.1f}"


def _stage_table(measured: Measured) -> Table:
    table = Table(title="Where the time goes (medians, ms)")
    table.add_column("run")
    stages = list(stage_medians(measured.groups[0].samples))
    for name in ("pacing", "imposed", "wall", *(stage.removesuffix("_agent") for stage in stages)):
        table.add_column(name, justify="right")
    for group in measured.groups:
        medians = stage_medians(group.samples)
        imposed = median_of(group.samples, lambda sample: sample.minimum.seconds * 1000)
        wall = median_of(group.samples, lambda sample: sample.seconds * 1000)
        numbers = (f"{number:.0f}" for number in (imposed, wall, *(medians[stage] for stage in stages)))
        table.add_row(group.name, f"{group.pacing:g}", *numbers)
    return table
