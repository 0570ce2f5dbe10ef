"""A file of prices as a history, with what it cannot show; or refused, with every line that is wrong."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.backtest.data import checks
from app.backtest.data.collect import Series, collect
from app.backtest.data.events import Event, Kind, read_events
from app.backtest.data.files import opened
from app.backtest.data.problems import Problems
from app.backtest.history import Adjustment, History
from app.domain.errors import UsageError
from app.domain.instrument import UNKNOWN_SECTOR, Instrument
from app.domain.market import Array
from app.domain.spelling import nearest
from app.market.sectors import sector_of

# As floats a column of one name and one session each: half a gigabyte.
MOST_CELLS = 60_000_000
# Beyond every number that the broker gives, and below what JSON's readers keep exactly.
_FIRST_CONID, _CONIDS = 2**31, 2**50
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is imported: `events` is a second file; `index` and `vix` are symbols among the prices, which are then read
    and never traded.
    """

    file: Path
    name: str
    adjustment: Adjustment
    currency: str = "USD"
    events: Path | None = None
    index: str | None = None
    vix: str | None = None


def conid_of(symbol: str) -> int:
    """A number of an imported name: the same for the same symbol, whatever else is in the file."""
    return _FIRST_CONID + int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8]) % _CONIDS


def read_history(wanted: Wanted) -> History:
    """Raises: FileRefused for what is wrong in the file, UsageError for what is wrong with the request."""
    if not _CURRENCY.fullmatch(wanted.currency):
        raise UsageError(f"currency {wanted.currency} is not a code of three letters", "Write it like USD")
    with opened(wanted.file) as table:
        found, problems = collect(table, wanted.currency), table.problems
    apart = {
        symbol: _apart(found, symbol, option, problems)
        for symbol, option in ((wanted.index, "--index"), (wanted.vix, "--vix"))
        if symbol is not None and found
    }
    names = tuple(series for series in found if series.symbol not in apart)
    if not names:
        problems.refuse()
        problems.add(0, "it has no prices of a name that can be traded")
        problems.refuse()
    broken = problems.count
    events, contradicted = _events(wanted, [series.symbol for series in names])
    dates = np.unique(np.concatenate([series.days for series in names]))
    notes = [
        *checks.check_span(dates, problems),
        *checks.check_jumps(names, events, wanted.adjustment, problems),
        *checks.check_gaps(names),
        *checks.check_ends(names, events),
    ]
    checks.check_events({series.symbol: series for series in names}, events, contradicted)
    index = _beside(apart, wanted.index, dates)
    if index is not None and np.isnan(index).any():
        _refuse_holes(wanted.index or "", index, dates, problems)
    if len(dates) * len(names) > MOST_CELLS:
        problems.add(0, f"{len(dates)} sessions of {len(names)} names are more than {MOST_CELLS:,}: leave some out")
    # Of a name whose lines are wrong no happening can be; and a happening that is wrong explains no price.
    for each in (problems, contradicted) if broken else (contradicted, problems):
        each.refuse()
    return _history(wanted, names, dates, events, notes, (index, _beside(apart, wanted.vix, dates)))


def _apart(found: Sequence[Series], symbol: str, option: str, problems: Problems) -> Series:
    for series in found:
        if series.symbol == symbol:
            return series
    problems.refuse()
    near = nearest(symbol, [series.symbol for series in found])
    raise UsageError(
        f"{option} {symbol} has no price in the file",
        f"Did you mean {near}?" if near else "Name a symbol that is in it",
    )


def _events(wanted: Wanted, symbols: Sequence[str]) -> tuple[tuple[Event, ...], Problems]:
    """In order; and where to add what the prices contradict."""
    if wanted.events is None:
        return (), Problems(wanted.file)
    with opened(wanted.events) as table:
        return read_events(table, symbols, wanted.adjustment), table.problems


def _refuse_holes(symbol: str, index: Array, dates: NDArray[np.int32], problems: Problems) -> None:
    holes = np.flatnonzero(np.isnan(index))
    problems.add(
        0,
        f"the index {symbol} has no close on {len(holes)} sessions of the names, the first on "
        f"{date.fromordinal(int(dates[holes[0]]))}: add them, begin the names with it, or leave --index away",
    )


def _beside(apart: Mapping[str, Series], symbol: str | None, dates: NDArray[np.int32]) -> Array | None:
    """Its closes on the names' sessions, NaN where it has none. Shape: [T]."""
    if symbol is None:
        return None
    series, found = apart[symbol], np.full(dates.shape, np.nan)
    _, rows, there = np.intersect1d(dates, series.days, assume_unique=True, return_indices=True)
    found[rows] = series.closes[there]
    return found


def _table(names: Sequence[Series], dates: NDArray[np.int32], values: Callable[[Series], Array]) -> Array:
    """Shape: [T, N]."""
    table = np.full((len(dates), len(names)), np.nan)
    for column, series in enumerate(names):
        table[dates.searchsorted(series.days), column] = values(series)
    return table


def _history(
    wanted: Wanted, names: Sequence[Series], dates: NDArray[np.int32], events: Sequence[Event], notes: Sequence[str],
    beside: tuple[Array | None, Array | None],
) -> History:  # fmt: skip
    conids = {series.symbol: conid_of(series.symbol) for series in names}
    if len(set(conids.values())) < len(names):
        raise UsageError(
            "two symbols of the file come to the same number", "Rename one of them, such as BRK.B to BRK-B"
        )
    lived = {series.symbol: series for series in names}
    counted = [event for event in events if _counts(event, lived, dates)]
    opens = _optional(names, dates, lambda series: series.opens)
    volumes = _optional(names, dates, lambda series: series.volumes)
    return History(
        name=wanted.name,
        source=f"import:{wanted.name}",
        adjustment=wanted.adjustment,
        instruments=tuple(_instrument(series, conids, wanted.currency) for series in names),
        dates=tuple(date.fromordinal(day) for day in dates.tolist()),
        closes=_table(names, dates, lambda series: series.closes),
        opens=opens,
        volumes=volumes,
        index=beside[0],
        vix=beside[1],
        happenings=tuple(told for event in counted if (told := event.happening(conids)) is not None),
        notes=(*notes, *_limits(wanted, counted, len(events) - len(counted), (opens, volumes, beside[0]))),
    )


def _counts(event: Event, lived: Mapping[str, Series], dates: NDArray[np.int32]) -> bool:
    """Before a name's second session nothing of it can have been held; after the last session nothing is."""
    day = event.on.toordinal()
    if event.kind is Kind.RESTATED:
        return bool((dates == day).any())
    return int(lived[event.symbol].days[0]) < day <= int(dates[-1])


def _optional(names: Sequence[Series], dates: NDArray[np.int32], values: Callable[[Series], Array]) -> Array | None:
    """None where no name was told any."""
    table = _table(names, dates, values)
    return None if np.isnan(table).all() else table


def _instrument(series: Series, conids: Mapping[str, int], currency: str) -> Instrument:
    sector = series.sector if series.sector != UNKNOWN_SECTOR else sector_of(series.symbol)
    return Instrument(conids[series.symbol], series.symbol, currency, series.asset_class, sector)


def _limits(
    wanted: Wanted, events: Sequence[Event], left_out: int, told: tuple[Array | None, Array | None, Array | None]
) -> Iterator[str]:
    """What the data cannot show, each a sentence."""
    kinds = [event.kind for event in events]
    yield from _adjusted(wanted.adjustment, kinds.count(Kind.SPLIT), kinds.count(Kind.DIVIDEND))
    if left_out:
        yield f"{left_out} happenings are before their names' first prices or after the last session, and left out"
    absent = (
        "its opening prices are not known",
        "its volumes are not known: every name is assumed to be liquid enough to buy",
        "it has no index, so that no regime of the market can be told: name one with --index",
    )
    for values, words in zip(told, absent, strict=True):
        if values is None:
            yield words


def _adjusted(adjustment: Adjustment, splits: int, dividends: int) -> Iterator[str]:
    match adjustment:
        case Adjustment.NONE:
            yield f"prices are told to be as they were paid, with {splits} splits and {dividends} dividends beside them"
        case Adjustment.SPLIT:
            yield (
                f"prices are told to be adjusted for splits, with {dividends} dividends beside them: share counts and "
                "commissions before a split are counted at prices that nobody paid"
            )
        case Adjustment.TOTAL:
            yield (
                "prices are told to be adjusted for splits and dividends: dividends are in the price and never cash, "
                "and shares and commissions are counted at prices that nobody paid"
            )
    if adjustment is not Adjustment.TOTAL and not dividends:
        yield "no dividend is told: what names paid is missing from every result"
