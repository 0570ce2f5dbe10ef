"""How the objective depends on two of the fields that were varied."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean

from app.backtest.sweep.candidates import Point, Varied, shown
from app.backtest.sweep.judge import Swept
from app.backtest.sweep.walk_forward import figure_of

_FIELDS = 2


@dataclass(frozen=True)
class HeatMap:
    """`values`: by the two fields' values as the file writes them; the mean over what else was varied, None where no
    policy has a figure.
    """

    down: Varied
    across: Varied
    values: Mapping[tuple[str, str], float | None]

    @property
    def known(self) -> list[float]:
        """Every figure there is."""
        return [value for value in self.values.values() if value is not None]


def heat_map(swept: Swept) -> HeatMap | None:
    """Of the first two fields; None where fewer were varied, or no figure is defined."""
    if len(swept.fields) < _FIELDS:
        return None
    down, across = swept.fields[:_FIELDS]
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for row in swept.rows:
        value, point = figure_of(row.statistics, swept.objective), row.candidate.point
        if value is not None and point:
            found[_place(down, point), _place(across, point)].append(value)
    cells = {
        (shown(a), shown(b)): mean(values) if (values := found.get((shown(a), shown(b)))) else None
        for a in down.values
        for b in across.values
    }
    made = HeatMap(down, across, cells)
    return made if made.known else None


def _place(field: Varied, point: Point) -> str:
    return shown(point[field.field])
