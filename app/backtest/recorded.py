"""The history that an account's own runs saw: out of what the ledger keeps of each day, and of nothing else.

Must never mix prices that were adjusted differently: what was revised in between is left out rather than joined.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from app.backtest.history import Adjustment, History
from app.desk.records import Book
from app.domain.errors import RecordError, UsageError
from app.domain.instrument import Instrument
from app.domain.market import Array, Market, PriceSeries
from app.domain.portfolio import Portfolio
from app.ledger.address import address, sqlite_file
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from app.record.capture import Inputs
from app.record.chunks import gather
from app.record.replay import read
from app.settings import Settings

NAME = "recorded"
_EVERY_RUN = 1_000_000
# The broker's daily bars are adjusted for splits alone; the sample's closes are adjusted for dividends, too.
_ADJUSTED = {"simulator:sample": Adjustment.TOTAL, "simulator:sample-close": Adjustment.TOTAL}


def recorded(settings: Settings, book: str | None = None) -> History:
    """Of that book, or of the only one. Raises: UsageError where nothing is kept of it; LedgerError."""
    with _opened(settings, book) as days:
        history = history_of((inputs.today.market for inputs in days.inputs()), NAME)
    if history is None:
        raise _nothing_kept()
    if days.unreadable:
        words = f"what {days.unreadable} runs kept cannot be read: `portfolio audit verify` says more"
        history = replace(history, notes=(*history.notes, words))
    return history


def newest_portfolio(settings: Settings, book: str | None = None) -> Portfolio:
    """As the newest run found it that kept anything. Raises: UsageError; LedgerError."""
    with _opened(settings, book) as days:
        found = next(days.inputs(), None)
    if found is None:
        raise _nothing_kept()
    return found.today.portfolio


def _nothing_kept() -> UsageError:
    return UsageError(
        "no run of that book kept what it decided on", "Only runs that decided something keep it: `portfolio runs`"
    )


@contextmanager
def _opened(settings: Settings, book: str | None) -> Iterator["_Days"]:
    file = sqlite_file(address(settings.ledger_url))
    if file is not None and not file.exists():
        raise UsageError("there is no ledger that kept anything", "`portfolio run` makes one; --state names another")
    ledger = open_ledger(settings.ledger_url, lease_seconds=settings.run_lease_seconds)
    try:
        yield _Days(ledger, _book(ledger.books(), book).name)
    finally:
        ledger.dispose()


def _book(books: Sequence[Book], name: str | None) -> Book:
    told = ", ".join(f"{NAME}:{book.name}" for book in books)
    if name is None and len(books) > 1:
        raise UsageError("the ledger has several books and none is named", f"Name one: {told}")
    found = next((book for book in books if name in (None, book.name)), None)
    if found is None:
        raise UsageError(
            "the ledger holds no run of such a book", f"Name one: {told}" if told else "`portfolio run` makes one"
        )
    return found


class _Days:
    """What runs decided on; what several of them name is fetched once."""

    def __init__(self, ledger: SqlLedger, book: str) -> None:
        self._ledger, self._book = ledger, book
        self._texts: dict[str, str] = {}
        self.unreadable = 0

    def inputs(self) -> Iterator[Inputs]:
        """The newest first."""
        for run in self._ledger.runs(_EVERY_RUN, self._book):
            root = self._ledger.kept_root(run.run_id)
            if root is None:
                continue
            try:
                found = read(gather(self._fetch, root)).inputs
            except RecordError:
                self.unreadable += 1
            else:
                yield found

    def _fetch(self, hashes: Collection[str]) -> Mapping[str, str]:
        self._texts.update(self._ledger.chunks([each for each in hashes if each not in self._texts]))
        return {each: self._texts[each] for each in hashes if each in self._texts}


@dataclass
class _Name:
    """One series as it is put together, from the newest day that has it backwards."""

    newest: PriceSeries
    closes: dict[date, float]
    revised: set[date] = field(default_factory=set)
    apart: set[date] = field(default_factory=set)

    def add(self, series: PriceSeries) -> None:
        """What an earlier day had of it."""
        told = dict(zip(series.dates, series.closes.tolist(), strict=True))
        self.revised |= {on for on, close in told.items() if self.closes.get(on, close) != close}
        first = min(self.closes)
        earlier = {on: close for on, close in told.items() if on < first}
        if not earlier:
            return
        # Where both tell the same of the day they have in common, they are adjusted alike.
        if told.get(first) == self.closes[first]:
            self.closes |= earlier
        else:
            self.apart |= earlier.keys()


def history_of(markets: Iterable[Market], name: str) -> History | None:
    """`markets` of one book's days, the newest first; None where there is none. Raises: UsageError."""
    names: dict[int, _Name] = {}
    instruments: dict[int, Instrument] = {}
    vix: dict[date, float] = {}
    indices: set[int] = set()
    days = 0
    for market in markets:
        days += 1
        for conid, instrument in market.instruments.items():
            instruments.setdefault(conid, instrument)
        if market.vix is not None:
            vix.setdefault(market.vix.session_date, market.vix.value)
        series = list(market.history.values())
        if market.index is not None:
            indices.add(market.index.conid)
            series.append(market.index)
        for each in series:
            _add(names, each)
    held = sorted(names.keys() & instruments.keys() - indices)
    if not held:
        return None
    dates = tuple(sorted({on for conid in held for on in names[conid].closes}))
    index = _index(names, indices, dates)
    return History(
        name=name,
        source=_source(names),
        adjustment=_ADJUSTED.get(_source(names), Adjustment.SPLIT),
        instruments=tuple(instruments[conid] for conid in held),
        dates=dates,
        closes=np.column_stack([_column(names[conid].closes, dates) for conid in held]),
        index=index,
        vix=_column(vix, dates) if vix else None,
        notes=tuple(_notes(names, days, without_index=index is None)),
    )


def _add(names: dict[int, _Name], series: PriceSeries) -> None:
    if not len(series.dates):
        return
    known = names.get(series.conid)
    if known is None:
        names[series.conid] = _Name(series, dict(zip(series.dates, series.closes.tolist(), strict=True)))
    else:
        known.add(series)


def _source(names: Mapping[int, _Name]) -> str:
    sources = sorted({name.newest.source for name in names.values()})
    if len(sources) > 1:
        raise UsageError(
            f"what was kept is of several sources: {', '.join(sources)}",
            "Prices adjusted differently cannot be one history",
        )
    return sources[0]


def _index(names: Mapping[int, _Name], indices: Collection[int], dates: Sequence[date]) -> Array | None:
    """None where it does not cover every session."""
    if len(indices) != 1:
        return None
    found = names.get(next(iter(indices)))
    values = None if found is None else _column(found.closes, dates)
    return None if values is None or np.isnan(values).any() else values


def _column(values: Mapping[date, float], dates: Sequence[date]) -> Array:
    return np.array([values.get(on, np.nan) for on in dates], dtype=np.float64)


def _notes(names: Mapping[int, _Name], days: int, *, without_index: bool) -> Iterator[str]:
    yield f"it is what {days} runs of the account kept; the newest run's own session has no close yet"
    yield "its names are those that the account held or could buy: chosen with hindsight where they were chosen lately"
    yield "splits and dividends are not kept: dividends are missing from every result"
    revised = sum(len(name.revised) for name in names.values())
    if revised:
        yield f"{revised} closes were revised after a run had used them; the newest are taken, which no run then knew"
    apart = sum(len(name.apart - name.closes.keys()) for name in names.values())
    if apart:
        yield f"{apart} closes are left out: what came after them was revised, and they cannot be joined to it"
    if without_index:
        yield "its index does not cover every session, so that no regime of the market can be told"
