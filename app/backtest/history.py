"""Prices of the past as a replay reads them: which sessions, which names, in which unit, and what else happened."""

import hashlib
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

import numpy as np

from app.domain.errors import DataError
from app.domain.instrument import Instrument
from app.domain.kept import kept_property
from app.domain.market import Array


class Adjustment(StrEnum):
    """What earlier prices were changed by: nothing, later splits, or later splits and dividends."""

    NONE = "none"
    SPLIT = "split"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Dividend:
    """`amount` a share for whoever holds it when `session_date` opens, in the instrument's currency."""

    conid: int
    session_date: date
    known_at: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Split:
    """From the opening of `session_date` on `ratio` new shares for each old one."""

    conid: int
    session_date: date
    known_at: date
    ratio: Decimal


@dataclass(frozen=True, slots=True)
class Ending:
    """The name's last session was the one before: `cash` for each share, and `ratio` shares `into` another name.

    Neither is a share that became worthless.
    """

    conid: int
    session_date: date
    known_at: date
    cash: Decimal = Decimal(0)
    into: int | None = None
    ratio: Decimal = Decimal(0)


Happening = Dividend | Split | Ending


@dataclass(frozen=True)
class History:
    """Daily prices in the instruments' own currency, known from the session's close on.

    Shape: `dates` [T] sessions, oldest first; `closes` [T, N], a column an instrument, NaN where there is none; `opens`
    and `volumes` [T, N] in shares; `index` and `vix` [T]; None where the source has none. `notes` say what the data
    cannot show. Raises: DataError.
    """

    name: str
    source: str
    adjustment: Adjustment
    instruments: tuple[Instrument, ...]
    dates: tuple[date, ...]
    closes: Array = field(repr=False)
    opens: Array | None = field(default=None, repr=False)
    volumes: Array | None = field(default=None, repr=False)
    index: Array | None = field(default=None, repr=False)
    vix: Array | None = field(default=None, repr=False)
    happenings: tuple[Happening, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows, columns = len(self.dates), len(self.instruments)
        shapes = {
            "closes": (self.closes, (rows, columns)),
            "opens": (self.opens, (rows, columns)),
            "volumes": (self.volumes, (rows, columns)),
            "index": (self.index, (rows,)),
            "vix": (self.vix, (rows,)),
        }
        for name, (values, shape) in shapes.items():
            if values is not None and values.shape != shape:
                raise DataError(f"{name} of {self.name} has the shape {values.shape}, not {shape}")
        if any(later <= earlier for earlier, later in zip(self.dates, self.dates[1:], strict=False)):
            raise DataError(f"the sessions of {self.name} are not in order, each once")

    @kept_property
    def digest(self) -> str:
        """Of everything that a replay reads."""
        hashed = hashlib.sha256()
        told = (self.adjustment, *self.instruments, *self.dates, *self.happenings)
        hashed.update("\n".join(map(repr, told)).encode())
        for values in (self.closes, self.opens, self.volumes, self.index, self.vix):
            hashed.update(b"-" if values is None else np.ascontiguousarray(values).tobytes())
        return "sha256:" + hashed.hexdigest()

    def row(self, on_or_after: date) -> int:
        """The first session from that date on; T where there is none."""
        return bisect_left(self.dates, on_or_after)

    def column(self, symbol: str) -> int | None:
        """Of the instrument with that ticker."""
        return next((n for n, one in enumerate(self.instruments) if one.symbol == symbol), None)
