"""A sweep as one HTML file that needs nothing else: table, heat map, what was promised and what came."""

from collections.abc import Iterator, Sequence
from html import escape

from app.backtest.sweep.candidates import shown, told
from app.backtest.sweep.heat_map import HeatMap, heat_map
from app.backtest.sweep.judge import Row, Swept
from app.backtest.sweep.words import HEADINGS, figure, interval
from app.explain.difference import changes

_SHOWN = 100
_WIDTH, _HEIGHT, _LEFT, _TOP = 64, 30, 110, 24
_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--paper:#fff;--line:#c8ced6;--hot:#0b6bcb}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14181d;--line:#3b444f;--hot:#5aa9f5}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:70rem;
margin:0 auto;padding:1rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.mark{border-left:4px solid var(--hot);padding:.4rem .8rem}
svg text{fill:currentColor;font:11px system-ui,sans-serif}
"""


def html(swept: Swept, assumptions: Sequence[str]) -> str:
    """Everything that comes from files is escaped."""
    body = "\n".join(_body(swept, assumptions))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_text(_heading(swept))}</title><style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _body(swept: Swept, assumptions: Sequence[str]) -> Iterator[str]:
    best = swept.rows[0]
    yield f"<h1>{_text(_heading(swept))}</h1>"
    yield f'<p class="mark">In-sample until {swept.dates[-1]}: the best was chosen with hindsight.</p>'
    yield "<h2>The best</h2><ul>"
    for one in changes(swept.base.candidate.policy, best.candidate.policy):
        yield f"<li>{_text(f'{one.field}: {one.first} → {one.second}')}</li>"
    for name in (swept.objective.value, "cagr", "max_drawdown"):
        less = interval(name, swept.best.less_base[name])
        yield f"<li>{name}: {interval(name, swept.best.statistics[name])}, less the policy as it is {less}</li>"
    yield f"<li>deflated Sharpe ratio over {swept.trials} trials: {_share(swept.deflated_sharpe)}</li>"
    yield f"<li>probability of overfitting: {_share(swept.overfitting)}</li></ul>"
    found = heat_map(swept)
    if found is not None:
        yield f"<h2>{_text(f'{swept.objective} by {found.down.field} (down) and {found.across.field} (across)')}</h2>"
        yield f'<div class="wide">{heat_map_svg(found)}</div>'
    yield from _forward(swept)
    yield from _table(swept)
    yield "<h2>Assumed</h2><ul>" + "".join(f"<li>{_text(one)}</li>" for one in assumptions) + "</ul>"


def heat_map_svg(found: HeatMap) -> str:
    """Values in words, too: nothing is told by colour alone."""
    low, high = min(found.known), max(found.known)
    across, down = [shown(one) for one in found.across.values], [shown(one) for one in found.down.values]
    width, height = _LEFT + _WIDTH * len(across), _TOP + _HEIGHT * len(down)
    label = _text(f"{found.down.field} by {found.across.field}")
    parts = [f'<svg width="{width}" height="{height}" role="img" aria-label="{label}">']
    for n, name in enumerate(across):
        parts.append(f'<text x="{_LEFT + _WIDTH * (n + 0.5)}" y="{_TOP - 8}" text-anchor="middle">{_text(name)}</text>')
    for m, row in enumerate(down):
        y = _TOP + _HEIGHT * m
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 19}" text-anchor="end">{_text(row)}</text>')
        for n, column in enumerate(across):
            value = found.values[row, column]
            place = 0.0 if value is None or high == low else (value - low) / (high - low)
            x = _LEFT + _WIDTH * n
            parts.append(
                f'<rect x="{x}" y="{y}" width="{_WIDTH - 2}" height="{_HEIGHT - 2}" fill="var(--hot)" '
                f'fill-opacity="{0.05 + 0.5 * place:.2f}"/><text x="{x + _WIDTH / 2 - 1}" y="{y + 19}" '
                f'text-anchor="middle">{"–" if value is None else f"{value:.3f}"}</text>'
            )
    return "".join(parts) + "</svg>"


def _forward(swept: Swept) -> Iterator[str]:
    forward, compared, name = swept.forward, swept.forward_compared, swept.objective.value
    if forward is None or compared is None:
        return
    yield "<h2>What could have been chosen in time</h2>"
    rows = [
        (
            f"{swept.dates[one.window.middle]} – {swept.dates[one.window.end - 1]}",
            told(swept.tried[one.chosen].candidate.point),
            figure(name, one.in_sample),
            figure(name, one.out_of_sample),
            f"{one.switch:.2%}",
        )
        for one in forward.choices
    ]
    yield from _rows(("tried", "chosen", f"{name} promised", f"{name} that came", "cost of going over"), rows)
    yield (
        f"<p>{name} promised on average {figure(name, forward.in_sample)}, came to "
        f"{interval(name, compared.statistics[name])}; less the policy as it is on the same days "
        f"{interval(name, compared.less_base[name])}.</p>"
    )


def _table(swept: Swept) -> Iterator[str]:
    yield f"<h2>The policies, best by {swept.objective} first</h2>"
    kept = [row for n, row in enumerate(swept.rows) if n < _SHOWN or row is swept.base]
    yield from _rows(("varied", *HEADINGS.values(), "orders"), [_cells(row, row is swept.base) for row in kept])
    if len(kept) < len(swept.rows):
        yield f"<p>{len(swept.rows) - len(kept)} more are in the JSON.</p>"


def _cells(row: Row, is_base: bool) -> tuple[str, ...]:
    figures = (figure(name, row.statistics.get(name)) for name in HEADINGS)
    return (
        told(row.candidate.point) + " (as it is)" * is_base + " (next to cash)" * row.near_cash,
        *figures,
        str(row.orders),
    )


def _rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield '<div class="wide"><table><tr>' + "".join(f"<th>{_text(one)}</th>" for one in heads) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>"
    yield "</table></div>"


def _heading(swept: Swept) -> str:
    name = swept.base.candidate.policy.name
    return f"{swept.trials} policies around {name}, {swept.dates[0]} to {swept.dates[-1]}"


def _share(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.0%}"


def _text(text: str) -> str:
    return escape(text, quote=True)
