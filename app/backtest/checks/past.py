"""Whether what comes later, or is not there yet, changes anything that was decided before it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from app.backtest.checks.subject import Subject, Ways
from app.backtest.history import Happening, History, Restatement
from app.backtest.reader import Reader
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
        clean = _led(subject, subject.history, rows)
        for name, spoil in POISONS.items():
            spoiled = _spoiled(subject.history, rows.stop, spoil, np.random.default_rng([subject.seed, rows.stop]))
            tried += 1
            difference = next(_differences(clean, _led(subject, spoiled, rows)), None)
            if difference is not None:
                wrong.append(f"with {name} after {subject.history.dates[rows.stop - 1]} {difference}")
    if wrong:
        return Check("future poison", False, f"what comes later changes what was decided before it: {wrong[0]}")
    said = f"everything after a day was replaced ({', '.join(POISONS)}; {tried} replays)"
    same = "what days are told, decisions, measures, fills and values until then are the same byte for byte"
    return Check("future poison", True, f"{said}: {same}")


def truncation(subject: Subject) -> Check:
    """A run over data that end at t must be the run over all data, cut at t."""
    for rows in _cuts(subject):
        short = _led(subject, cut(subject.history, rows.stop), rows)
        whole = _Led(subject.way, subject.reader(subject.history), rows)
        difference = next(_differences(whole, short), None)
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


@dataclass(frozen=True)
class _Led:
    """Ways, and what their reader says of the newest of `rows`; the ways may go on after them."""

    ways: Ways
    reader: Reader
    rows: range


def _led(subject: Subject, history: History, rows: range) -> _Led:
    return _Led(subject.led(history, rows), subject.reader(history), rows)


def _differences(these: _Led, those: _Led) -> Iterator[str]:
    """What differs in the days that both have, in words."""
    told, again = _handed_out(these), _handed_out(those)
    yield from (f"{what} of the day differ" for what in told if told[what] != again[what])
    for one, other in zip(these.ways, those.ways, strict=True):
        told, again = _told(one, len(these.rows)), _told(other, len(these.rows))
        yield from (f"{what} of {one.policy.name} differ" for what in told if told[what] != again[what])


def _handed_out(led: _Led) -> Mapping[str, object]:
    """What the newest day is told, to be compared byte for byte."""
    market = led.reader.market(led.rows.stop - 1)
    index = market.index
    return {
        "quotes": dict(market.quotes),
        "closes": {conid: (one.dates, one.closes.tobytes()) for conid, one in market.history.items()},
        "the index": None if index is None else (index.dates, index.closes.tobytes()),
        "the volatility index": market.vix,
        "names": (dict(market.instruments), dict(market.untradable)),
    }


def _told(found: Replayed, count: int) -> Mapping[str, object]:
    """To be compared byte for byte: NaN is what it is."""
    return {
        "decisions": found.days[:count],
        "measures": b"" if found.metrics is None else found.metrics[:count].tobytes(),
        "fills": tuple(one for one in found.done if one.row < found.first + count),
        "values": found.nav[: count + 1].tobytes(),
    }
