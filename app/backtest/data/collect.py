"""The rows of a file as one series a name, each value with the place that it came from.

Rows are looked at many at a time, and each by itself where one of them is not plainly right, to tell what is wrong.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from app.backtest.data import values
from app.backtest.data.columns import MOST_NAMES, NEEDED, columns_of
from app.backtest.data.files import Table
from app.backtest.data.problems import Problems, shown
from app.backtest.data.values import Cell
from app.domain.instrument import UNKNOWN_SECTOR, AssetClass
from app.domain.market import Array

_BATCH = 8192
_PLAIN = re.compile(r"[0-9.eE+\n-]*", re.ASCII)
# A vendor rounds each of four prices by itself.
_ROUNDED = 1e-6


@dataclass
class Name:
    """What is told of a name beside its prices; `sector` with the ordinal of the session that told it."""

    symbol: str
    number: int
    place: int
    sector: tuple[int, str] = (0, UNKNOWN_SECTOR)
    asset_class: AssetClass | None = None


@dataclass(frozen=True)
class Series:
    """One name's values, oldest first. Shape: all [n]; `opens` and `volumes` NaN where nothing was told."""

    symbol: str
    sector: str
    asset_class: AssetClass
    days: NDArray[np.int32] = field(repr=False)
    places: NDArray[np.int32] = field(repr=False)
    closes: Array = field(repr=False)
    opens: Array = field(repr=False)
    volumes: Array = field(repr=False)


@dataclass(frozen=True)
class _Part:
    """Values as they were read. Shape: all [n]."""

    names: NDArray[np.int32]
    days: NDArray[np.int32]
    places: NDArray[np.int32]
    closes: Array
    opens: Array
    volumes: Array

    @classmethod
    def of(cls, names: Iterable[int], days: Iterable[int], places: Iterable[int], *floats: Array | None) -> "_Part":
        """None of `floats`: nothing was told."""
        numbers = [np.fromiter(told, dtype=np.int32) for told in (names, days, places)]
        nothing = np.full(numbers[0].shape, np.nan)
        closes, opens, volumes = (nothing if told is None else told for told in floats)
        return cls(numbers[0], numbers[1], numbers[2], closes, opens, volumes)

    @classmethod
    def joined(cls, parts: Sequence["_Part"]) -> "_Part":
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))

    def at(self, rows: NDArray[np.intp]) -> "_Part":
        return type(self)(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def collect(table: Table, currency: str) -> tuple[Series, ...]:
    """By symbol. What is wrong is added to the table's problems. Raises: FileRefused for its header."""
    columns = columns_of(table.header, table.problems)
    taking = _Long(columns, currency, table.problems) if "symbol" in columns else _Wide(columns, table.problems)
    parts: list[_Part] = []
    any_row = False
    while batch := list(islice(table.rows, _BATCH)):
        any_row = True
        parts += taking.take([place for place, _ in batch], [cells for _, cells in batch])
    if not any_row and not table.problems.count:
        table.problems.add(0, "it has a header and nothing below it: give a line for each session and name")
    _refuse_lookalikes(taking.names, table.problems)
    return tuple(_series(taking.names, _Part.joined(parts), table.problems)) if parts else ()


class _Taking:
    """What both forms do: a name's number, and a date that was read before."""

    def __init__(self, problems: Problems) -> None:
        self.names: dict[str, Name] = {}
        self.problems = problems
        self._days: dict[Cell, int] = {}

    def day(self, cell: Cell) -> int:
        """The ordinal of a session. Raises: ValueError."""
        found = self._days.get(cell)
        if found is None:
            found = self._days[cell] = values.session(cell)
        return found

    def name(self, symbol: str, place: int) -> Name:
        """A new one. Raises: ValueError."""
        if len(self.names) == MOST_NAMES:
            raise ValueError(f"more than {MOST_NAMES:,} names: leave some out")
        found = self.names[symbol] = Name(symbol, len(self.names), place)
        return found


class _Wide(_Taking):
    """A column a name; a blank is a session without a price."""

    def __init__(self, columns: Mapping[str, int], problems: Problems) -> None:
        super().__init__(problems)
        self._date_at = columns["date"]
        self._columns = [(self.name(name, 1), at) for name, at in columns.items() if name != "date"]

    def take(self, places: Sequence[int], rows: Sequence[Sequence[Cell]]) -> Iterator[_Part]:
        """What is right of them."""
        days: list[int] = []
        good: list[int] = []
        for at, cells in enumerate(rows):
            try:
                days.append(self.day(cells[self._date_at]))
                good.append(at)
            except ValueError as error:
                self.problems.add(places[at], str(error))
        if good:
            kept = [places[at] for at in good]
            for name, column in self._columns:
                closes = self._closes(name, kept, [rows[at][column] for at in good])
                there = np.flatnonzero(~np.isnan(closes))
                yield _Part.of([name.number] * len(kept), days, kept, closes, None, None).at(there)

    def _closes(self, name: Name, places: Sequence[int], cells: Sequence[Cell]) -> Array:
        """NaN for what is blank or wrong."""
        found = _floats(cells)
        if found is not None and _all(found, values.LEAST_PRICE, values.LARGEST_PRICE, blanks=True):
            return found
        read = np.full(len(cells), np.nan)
        for at, cell in enumerate(cells):
            try:
                read[at] = values.optional_price(cell, name.symbol)
            except ValueError as error:
                self.problems.add(places[at], str(error))
        return read


class _Long(_Taking):
    """A row a session and name."""

    def __init__(self, columns: Mapping[str, int], currency: str, problems: Problems) -> None:
        super().__init__(problems)
        self._currency = currency
        self._date_at, self._symbol_at, self._close_at = (columns[name] for name in NEEDED)
        self._at = columns
        self._by_cell: dict[Cell, Name] = {}
        self._tellings = [
            (columns[name], take)
            for name, take in (("sector", _take_sector), ("class", _take_class), ("currency", self._take_currency))
            if name in columns
        ]

    def take(self, places: Sequence[int], rows: Sequence[Sequence[Cell]]) -> Iterator[_Part]:
        """What is right of them."""
        try:
            together = self._together(places, list(zip(*rows, strict=True)))
        except ValueError:
            together = None
        yield self._apart(places, rows) if together is None else together

    def _together(self, places: Sequence[int], columns: Sequence[Sequence[Cell]]) -> _Part | None:
        """None, or ValueError, where not all of it is plainly right."""
        floats = {name: _floats(columns[self._at[name]]) for name in _FLOATS if name in self._at}
        if any(told is None for told in floats.values()) or not _right(floats):
            return None
        names = [self._name_of(cell, place) for cell, place in zip(columns[self._symbol_at], places, strict=True)]
        days = list(map(self.day, columns[self._date_at]))
        for at, take in self._tellings:
            for name, day, cell in zip(names, days, columns[at], strict=True):
                take(name, day, cell)
        read = (floats.get(name) for name in ("close", "open", "volume"))
        return _Part.of((name.number for name in names), days, places, *read)

    def _apart(self, places: Sequence[int], rows: Sequence[Sequence[Cell]]) -> _Part:
        read = []
        for place, cells in zip(places, rows, strict=True):
            try:
                read.append(self._one(place, cells))
            except ValueError as error:
                self.problems.add(place, str(error))
        names, days, right, closes, opens, volumes = zip(*read, strict=True) if read else ((),) * 6
        return _Part.of(names, days, right, *(np.array(told, dtype=np.float64) for told in (closes, opens, volumes)))

    def _one(self, place: int, cells: Sequence[Cell]) -> tuple[int, int, int, float, float, float]:
        day = self.day(cells[self._date_at])
        name = self._name_of(cells[self._symbol_at], place)
        close = values.price(cells[self._close_at], "close")
        opens, high, low = (
            values.optional_price(cells[self._at[each]], each) if each in self._at else math.nan
            for each in ("open", "high", "low")
        )
        volume = values.volume(cells[self._at["volume"]]) if "volume" in self._at else math.nan
        _require_within(close, opens, high, low)
        for at, take in self._tellings:
            take(name, day, cells[at])
        return name.number, day, place, close, opens, volume

    def _name_of(self, cell: Cell, place: int) -> Name:
        found = self._by_cell.get(cell)
        if found is None:
            symbol = values.symbol(cell)
            found = self._by_cell[cell] = self.names.get(symbol) or self.name(symbol, place)
        return found

    def _take_currency(self, name: Name, _: int, cell: Cell) -> None:
        if cell != self._currency:
            told = "" if values.blank(cell) else str(cell).strip().upper()
            if told != self._currency:
                raise ValueError(
                    f"currency {shown(told)} of {name.symbol} in a history of {self._currency}: import each currency "
                    "by itself, with --currency"
                )


_FLOATS = ("close", "open", "high", "low", "volume")


def _floats(cells: Sequence[Cell]) -> Array | None:
    """NaN for a blank; None where a cell must be looked at by itself."""
    try:
        if all(type(cell) is str for cell in cells):
            if not _PLAIN.fullmatch("\n".join(cells)):  # type: ignore[arg-type]
                return None
            cells = [cell or "nan" for cell in cells]
        return np.array([math.nan if cell is None else float(cell) for cell in cells])  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def _all(told: Array, least: float, largest: float, *, blanks: bool) -> bool:
    right = (told >= least) & (told <= largest)
    return bool((right | np.isnan(told) if blanks else right).all())


def _right(floats: Mapping[str, Array | None]) -> bool:
    """Whether nothing is to be told of any."""
    for name, told in floats.items():
        prices = (values.LEAST_PRICE, values.LARGEST_PRICE)
        least, largest = (0.0, values.LARGEST_VOLUME) if name == "volume" else prices
        if told is None or not _all(told, least, largest, blanks=name != "close"):
            return False
    high, low = floats.get("high"), floats.get("low")
    inner = [told for name in ("close", "open") if (told := floats.get(name)) is not None]
    pairs: list[tuple[Array | None, Array | None]] = [(low, high)]
    pairs += [(price, high) for price in inner] + [(low, price) for price in inner]
    # What is compared with a blank is never greater.
    return not any(
        bool((lesser > greater).any()) for lesser, greater in pairs if lesser is not None and greater is not None
    )


def _require_within(close: float, opens: float, high: float, low: float) -> None:
    if low > high * (1 + _ROUNDED):
        raise ValueError(f"high {high:g} is below low {low:g}: check the columns' order")
    for name, price in (("close", close), ("open", opens)):
        for bound, beyond, side in (
            (high, price > high * (1 + _ROUNDED), "above high"),
            (low, price < low * (1 - _ROUNDED), "below low"),
        ):
            if beyond:
                raise ValueError(
                    f"{name} {price:g} is {side} {bound:g}: adjust all prices alike, or leave high and low out"
                )


def _take_sector(name: Name, day: int, cell: Cell) -> None:
    """The newest holds."""
    if day >= name.sector[0] and not values.blank(cell):
        name.sector = (day, values.sector(cell))


def _take_class(name: Name, _: int, cell: Cell) -> None:
    told = values.asset_class(cell)
    if name.asset_class is not None and name.asset_class is not told:
        raise ValueError(f"class {told} of {name.symbol}, and before it was {name.asset_class}: tell one")
    name.asset_class = told


def _refuse_lookalikes(names: Mapping[str, Name], problems: Problems) -> None:
    first: dict[str, Name] = {}
    for name in names.values():
        other = first.setdefault(name.symbol.upper(), name)
        if other is not name:
            problems.add(name.place, f"symbol {name.symbol} differs from {other.symbol} in its case alone: write one")


def _series(names: Mapping[str, Name], whole: _Part, problems: Problems) -> Iterator[Series]:
    whole = whole.at(np.lexsort((whole.places, whole.days, whole.names)))
    _refuse_doubles([name.symbol for name in names.values()], whole, problems)
    for symbol in sorted(names):
        name = names[symbol]
        first, last = whole.names.searchsorted((name.number, name.number + 1)).tolist()
        if first < last:
            rows = slice(first, last)
            yield Series(
                symbol, name.sector[1], name.asset_class or AssetClass.STOCK, whole.days[rows], whole.places[rows],
                whole.closes[rows], whole.opens[rows], whole.volumes[rows],
            )  # fmt: skip


def _refuse_doubles(symbols: Sequence[str], whole: _Part, problems: Problems) -> None:
    for at in np.flatnonzero((np.diff(whole.days) == 0) & (np.diff(whole.names) == 0)).tolist():
        before, place = whole.places[at : at + 2].tolist()
        problems.add(
            place,
            f"{symbols[whole.names[at]]} has {values.date_of(int(whole.days[at]))} twice, before in {problems.unit} "
            f"{before}: keep one of them",
        )
