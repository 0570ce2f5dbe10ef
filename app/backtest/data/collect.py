"""The rows of a file as one series a name, each value with the place that it came from."""

import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.backtest.data import values
from app.backtest.data.columns import NEEDED, columns_of
from app.backtest.data.files import Table
from app.backtest.data.problems import Problems, shown
from app.backtest.data.values import Cell
from app.domain.instrument import UNKNOWN_SECTOR, AssetClass
from app.domain.market import Array

MOST_NAMES = 10_000
# A vendor rounds each of four prices by itself.
_ROUNDED = 1e-6


@dataclass
class NameRows:
    """One name's values as they were read: ordinals of sessions, places in the file, prices, volumes."""

    symbol: str
    place: int
    days: "array[int]" = field(default_factory=lambda: array("i"))
    places: "array[int]" = field(default_factory=lambda: array("i"))
    closes: "array[float]" = field(default_factory=lambda: array("d"))
    opens: "array[float]" = field(default_factory=lambda: array("d"))
    volumes: "array[float]" = field(default_factory=lambda: array("d"))
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
    opens: Array | None = field(repr=False)
    volumes: Array | None = field(repr=False)


def collect(table: Table, currency: str) -> tuple[Series, ...]:
    """By symbol. What is wrong is added to the table's problems."""
    columns = columns_of(table.header, table.problems)
    taking = _Long(columns, currency) if "symbol" in columns else _Wide(columns)
    rows = 0
    for place, cells in table.rows:
        rows += 1
        try:
            taking.take(place, cells)
        except ValueError as error:
            table.problems.add(place, str(error))
    if not rows and not table.problems.count:
        table.problems.add(0, "it has a header and nothing below it: give a line for each session and name")
    names = taking.names
    _refuse_lookalikes(names, table.problems)
    return tuple(_series(names[symbol], columns, table.problems) for symbol in sorted(names) if names[symbol].days)


class _Taking:
    """What both forms do: a name's next value, and a date that was read before."""

    def __init__(self) -> None:
        self.names: dict[str, NameRows] = {}
        self._days: dict[Cell, int] = {}

    def day(self, cell: Cell) -> int:
        found = self._days.get(cell)
        if found is None:
            found = self._days[cell] = values.session(cell)
        return found

    def name(self, symbol: str, place: int) -> NameRows:
        if len(self.names) == MOST_NAMES:
            raise ValueError(f"more than {MOST_NAMES:,} names: leave some out")
        found = self.names[symbol] = NameRows(symbol, place)
        return found


class _Wide(_Taking):
    """A column a name; a blank is a session without a price."""

    def __init__(self, columns: Mapping[str, int]) -> None:
        super().__init__()
        self._date_at = columns["date"]
        self._columns = [(self.name(name, 1), at) for name, at in columns.items() if name != "date"]

    def take(self, place: int, cells: Sequence[Cell]) -> None:
        day = self.day(cells[self._date_at])
        read = [
            (name, values.price(cells[at], name.symbol)) for name, at in self._columns if not values.blank(cells[at])
        ]
        for name, close in read:
            name.days.append(day)
            name.places.append(place)
            name.closes.append(close)


class _Long(_Taking):
    """A row a session and name."""

    def __init__(self, columns: Mapping[str, int], currency: str) -> None:
        super().__init__()
        self._date_at, self._symbol_at, self._close_at = (columns[name] for name in NEEDED)
        self._open_at, self._volume_at = columns.get("open"), columns.get("volume")
        self._within = [(columns[name], name) for name in ("high", "low") if name in columns]
        self._told = [(columns[name], check) for name, check in self._tellings(currency) if name in columns]
        self._by_cell: dict[Cell, NameRows] = {}

    def _tellings(self, currency: str) -> Iterator[tuple[str, Callable[[NameRows, int, Cell], None]]]:
        yield "sector", _take_sector
        yield "class", _take_class
        yield "currency", lambda _, __, cell: _require_currency(cell, currency)

    def take(self, place: int, cells: Sequence[Cell]) -> None:
        day = self.day(cells[self._date_at])
        name = self._by_cell.get(cells[self._symbol_at]) or self._new(cells[self._symbol_at], place)
        close = values.price(cells[self._close_at], "close")
        opens = math.nan if self._open_at is None else values.optional_price(cells[self._open_at], "open")
        volume = math.nan if self._volume_at is None else values.volume(cells[self._volume_at])
        if self._within:
            _require_within({each: values.optional_price(cells[at], each) for at, each in self._within}, close, opens)
        for at, take in self._told:
            take(name, day, cells[at])
        name.days.append(day)
        name.places.append(place)
        name.closes.append(close)
        if self._open_at is not None:
            name.opens.append(opens)
        if self._volume_at is not None:
            name.volumes.append(volume)

    def _new(self, cell: Cell, place: int) -> NameRows:
        symbol = values.symbol(cell)
        found = self._by_cell[cell] = self.names.get(symbol) or self.name(symbol, place)
        return found


def _require_within(bounds: Mapping[str, float], close: float, opens: float) -> None:
    high, low = bounds.get("high", math.nan), bounds.get("low", math.nan)
    if low > high * (1 + _ROUNDED):
        raise ValueError(f"high {high:g} is below low {low:g}: check the columns' order")
    for name, price in (("close", close), ("open", opens)):
        if price > high * (1 + _ROUNDED):
            raise ValueError(
                f"{name} {price:g} is above high {high:g}: adjust all prices alike, or leave high and low out"
            )
        if price < low * (1 - _ROUNDED):
            raise ValueError(
                f"{name} {price:g} is below low {low:g}: adjust all prices alike, or leave high and low out"
            )


def _take_sector(name: NameRows, day: int, cell: Cell) -> None:
    """The newest holds."""
    if day >= name.sector[0] and not values.blank(cell):
        name.sector = (day, values.sector(cell))


def _take_class(name: NameRows, _: int, cell: Cell) -> None:
    told = values.asset_class(cell)
    if name.asset_class is not None and name.asset_class is not told:
        raise ValueError(f"class {told} of {name.symbol}, and before it was {name.asset_class}: tell one")
    name.asset_class = told


def _require_currency(cell: Cell, currency: str) -> None:
    if values.blank(cell) or str(cell).strip().upper() != currency:
        raise ValueError(
            f"currency {shown(cell or '')} in a history of {currency}: import each currency by itself, with --currency"
        )


def _refuse_lookalikes(names: Mapping[str, NameRows], problems: Problems) -> None:
    first: dict[str, NameRows] = {}
    for name in names.values():
        other = first.setdefault(name.symbol.upper(), name)
        if other is not name:
            problems.add(name.place, f"symbol {name.symbol} differs from {other.symbol} in its case alone: write one")


def _series(rows: NameRows, columns: Mapping[str, int], problems: Problems) -> Series:
    days, places = np.array(rows.days, dtype=np.int32), np.array(rows.places, dtype=np.int32)
    order = np.lexsort((places, days))
    days, places = days[order], places[order]
    for at in np.flatnonzero(np.diff(days) == 0).tolist():
        on = values.date_of(int(days[at]))
        problems.add(
            int(places[at + 1]),
            f"{rows.symbol} has {on} twice, before in {problems.unit} {places[at]}: keep one of them",
        )

    def sorted_of(column: str, told: "array[float]") -> Array | None:
        return np.array(told)[order] if column in columns and len(told) else None

    return Series(
        rows.symbol, rows.sector[1], rows.asset_class or AssetClass.STOCK, days, places, np.array(rows.closes)[order],
        sorted_of("open", rows.opens), sorted_of("volume", rows.volumes),
    )  # fmt: skip
