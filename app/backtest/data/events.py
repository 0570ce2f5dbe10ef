"""What happened to the names beside their prices: a second file, each line a happening with the day it was known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.backtest.data import values
from app.backtest.data.files import Table
from app.backtest.data.problems import shown
from app.backtest.data.values import Cell
from app.backtest.history import Adjustment, Dividend, Ending, Happening, Restatement, Split
from app.domain.spelling import nearest

NEEDED = ("date", "symbol", "kind")
OPTIONAL = ("value", "into", "cash", "known_at")


class Kind(StrEnum):
    """`restated`: the day's close was told anew. `move`: a jump of the price that looks like a split and is none."""

    DIVIDEND = "dividend"
    SPLIT = "split"
    DELISTED = "delisted"
    MERGER = "merger"
    RESTATED = "restated"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Event:
    """A line: `value` is an amount a share, a split's ratio, a new close, what a share was worth, or shares `into`."""

    place: int
    kind: Kind
    symbol: str
    on: date
    known_at: date
    value: Decimal = Decimal(0)
    into: str | None = None
    cash: Decimal = Decimal(0)

    def happening(self, conids: Mapping[str, int]) -> Happening | None:
        """None of a move, which is in the prices."""
        conid = conids[self.symbol]
        match self.kind:
            case Kind.DIVIDEND:
                return Dividend(conid, self.on, self.known_at, self.value)
            case Kind.SPLIT:
                return Split(conid, self.on, self.known_at, self.value)
            case Kind.DELISTED:
                return Ending(conid, self.on, self.known_at, cash=self.value)
            case Kind.MERGER if self.into is None:
                return Ending(conid, self.on, self.known_at, cash=self.value + self.cash)
            case Kind.MERGER:
                return Ending(conid, self.on, self.known_at, self.cash, conids[self.into or ""], self.value)
            case Kind.RESTATED:
                return Restatement(conid, self.on, self.known_at, self.value)
            case Kind.MOVE:
                return None


def read_events(table: Table, symbols: Sequence[str], adjustment: Adjustment) -> tuple[Event, ...]:
    """By date. What is wrong is added to the table's problems. Raises: FileRefused for a header that will not do."""
    columns = _columns(table)
    known, found = frozenset(symbols), dict[tuple[date, str, Kind], Event]()
    for place, cells in table.rows:
        told = {name: cells[at] for name, at in columns.items()}
        try:
            event = _event(place, told, adjustment)
            _require_known(event, known)
            if (event.on, event.symbol, event.kind) in found:
                raise ValueError(f"{event.symbol} has a {event.kind} on {event.on} twice: add them up, or keep one")
        except ValueError as error:
            table.problems.add(place, str(error))
        else:
            found[event.on, event.symbol, event.kind] = event
    return tuple(sorted(found.values(), key=lambda one: (one.on, one.symbol, one.kind)))


def _columns(table: Table) -> Mapping[str, int]:
    lower = [name.strip().lower() for name in table.header]
    for name in NEEDED:
        if name not in lower:
            near = nearest(name, lower)
            hint = f"did you mean {shown(near)}?" if near else f"give {', '.join((*NEEDED, *OPTIONAL))}"
            table.problems.add(1, f"there is no column {name}: {hint}")
    for name in lower:
        if name not in (*NEEDED, *OPTIONAL):
            near = nearest(name, OPTIONAL)
            hint = f"did you mean {near}?" if near else f"there are {', '.join((*NEEDED, *OPTIONAL))}"
            table.problems.add(1, f"column {shown(name)} is not known: {hint}")
    table.problems.refuse()
    return {name: at for at, name in enumerate(lower)}


def _event(place: int, told: Mapping[str, Cell], adjustment: Adjustment) -> Event:
    on = date.fromordinal(values.session(told["date"]))
    symbol, kind = values.symbol(told["symbol"]), _kind(told["kind"])
    _require_apart(kind, adjustment)
    known_at = on if values.blank(told.get("known_at")) else values.day(told["known_at"], "known_at")
    if kind is Kind.RESTATED and known_at <= on:
        raise ValueError("a restated close without a later known_at: give the day on which it was told anew")
    if kind in (Kind.SPLIT, Kind.DELISTED, Kind.MERGER) and known_at > on:
        raise ValueError(f"known_at {known_at} is after the {kind} itself: give the day that it took effect")
    into = None if values.blank(told.get("into")) else values.symbol(told["into"])
    cash = Decimal(0) if values.blank(told.get("cash")) else values.amount(told["cash"], "cash")
    if kind is not Kind.MERGER and (into is not None or cash):
        raise ValueError(f"into and cash are a merger's, and this is a {kind}: leave them blank")
    return Event(place, kind, symbol, on, known_at, _value(kind, told.get("value"), into), into, cash)


def _kind(cell: Cell) -> Kind:
    text = str(cell or "").strip().lower()
    if text not in list(Kind):
        near = nearest(text, list(Kind))
        raise ValueError(
            f"kind {shown(cell or '')} is not known: "
            + (f"did you mean {near}?" if near else f"write {', '.join(Kind)}")
        )
    return Kind(text)


def _require_apart(kind: Kind, adjustment: Adjustment) -> None:
    """What is in the prices must not be counted again."""
    if kind is Kind.DIVIDEND and adjustment is Adjustment.TOTAL:
        raise ValueError("a dividend, and with --adjustment total it is in the prices: take the line out")
    if kind is Kind.SPLIT and adjustment is not Adjustment.NONE:
        raise ValueError(
            f"a split, and with --adjustment {adjustment} it is in the prices: take the line out, or give prices as "
            "they were paid with --adjustment none"
        )


def _value(kind: Kind, cell: Cell, into: str | None) -> Decimal:
    if kind is Kind.MOVE:
        if not values.blank(cell):
            raise ValueError("a move has no value: leave it blank")
        return Decimal(0)
    if values.blank(cell):
        what = {
            Kind.DIVIDEND: "the amount a share",
            Kind.DELISTED: "what a share was worth, 0 for nothing",
            Kind.RESTATED: "the close that was told then",
        }
        raise ValueError(f"a {kind} without a value: give {what.get(kind, 'its ratio')}")
    if kind is Kind.SPLIT or into is not None:
        return values.ratio(cell)
    if kind is Kind.RESTATED:
        values.price(cell, "value")
    found = values.amount(cell)
    if kind is Kind.DIVIDEND and not found:
        raise ValueError("a dividend of 0: take the line out")
    return found


def _require_known(event: Event, known: frozenset[str]) -> None:
    for symbol in (event.symbol, event.into):
        if symbol is not None and symbol not in known:
            near = nearest(symbol, known)
            raise ValueError(
                f"symbol {symbol} has no price: "
                + (f"did you mean {near}?" if near else "take the line out, or add its prices")
            )
    if event.symbol == event.into:
        raise ValueError(f"{event.symbol} cannot merge into itself")
