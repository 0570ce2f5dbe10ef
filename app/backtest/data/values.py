"""One cell of a file as a value. What is not exactly one is a ValueError, whose text says what to do."""

import math
import re
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import cast

from app.backtest.data.problems import shown
from app.domain.errors import UsageError
from app.domain.instrument import GICS_SECTORS, UNKNOWN_SECTOR, AssetClass
from app.domain.spelling import nearest
from app.market.calendar import ExchangeCalendar

# A price is counted in four decimals, and a replay's account in whole ones of fifteen digits.
LEAST_PRICE, LARGEST_PRICE = 0.0001, 1e9
LARGEST_VOLUME = 1e15
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,23}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_RATIO = re.compile(r"(\d{1,4})\s*[:/]\s*(\d{1,4})", re.ASCII)
_CALENDAR = ExchangeCalendar()
_CLASSES = {"stk": AssetClass.STOCK, "stock": AssetClass.STOCK, "etf": AssetClass.ETF}
Cell = str | float | int | Decimal | date | None


def blank(cell: Cell) -> bool:
    """Nothing was written there, or what Parquet has for nothing."""
    return cell is None or cell != cell or (type(cell) is str and not cell.strip())


def number(cell: Cell, name: str) -> float:
    """Finite, of any sign."""
    try:
        # Python's own reading takes underscores and other scripts' digits, too.
        if type(cell) is str and ("_" in cell or not cell.isascii()):
            raise ValueError
        value = float(cast(float, cell))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} {shown(cell)} is not a number: write it like 1234.56") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} {shown(cell)} is not a finite number: leave the line out where there is no price")
    return value


def price(cell: Cell, name: str) -> float:
    """Above zero."""
    if blank(cell):
        raise ValueError(f"{name} is blank: leave the line out where there is no price")
    value = number(cell, name)
    if value <= 0:
        raise ValueError(f"{name} {shown(cell)} is not above zero: leave the line out where there is no price")
    if not LEAST_PRICE <= value <= LARGEST_PRICE:
        raise ValueError(f"{name} {shown(cell)} is not from {LEAST_PRICE} to {LARGEST_PRICE:.0f}: check its unit")
    return value


def optional_price(cell: Cell, name: str) -> float:
    """NaN for a blank."""
    return math.nan if blank(cell) else price(cell, name)


def volume(cell: Cell, name: str = "volume") -> float:
    """In shares, not negative; NaN for a blank."""
    if blank(cell):
        return math.nan
    value = number(cell, name)
    if value < 0:
        raise ValueError(f"{name} {shown(cell)} is negative: leave it blank where it is not known")
    if value > LARGEST_VOLUME:
        raise ValueError(f"{name} {shown(cell)} is above {LARGEST_VOLUME:.0e}: check its unit")
    return value


def session(cell: Cell) -> int:
    """The ordinal of a session of the exchange."""
    on = day(cell)
    if not _is_session(on):
        raise ValueError(f"{on} is not a session of the exchange ({on:%A}): leave the line out")
    return on.toordinal()


def date_of(ordinal: int) -> date:
    """What `session` counted."""
    return date.fromordinal(ordinal)


def day(cell: Cell, name: str = "date") -> date:
    """Of ISO 8601, or a date of its own type; a time of day is none."""
    if isinstance(cell, datetime):
        if cell.time() != time():
            raise ValueError(f"{name} {shown(cell)} has a time of day: give dates alone")
        return cell.date()
    if isinstance(cell, date):
        return cell
    try:
        if type(cell) is not str or not _DAY.fullmatch(text := cell.strip()):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} {shown(cell)} is not a date: write it as YYYY-MM-DD") from None


@cache
def _is_session(on: date) -> bool:
    try:
        return _CALENDAR.is_session(on)
    except UsageError as error:
        raise ValueError(f"{error.cause}: {error.remedy}") from None


def symbol(cell: Cell) -> str:
    """A ticker."""
    text = cell.strip() if type(cell) is str else ""
    if not _SYMBOL.fullmatch(text):
        raise ValueError(
            f"symbol {shown(cell)} is not a ticker: up to 24 letters, digits, dots and hyphens, beginning with one of "
            "the first two"
        )
    return text


def sector(cell: Cell) -> str:
    """As GICS names it."""
    if blank(cell):
        return UNKNOWN_SECTOR
    text = str(cell).strip()
    found = _SECTORS.get(text.lower())
    if found is None:
        near = nearest(text, GICS_SECTORS)
        raise ValueError(
            f"sector {shown(text)} is none of GICS: "
            + (f"did you mean {near}?" if near else "leave it blank for unknown")
        )
    return found


_SECTORS = {name.lower(): name for name in (*GICS_SECTORS, UNKNOWN_SECTOR)}


def asset_class(cell: Cell) -> AssetClass:
    """A stock where nothing is told."""
    if blank(cell):
        return AssetClass.STOCK
    found = _CLASSES.get(str(cell).strip().lower())
    if found is None:
        raise ValueError(f"class {shown(cell)} is neither STK nor ETF")
    return found


def amount(cell: Cell, name: str = "value") -> Decimal:
    """Exact and not negative."""
    try:
        if type(cell) is str and ("_" in cell or not cell.isascii()):
            raise InvalidOperation
        value = Decimal(str(cell).strip())
    except InvalidOperation:
        raise ValueError(f"{name} {shown(cell)} is not a number: write it like 0.25") from None
    if not value.is_finite() or value < 0 or value > Decimal(LARGEST_PRICE):
        raise ValueError(f"{name} {shown(cell)} is not an amount from 0 to {LARGEST_PRICE:.0f}")
    return value


def ratio(cell: Cell, name: str = "value") -> Decimal:
    """New shares for an old one: 4, 0.1, or 4:1."""
    found = _RATIO.fullmatch(str(cell).strip())
    if found is None:
        value = amount(cell, name)
    else:
        value = Decimal(found[1]) / Decimal(found[2]) if int(found[2]) else Decimal(0)
    if value <= 0:
        raise ValueError(f"{name} {shown(cell)} is not a ratio of new shares to old ones: write 4, 0.1 or 4:1")
    return value
