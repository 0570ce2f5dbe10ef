"""What the prices of a file say of themselves: jumps that look like splits, gaps, ends, and events they contradict."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.backtest.data.collect import Series
from app.backtest.data.events import Event, Kind
from app.backtest.data.problems import Problems
from app.backtest.history import Adjustment
from app.market.calendar import ExchangeCalendar

# New shares for old ones as companies use them, and the reverse of each.
_RATIOS = ((3, 2), *((whole, 1) for whole in (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)))
_SPLITS = {math.log(new / old): (new, old) for new, old in _RATIOS} | {
    -math.log(new / old): (old, new) for new, old in _RATIOS
}
_LOGS = np.array(sorted(_SPLITS))
# What the market itself may do on the day of a split, as a log return; near 3:2 that is not so rare without one.
_NEAR = np.where(np.abs(_LOGS) < math.log(1.6), 0.05, 0.1)
# A change of the price by so much has its cause outside the market, whichever split is nearest.
_HUGE = math.log(3)
# Stock dividends below it are within what a price does anyway.
_LEAST_SPLIT = math.log(1.25)
# Fewer sessions than this share of the exchange's are no daily prices.
_DAILY = 0.8
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Jump:
    """A change from one close to the next; `ratio` is the split that it looks like."""

    symbol: str
    on: date
    place: int
    before: float
    after: float
    ratio: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.symbol} goes from {self.before:g} to {self.after:g} on {self.on}"


def jumps(series: Series) -> Iterator[Jump]:
    """Oldest first."""
    changes = -np.diff(np.log(series.closes))
    nearest = np.abs(changes[:, None] - _LOGS).argmin(axis=1) if len(changes) else np.zeros(0, dtype=np.intp)
    near = np.abs(changes - _LOGS[nearest]) <= _NEAR[nearest]
    for at in np.flatnonzero(near | (np.abs(changes) >= _HUGE)).tolist():
        yield Jump(
            series.symbol,
            date.fromordinal(int(series.days[at + 1])),
            int(series.places[at + 1]),
            float(series.closes[at]),
            float(series.closes[at + 1]),
            _SPLITS[float(_LOGS[nearest[at]])],
        )


def check_jumps(
    names: Sequence[Series], events: Sequence[Event], adjustment: Adjustment, problems: Problems
) -> Iterator[str]:
    """Warnings; what must be explained first is added to the problems."""
    explained = {(event.symbol, event.on) for event in events if event.kind in (Kind.SPLIT, Kind.MOVE)}
    doubtful = []
    for jump in (jump for series in names for jump in jumps(series)):
        if (jump.symbol, jump.on) in explained:
            continue
        if adjustment is not Adjustment.NONE:
            doubtful.append(jump)
            continue
        new, old = jump.ratio
        problems.add(
            jump.place,
            f"{jump}, which looks like a split of {new}:{old}: tell it with --events ({jump.on},{jump.symbol},split,"
            f"{new}:{old}; or kind move if the price did move so), or import adjusted prices with --adjustment split",
        )
    if doubtful:
        yield f"prices jump as a split or an error would: {_first([str(jump) for jump in doubtful])}"


def check_events(names: Mapping[str, Series], events: Sequence[Event], problems: Problems) -> None:
    """Adds what the prices contradict."""
    ended: dict[str, Event] = {}
    for event in events:
        series = names[event.symbol]
        try:
            if event.kind in (Kind.DELISTED, Kind.MERGER):
                if event.symbol in ended:
                    raise ValueError(f"{event.symbol} ends a second time: keep one ending")
                ended[event.symbol] = event
                _require_over(series, event)
                if event.into is not None:
                    _require_priced(names[event.into], event)
            elif event.kind is Kind.SPLIT:
                _require_shown(series, event)
            elif event.kind is Kind.DIVIDEND:
                _require_payable(series, event)
        except ValueError as error:
            problems.add(event.place, str(error))


def _require_over(series: Series, event: Event) -> None:
    last = date.fromordinal(int(series.days[-1]))
    if last >= event.on:
        raise ValueError(
            f"{event.symbol} still has a price on {last}, and a {event.kind} on {event.on}: "
            "tell the first day without a price"
        )


def _require_priced(into: Series, event: Event) -> None:
    if int(into.days[-1]) < event.on.toordinal():
        raise ValueError(f"{event.into} has no price on or after {event.on}: nobody could hold it")


def _around(series: Series, event: Event) -> tuple[float, float] | None:
    """Its closes before that day, and on or after it."""
    at = int(series.days.searchsorted(event.on.toordinal()))
    return (float(series.closes[at - 1]), float(series.closes[at])) if 0 < at < len(series.days) else None


def _require_shown(series: Series, event: Event) -> None:
    """A split that the price shows nothing of is in the prices already."""
    closes, expected = _around(series, event), math.log(event.value)
    if closes is None or abs(expected) < _LEAST_SPLIT:
        return
    seen = math.log(closes[0] / closes[1])
    if abs(seen - expected) > abs(seen):
        raise ValueError(
            f"{event.symbol} goes from {closes[0]:g} to {closes[1]:g}, which shows no split of "
            f"{event.value.normalize():f}: correct its date or ratio; if prices are adjusted for it, "
            "import them with --adjustment split"
        )


def _require_payable(series: Series, event: Event) -> None:
    closes = _around(series, event)
    if closes is not None and float(event.value) >= closes[0]:
        raise ValueError(
            f"{event.symbol} pays {event.value}, and its close before is {closes[0]:g}: give the amount a share"
        )


def check_span(dates: NDArray[np.int32], problems: Problems) -> Iterator[str]:
    """Warnings of sessions that are in no line; too many are no daily prices."""
    missing = missing_between(dates, dates)
    whole = len(dates) + len(missing)
    if len(dates) < _DAILY * whole:
        problems.add(
            0, f"{len(dates)} of the exchange's {whole} sessions: these are not daily closes; give one a session"
        )
    elif len(missing):
        told = _first([str(date.fromordinal(int(day))) for day in missing])
        yield f"{len(missing)} sessions of the exchange are in no line: {told}"


def check_gaps(names: Sequence[Series]) -> Iterator[str]:
    """A warning of sessions missing inside a name's life."""
    found, total = [], 0
    for series in names:
        missing = missing_between(series.days, series.days)
        if len(missing):
            total += len(missing)
            length, first = _longest(missing)
            words = f"{series.symbol} {len(missing)} (at most {length} in a row, from {date.fromordinal(first)})"
            found.append((len(missing), words))
    if found:
        worst = [words for _, words in sorted(found, key=lambda one: (-one[0], one[1]))]
        yield f"gaps: {len(found)} names have no price on {total} sessions of their lives: {_first(worst)}"


def check_ends(names: Sequence[Series], events: Sequence[Event]) -> Iterator[str]:
    """Warnings: of names that end without a word, and of how many live to the end."""
    last = max(int(series.days[-1]) for series in names)
    told = {event.symbol for event in events if event.kind in (Kind.DELISTED, Kind.MERGER)}
    over = [series for series in names if int(series.days[-1]) < last]
    silent = [f"{s.symbol} on {date.fromordinal(int(s.days[-1]))}" for s in over if s.symbol not in told]
    if silent:
        yield (
            f"{len(silent)} names end and no ending is told, so what they are worth then is unknown: {_first(silent)}; "
            "tell each with --events as delisted or merger"
        )
    living = [series.symbol for series in names if int(series.days[-1]) == last]
    flatters = ": survivors, so results flatter" if len(living) == len(names) else ""
    yield f"{len(living)} of {len(names)} names live to the end{flatters} ({_first(living, 20)})"


def missing_between(days: NDArray[np.int32], among: NDArray[np.int32]) -> NDArray[np.int32]:
    """The exchange's sessions from the first to the last of `days` that are not `among` them."""
    every = _sessions()
    within = every[every.searchsorted(days[0]) : every.searchsorted(days[-1], side="right")]
    return within[~np.isin(within, among)]


@cache
def _sessions() -> NDArray[np.int32]:
    """Ordinals of all that the calendar knows."""
    return np.array([day.toordinal() for day in ExchangeCalendar().sessions()], dtype=np.int32)


def _longest(missing: NDArray[np.int32]) -> tuple[int, int]:
    """(sessions in the longest run without a price, its first)."""
    # In a run both grow by one: which session of the exchange it is, and which of the missing.
    runs = _sessions().searchsorted(missing) - np.arange(len(missing))
    starts, lengths = np.unique(runs, return_index=True, return_counts=True)[1:]
    longest = int(lengths.argmax())
    return int(lengths[longest]), int(missing[starts[longest]])


def _first(told: Sequence[str], most: int = _NAMED) -> str:
    more = f" and {len(told) - most} more" if len(told) > most else ""
    return ", ".join(told[:most]) + more
