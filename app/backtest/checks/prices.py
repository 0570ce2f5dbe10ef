"""Whether prices are what they are said to be: whose they are, how adjusted, across gaps, and in which unit."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np

from app.backtest.account import Account
from app.backtest.books import cash_book
from app.backtest.checks.subject import Subject
from app.backtest.checks.world import made_world
from app.backtest.history import Adjustment, Dividend, Ending, Happening, History, Split
from app.backtest.reader import Reader
from app.backtest.result import Check
from app.broker.paper.book import Holding
from app.domain.errors import DataError
from app.domain.instrument import Instrument

_GAP, _AROUND = 3, 3
_HELD = Decimal(100)
_HINDSIGHT = ("surviv", "hindsight")
_UNITS = {"volumes": "shares", "index": "points", "vix": "points"}


def survivors(subject: Subject) -> Check:
    """Where every name lives to the end, the data must say that they are survivors."""
    history = subject.history
    ended = {one.conid for one in history.happenings if isinstance(one, Ending)}
    living = ~np.isnan(history.closes[-1])
    gone = len(history.instruments) - int(living.sum())
    if gone or ended:
        said = f"{gone} of {len(history.instruments)} names have no price at the end: not all are survivors"
        return Check("survivors", True, said)
    told = next((note for note in history.notes if any(word in note for word in _HINDSIGHT)), None)
    if told is None:
        said = f"all {len(history.instruments)} names live to the end, and nothing says that they are survivors"
        return Check("survivors", False, said)
    return Check("survivors", True, f"all {len(history.instruments)} names live to the end, and it is said: {told}")


def adjustments(subject: Subject) -> Check:
    """Prices adjusted in two ways, or for what is told beside them, must be refused."""
    let_through = []
    for name, parts in _MIXED.items():
        try:
            subject.parts.make_history("mixed", "check", instruments=(_NAME,), dates=_DAYS, closes=_PRICES, **parts)
        except DataError:
            continue
        let_through.append(name)
    if let_through:
        return Check("adjustments", False, f"prices that mix kinds are taken: {', '.join(let_through)}")
    return Check("adjustments", True, f"prices that mix kinds are refused: {', '.join(_MIXED)}")


def gaps(subject: Subject) -> Check:
    """A name without a price keeps its last one, and what it moved across the gap is one real return."""
    instrument, row, small = _gap_in(subject)
    column, after = small.columns[instrument.conid], row + _GAP
    reader = subject.parts.reader(small, max(_GAP, subject.assumptions.carried))
    before, then = (round(float(small.closes[at, column]), 4) for at in (row - 1, after))
    values = _values(subject, small, reader, instrument, range(row - _AROUND, after + 1))
    kept = values[_AROUND : _AROUND + _GAP]
    if any(abs(value - values[_AROUND - 1]) > 1e-6 for value in kept):
        return Check("gaps", False, f"{instrument.symbol} without a price is worth {kept}, not its last {before}")
    moved, real = values[-1] - kept[-1], float(_HELD) * (then - before)
    if abs(moved - real) > 1e-6:
        return Check("gaps", False, f"across the gap {instrument.symbol} moves the account by {moved}, not {real}")
    series = reader.market(after + 1).history[instrument.conid]
    if not _one_move(series.dates, series.closes.tolist(), small, row, column):
        return Check("gaps", False, f"what is told of {instrument.symbol} has prices in a gap without any")
    said = f"{instrument.symbol} of {small.name} lost its prices of {_GAP} sessions from {small.dates[row]}"
    real_words = f"it kept its value, and the move across is {then / before - 1:+.2%}, the real one"
    return Check("gaps", True, f"{said}: {real_words}")


def units(subject: Subject) -> Check:
    """Every number says of when it is, since when it was known, in what, from where; and it is what a day is told."""
    history, reader = subject.history, subject.reader(subject.history)
    looked_at = 0
    rows = subject.probed
    for at in {rows[0], rows[len(rows) // 2], rows[-1]}:
        for row in range(max(0, at - 5), at + 1):
            for part in ("closes", "opens", "volumes", "index", "vix"):
                names = history.instruments if part in {"closes", "opens", "volumes"} else (None,)
                for name in names:
                    looked_at += 1
                    wrong = _wrong_datum(reader, part, row, at, name)
                    if wrong is not None:
                        return Check("units", False, wrong)
        wrong = next(_told_otherwise(reader, at), None)
        if wrong is not None:
            return Check("units", False, wrong)
    said = "each has its session, since when it was known, a unit, a source and a kind of adjustment"
    return Check("units", True, f"{looked_at} numbers were asked for: {said}, and is what a day is told")


_NAME = Instrument(1, "NAME", "USD")
_DAYS = (date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6))
_PRICES = np.array([[10.0], [11.0], [12.0]])
_SPLIT: Happening = Split(1, _DAYS[1], _DAYS[1], Decimal(2))
_MIXED: Mapping[str, Mapping[str, object]] = {
    "opens of another kind than closes": {
        "adjustment": Adjustment.TOTAL, "opens": _PRICES, "adjustments": {"opens": Adjustment.NONE},
    },
    "volumes of other shares": {
        "adjustment": Adjustment.NONE, "volumes": _PRICES, "adjustments": {"volumes": Adjustment.SPLIT},
    },
    "splits beside prices adjusted for them": {"adjustment": Adjustment.SPLIT, "happenings": (_SPLIT,)},
    "dividends beside prices adjusted for them": {
        "adjustment": Adjustment.TOTAL, "happenings": (Dividend(1, _DAYS[1], _DAYS[1], Decimal(1)),),
    },
}  # fmt: skip


def _gap_in(subject: Subject) -> tuple[Instrument, int, History]:
    """A name, the first row of the gap, and the history without its prices there; a made one where all have gaps."""
    made = made_world(subject.policies[0], 2 * _AROUND + 2 * _GAP, subject.seed)
    asked = subject.probed[len(subject.probed) // 2]
    for history, row in ((subject.history, asked), (made, len(made.dates) - _AROUND - _GAP)):
        happened = {one.conid for one in history.happenings}
        for column, instrument in enumerate(history.instruments):
            told = history.closes[row - _AROUND - 1 : row + _GAP + 2, column]
            whole = len(told) == _AROUND + _GAP + 3 and not np.isnan(told).any()
            if whole and instrument.conid not in happened:
                closes = history.closes.copy()
                closes[row : row + _GAP, column] = np.nan
                return instrument, row, replace(history, closes=closes)
    raise DataError("made prices have gaps")


def _values(subject: Subject, history: History, reader: Reader, instrument: Instrument, rows: range) -> list[float]:
    """Of an account that holds nothing else and decides nothing, at the close of each row."""
    price = reader.price(rows.start - 1, instrument.conid) or Decimal(1)
    held = Holding(instrument=instrument, quantity=_HELD, average_cost=price, price=price)
    book = cash_book(history, rows.start - 1, Decimal(0), instrument.currency).changed(holdings=(held,))
    assumed = replace(subject.assumptions, carried=reader.carried, cash_rate=0.0)
    account = Account(subject.policies[0], reader, assumed, book, rows.start)
    values = []
    for row in rows:
        account.open(reader.market(row))
        account.close()
        values.append(float(account.navs[-1].nav))
    return values


def _one_move(dates: tuple[date, ...], closes: list[float], history: History, row: int, column: int) -> bool:
    """The last before the gap and the first after it follow each other, and are what they were."""
    told = dict(zip(dates, closes, strict=True))
    gap = history.dates[row : row + _GAP]
    ends = (row - 1, row + _GAP)
    return not any(day in told for day in gap) and all(
        abs(told.get(history.dates[end], 0.0) - float(history.closes[end, column])) < 1e-9 for end in ends
    )


def _wrong_datum(reader: Reader, part: str, row: int, at: int, name: Instrument | None) -> str | None:
    """In words; None where it is well, or there is none."""
    history = reader.history
    datum = reader.datum(part, row, at, None if name is None else name.conid)
    if datum is None:
        return None
    what = f"{part} of {name.symbol if name else history.name} on {history.dates[row]}"
    unit = _UNITS.get(part) or f"{name.currency if name else ''} a share"
    tests: Mapping[str, Callable[[], bool]] = {
        "its session": lambda: datum.as_of == history.dates[row],
        "since when it was known": lambda: datum.as_of <= datum.known_at <= history.dates[at],
        "its unit": lambda: datum.unit == unit,
        "its source": lambda: bool(datum.source),
        "how it is adjusted": lambda: isinstance(datum.adjustment, Adjustment),
        "a number": lambda: datum.value == datum.value,
    }
    wrong = next((told for told, holds in tests.items() if not holds()), None)
    return None if wrong is None else f"{what} as known on {history.dates[at]} does not rightly tell {wrong}: {datum}"


def _told_otherwise(reader: Reader, at: int) -> Iterator[str]:
    """What a day reads that is not what the numbers say, in words."""
    market, history = reader.market(at), reader.history
    for conid, series in market.history.items():
        for on, close in zip(series.dates[-5:], series.closes[-5:].tolist(), strict=True):
            datum = reader.datum("closes", reader.rows[on], at, conid)
            # A close in earlier shares is told in those of the day.
            if datum is None or abs(datum.value - close) > 1e-9 * close:
                yield f"{history.dates[at]} reads a close of {close} of {on}, and known then is {datum}"
