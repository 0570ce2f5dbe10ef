"""Pictures as inline SVG. Curves stretch with the page; words stay words of the page, so that a phone can read them.

Never by colour alone: curves differ in their dashes too, and marks in their shape.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from app.backtest.page import text
from app.domain.market import Array

SIZE = 1000
_BINS = 400
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 4", "1 4")
Tell = Callable[[float | None], str]


@dataclass(frozen=True)
class Line:
    """A curve. Shape: `values` [D], NaN where there is nothing to draw; `told` stands beside its name."""

    name: str
    values: Array
    told: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places, by logarithm where `log`."""

    low: float
    high: float
    log: bool = False

    def place(self, values: Array) -> Array:
        """0 at the bottom, `SIZE` at the top, turned as SVG counts."""
        shown, low, high = (np.log(values), math.log(self.low), math.log(self.high)) if self.log else (
            values, self.low, self.high
        )  # fmt: skip
        placed: Array = SIZE * (1 - (shown - low) / (high - low))
        return placed

    def ticks(self) -> list[float]:
        """Round values inside."""
        if not self.log:
            step = _round_step((self.high - self.low) / 4)
            first = math.ceil(self.low / step)
            return [n * step for n in range(first, math.floor(self.high / step) + 1)]
        fine = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if self.high < 8 * self.low else (1, 2, 5)
        found = [m * 10.0**e for e in range(-6, 12) for m in fine if self.low <= m * 10.0**e <= self.high]
        return found[:: max(1, round(len(found) / 5))]


def scale(lines: Sequence[Line], *also: float, log: bool = False) -> Scale:
    """Around all that is drawn; `also` values that must be inside."""
    known = [one.values[np.isfinite(one.values)] for one in lines]
    values = np.concatenate([*known, np.array(also, dtype=float)])
    if log:
        values = values[values > 0]
    if not len(values):
        return Scale(0.5, 1.5, log)
    low, high = float(values.min()), float(values.max())
    if not high > low:
        low, high = (low * 0.9, high * 1.1) if log else (low - 0.5, high + 0.5)
    return Scale(low, high, log)


def line_chart(
    title: str, dates: Sequence[date], lines: Sequence[Line], tell: Tell, *, limit: float | None = None,
    floor: float | None = None, log: bool = False, height: int = 240, marks: str = "",
) -> str:  # fmt: skip
    """`limit` is drawn as a line of its own; `floor` is inside the scale. `marks`: HTML put over the picture."""
    also = [value for value in (limit, floor) if value is not None]
    found = scale(lines, *also, log=log)
    drawn = [
        f'<path d="{_path(found.place(one.values))}" style="stroke:var(--c{n})"{_dashed(n)}/>'
        for n, one in enumerate(lines)
    ]
    if limit is not None:
        y = float(found.place(np.array([limit]))[0])
        drawn.append(f'<path class="limit" d="M0 {y:.0f}H{SIZE}"/>')
    told = "; ".join(f"{one.name} {one.told}".strip() for one in lines)
    legend = [(n, f"{one.name} {one.told}".strip()) for n, one in enumerate(lines)]
    return _figure(title, told, _plot(dates, found, tell, drawn, height, told, marks), legend)


def stacked_chart(title: str, dates: Sequence[date], parts: Sequence[Line], tell: Tell, height: int = 240) -> str:
    """Parts of a whole, one upon the other."""
    found = Scale(0, max(1.0, float(np.nansum([one.values for one in parts], axis=0).max(initial=1.0))))
    base, drawn = np.zeros(len(dates)), []
    for n, one in enumerate(parts):
        top = base + np.nan_to_num(one.values)
        rows = _rows(len(dates))
        upper, lower = found.place(top[rows]), found.place(base[rows])
        across = SIZE * rows / max(1, len(dates) - 1)
        there = " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(across, upper, strict=True))
        back = " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(across[::-1], lower[::-1], strict=True))
        drawn.append(f'<polygon points="{there} {back}" style="fill:var(--c{n})" fill-opacity=".75"/>')
        base = top
    told = "; ".join(f"{one.name} {one.told}" for one in parts)
    legend = [(n, f"{one.name} {one.told}") for n, one in enumerate(parts)]
    return _figure(title, told, _plot(dates, found, tell, drawn, height, told), legend)


def strip(title: str, dates: Sequence[date], kinds: Sequence[str], told: str) -> str:
    """Which of a few states each day was in: the height of the band tells them apart."""
    names = sorted(set(kinds))
    drawn, start = [], 0
    for n in range(1, len(kinds) + 1):
        if n == len(kinds) or kinds[n] != kinds[start]:
            which = names.index(kinds[start])
            x, width = SIZE * start / len(kinds), SIZE * (n - start) / len(kinds)
            height = SIZE * (which + 1) / len(names)
            drawn.append(
                f'<rect x="{x:.1f}" y="{SIZE - height:.0f}" width="{max(width, 1):.1f}" height="{height:.0f}" '
                f'style="fill:var(--c{which})" fill-opacity=".7"/>'
            )
            start = n
    plot = _plot(dates, Scale(0, 1), lambda _: "", drawn, 60, told)
    return _figure(title, told, plot, list(enumerate(names)))


def interval_bar(value: float, low: float, high: float, edge: float) -> str:
    """An interval about zero, `edge` at both sides."""

    def at(found: float) -> float:
        return 500 + 480 * max(-1.0, min(1.0, found / edge))

    return (
        f'<span class="bar"><svg viewBox="0 0 {SIZE} 100" preserveAspectRatio="none" aria-hidden="true">'
        f'<path d="M500 0V100" stroke="var(--line)" vector-effect="non-scaling-stroke"/>'
        f'<path d="M{at(low):.0f} 50H{at(high):.0f}" stroke="var(--hot)" stroke-width="3" '
        f'vector-effect="non-scaling-stroke"/>'
        f'<rect x="{at(value) - 10:.0f}" y="20" width="20" height="60" fill="var(--hot)"/></svg></span>'
    )


def dots(places: Sequence[tuple[float, float, str]]) -> str:
    """Marks over a chart: (share of the width, place of `Scale`, "buy" or "sell")."""
    signs = {"buy": "▲", "sell": "▼"}
    return "".join(
        f'<span class="dot {kind}" style="left:{x * 100:.1f}%;top:{y / SIZE * 100:.1f}%">{signs[kind]}</span>'
        for x, y, kind in places
    )


def _dashed(number: int) -> str:
    """The first, which the page is about, is whole and heavier."""
    return f' stroke-dasharray="{_DASHES[number % len(_DASHES)]}"' if number % len(_DASHES) else ' class="own"'


def _figure(title: str, told: str, plot: str, legend: Sequence[tuple[int, str]]) -> str:
    rows = "".join(
        f'<li><svg viewBox="0 0 28 8" aria-hidden="true"><path d="M0 4H28" style="stroke:var(--c{n})"{_dashed(n)}/>'
        f"</svg>{text(words)}</li>"
        for n, words in legend
    )
    return f'<figure><figcaption>{text(title)}</figcaption>{plot}<ul class="legend">{rows}</ul></figure>'


def _plot(
    dates: Sequence[date], found: Scale, tell: Tell, drawn: Sequence[str], height: int, told: str, marks: str = ""
) -> str:
    ticks = found.ticks()
    levels = [float(y) for y in found.place(np.array(ticks))] if ticks else []
    grid = "".join(f'<path class="grid" d="M0 {y:.0f}H{SIZE}"/>' for y in levels)
    beside = "".join(
        f'<span class="y" style="top:{y / SIZE * 100:.1f}%">{text(words)}</span>'
        for y, words in zip(levels, map(tell, ticks), strict=True)
        if words
    )
    below = "".join(f'<span class="x" style="left:{x * 100:.1f}%">{words}</span>' for x, words in _years(dates))
    return (
        f'<div class="plot" style="height:{height}px"><svg viewBox="0 0 {SIZE} {SIZE}" preserveAspectRatio="none" '
        f'role="img" aria-label="{text(told)}">{grid}{"".join(drawn)}</svg>{beside}{below}{marks}</div>'
    )


def _years(dates: Sequence[date]) -> Iterator[tuple[float, str]]:
    """(share of the width, label): beginnings of years, or of months where there are few of those."""
    last = max(1, len(dates) - 1)
    years = [n for n in range(1, len(dates)) if dates[n].year != dates[n - 1].year]
    if len(years) >= 3:
        chosen = years[:: -(-len(years) // 6)]
        yield from ((n / last, str(dates[n].year)) for n in chosen)
        return
    months = [n for n in range(1, len(dates)) if dates[n].month != dates[n - 1].month]
    yield from ((n / last, f"{dates[n]:%Y-%m}") for n in months[:: -(-len(months) // 4) or 1])


def _rows(days: int) -> Array:
    """Of a picture that needs no more points than that. Shape: at most [_BINS]."""
    return np.unique(np.linspace(0, days - 1, min(days, _BINS)).astype(int))


def _path(placed: Array) -> str:
    """Highest and lowest of every few days, so that no extreme is lost; broken where nothing is known."""
    days = len(placed)
    width = max(1, days // _BINS)
    parts, pen_down = [], False
    for start in range(0, days, width):
        piece = placed[start : start + width]
        known = np.flatnonzero(np.isfinite(piece))
        if not len(known):
            pen_down = False
            continue
        ends = {int(known[piece[known].argmin()]), int(known[piece[known].argmax()])}
        if start + width >= days:
            ends.add(int(known[-1]))
        for row in sorted(ends):
            x = SIZE * (start + row) / max(1, days - 1)
            parts.append(f"{'L' if pen_down else 'M'}{x:.1f} {piece[row]:.1f}")
            pen_down = True
    return "".join(parts)


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9))
