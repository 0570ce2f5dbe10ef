"""A sweep as one HTML file: what the best is worth, where it lies, what was promised and what came."""

from collections.abc import Iterator, Sequence

from app.backtest.page import element, listed, page, table, text
from app.backtest.report.words import STATISTICS
from app.backtest.sweep.candidates import shown, told
from app.backtest.sweep.heat_map import HeatMap, heat_map
from app.backtest.sweep.judge import Row, Swept
from app.backtest.sweep.words import FORWARD_HEADS, best_lines, figure, forward_lines, forward_rows, in_sample

_SHOWN = 100
_COLUMNS = ("sharpe", "cagr", "max_drawdown", "calmar", "volatility", "turnover", "costs", "exposure_mean")


def html(swept: Swept, assumptions: Sequence[str]) -> str:
    """One self-contained file."""
    name = swept.base.candidate.policy.name
    title = f"{swept.trials} policies around {name}, {swept.dates[0]} to {swept.dates[-1]}"
    return page(title, _body(swept, assumptions, title))


def _body(swept: Swept, assumptions: Sequence[str], title: str) -> Iterator[str]:
    yield element("h1", title)
    yield element("p", in_sample(swept), "mark")
    yield element("h2", "The best of them")
    yield listed(best_lines(swept))
    found = heat_map(swept)
    if found is not None:
        yield element("h2", f"{swept.objective} by {found.down.field} (down) and {found.across.field} (across)")
        yield heat_table(found)
    if swept.forward is not None:
        yield element("h2", "What could have been chosen in time")
        yield table(FORWARD_HEADS, forward_rows(swept))
        yield listed(forward_lines(swept))
    yield element("h2", f"The policies, best by {swept.objective} first")
    kept = [row for n, row in enumerate(swept.rows) if n < _SHOWN or row is swept.base]
    heads = ("varied", *(STATISTICS[name][0] for name in _COLUMNS), "orders")
    yield table(heads, [_cells(row, row is swept.base) for row in kept])
    if len(kept) < len(swept.rows):
        yield element("p", f"{len(swept.rows) - len(kept)} more are in the JSON")
    yield element("h2", "What is assumed")
    yield listed(assumptions)


def heat_table(found: HeatMap) -> str:
    """Figures with a tint between the lowest and the highest of them: nothing is told by colour alone."""
    low, high = min(found.known), max(found.known)
    across = [shown(one) for one in found.across.values]

    def cell(value: float | None) -> str:
        if value is None:
            return "<td>–</td>"
        place = (value - low) / (high - low) if high > low else 0.0
        return f'<td style="--tint:var(--good);--v:{place:.2f}">{value:.3f}</td>'

    head = "".join(f'<th scope="col">{text(one)}</th>' for one in ("", *across))
    rows = "".join(
        f'<tr><th scope="row">{text(down)}</th>{"".join(cell(found.values[down, one]) for one in across)}</tr>'
        for down in map(shown, found.down.values)
    )
    return f'<div class="wide"><table class="heat"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cells(row: Row, is_base: bool) -> tuple[str, ...]:
    figures = (figure(name, row.statistics.get(name)) for name in _COLUMNS)
    where = told(row.candidate.point) + " (as it is)" * is_base + " (next to cash)" * row.near_cash
    return (where, *figures, str(row.orders))
