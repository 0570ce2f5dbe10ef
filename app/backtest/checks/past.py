"""Whether what comes later, or is not there yet, changes anything that was decided before it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date

import numpy as np

from app.backtest.checks.subject import Subject, Ways
from app.backtest.history import Happening, History, Restatement
from app.backtest.replay import Replayed
from app.backtest.result import Check
from app.domain.market import Array

# Where the probe is cut, as parts of it.
_CUTS = (0.3, 0.6, 0.9)


def _garbage(values: Array, rng: np.random.Generator) -> Array:
    found: Array = values * rng.lognormal(0, 0.5, values.shape)
    return found


POISONS: Mapping[str, Callable[[Array, np.random.Generator], Array]] = {
    "garbage": _garbage,
    "NaN": lambda values, rng: np.full_like(values, np.nan),
    "ten times": lambda values, rng: values * 10,
    "a hundredth": lambda values, rng: values * 0.01,
}


def future_poison(subject: Subject) -> Check:
    """Everything after a day is replaced, and what was decided until then must stay as it was, byte for byte."""
    wrong, tried = [], 0
    for rows in _cuts(subject):
        clean = subject.led(subject.history, rows)
        for name, spoil in POISONS.items():
            spoiled = _spoiled(subject.history, rows.stop, spoil, np.random.default_rng([subject.seed, rows.stop]))
            tried += 1
            difference = next(_differences(clean, subject.led(spoiled, rows)), None)
            if difference is not None:
                wrong.append(f"with {name} after {subject.history.dates[rows.stop - 1]} {difference}")
    if wrong:
        return Check("future poison", False, f"what comes later changes what was decided before it: {wrong[0]}")
    said = f"everything after a day was replaced ({', '.join(POISONS)}; {tried} replays)"
    same = "decisions, measures, fills and values until then are the same byte for byte"
    return Check("future poison", True, f"{said}: {same}")


def truncation(subject: Subject) -> Check:
    """A run over data that end at t must be the run over all data, cut at t."""
    for rows in _cuts(subject):
        short = subject.led(cut(subject.history, rows.stop), rows)
        difference = next(_differences(subject.way, short, len(rows)), None)
        if difference is not None:
            day = subject.history.dates[rows.stop - 1]
            return Check("truncation", False, f"where the data end at {day} {difference}")
    days = ", ".join(str(subject.history.dates[rows.stop - 1]) for rows in _cuts(subject))
    return Check("truncation", True, f"runs over data that end at {days} are the longer run until then, byte for byte")


def cut(history: History, rows: int) -> History:
    """As it was when the session before `rows` had closed."""
    told = history.dates[rows - 1]
    # What happened to shares happened, whenever it was told; a close told anew is one only from then on.
    happenings = tuple(
        one
        for one in history.happenings
        if (one.known_at if isinstance(one, Restatement) else one.session_date) <= told
    )
    return _with(history, history.dates[:rows], happenings, lambda values: values[:rows])


def _cuts(subject: Subject) -> list[range]:
    """From the first graded day to each day that is tried."""
    rows = subject.probed
    return [rows[: max(1, round(part * len(rows)))] for part in _CUTS]


def _spoiled(
    history: History, row: int, spoil: Callable[[Array, np.random.Generator], Array], rng: np.random.Generator
) -> History:
    def spoiled(values: Array) -> Array:
        return np.concatenate((values[:row], spoil(values[row:], rng)))

    return _with(history, history.dates, history.happenings, spoiled)


def _with(
    history: History, dates: tuple[date, ...], happenings: tuple[Happening, ...], change: Callable[[Array], Array]
) -> History:
    """Every part changed in the same way."""

    def part(values: Array | None) -> Array | None:
        return None if values is None else change(values)

    return replace(
        history,
        dates=dates,
        happenings=happenings,
        closes=change(history.closes),
        opens=part(history.opens),
        volumes=part(history.volumes),
        index=part(history.index),
        vix=part(history.vix),
    )


def _differences(these: Ways, those: Ways, days: int | None = None) -> Iterator[str]:
    """What differs in the first `days`, in words; the second ways have no more."""
    for one, other in zip(these, those, strict=True):
        name = one.policy.name
        told, again = _told(one, days), _told(other, days)
        yield from (f"{what} of {name} differ" for what in told if told[what] != again[what])


def _told(found: Replayed, days: int | None) -> Mapping[str, object]:
    """To be compared byte for byte: NaN is what it is."""
    count = len(found.days) if days is None else days
    return {
        "decisions": found.days[:count],
        "measures": b"" if found.metrics is None else found.metrics[:count].tobytes(),
        "fills": tuple(one for one in found.done if one.row < found.first + count),
        "values": found.nav[: count + 1].tobytes(),
    }
