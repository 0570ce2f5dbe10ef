"""Prices of the past as a replay reads them: which sessions, which names, in which unit, and what else happened."""

import hashlib
from bisect import bisect_left
from collections.abc import Mapping
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
    """`amount` a share for whoever holds it when `session_date` opens, in the instrument's currency.

    Where the name is split on the same day, an old share. One that is known later is paid then.
    """

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


@dataclass(frozen=True, slots=True)
class Restatement:
    """At `known_at` the close of an earlier `session_date` was told anew, or told at all; no account is valued anew."""

    conid: int
    session_date: date
    known_at: date
    close: Decimal


Happening = Dividend | Split | Ending | Restatement
# The parts of a history that may be told later than their session closes.
LATE_PARTS = frozenset({"volumes", "index", "vix"})


@dataclass(frozen=True, slots=True)
class Datum:
    """One number as it was known: the session it is of, when it was known first, and what it counts."""

    value: float
    as_of: date
    known_at: date
    source: str
    unit: str
    adjustment: Adjustment


@dataclass(frozen=True)
class History:
    """Daily prices in the instruments' own currency, known from the session's close on.

    Shape: `dates` [T] sessions, oldest first; `closes` [T, N], a column an instrument, NaN where there is none; `opens`
    and `volumes` [T, N] in shares; `index` and `vix` [T]; None where the source has none. `notes` say what the data
    cannot show. `late`: sessions after its own that a part was known. `adjustments` of parts that are adjusted
    otherwise than `closes`; an index is compared with prices and never mixed with them. `marks` stand on every output:
    what must not be overlooked.
    Raises: DataError where parts do not fit together, or would count a split or a dividend twice.
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
    late: Mapping[str, int] = field(default_factory=dict)
    adjustments: Mapping[str, Adjustment] = field(default_factory=dict)
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._fits()
        self._mixes_nothing()
        for one in self.happenings:
            self._makes_sense(one)

    def _fits(self) -> None:
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

    def _mixes_nothing(self) -> None:
        kinds = {part: self.adjustments.get(part, self.adjustment) for part in ("opens", "volumes")}
        raw = Adjustment.NONE
        if self.opens is not None and kinds["opens"] is not self.adjustment:
            raise DataError(
                f"opens and closes of {self.name} are adjusted differently: no order could be filled at them"
            )
        if self.volumes is not None and (kinds["volumes"] is raw) is not (self.adjustment is raw):
            raise DataError(
                f"volumes and prices of {self.name} count different shares: one is adjusted for splits only"
            )
        if any(isinstance(one, Split) for one in self.happenings) and self.adjustment is not raw:
            raise DataError(f"splits of {self.name} would count twice: its prices are adjusted for them")
        if any(isinstance(one, Dividend) for one in self.happenings) and self.adjustment is Adjustment.TOTAL:
            raise DataError(f"dividends of {self.name} would count twice: its prices are adjusted for them")
        for part, sessions in self.late.items():
            if part not in LATE_PARTS or sessions < 0:
                raise DataError(f"{part} of {self.name} cannot be {sessions} sessions late")

    def _makes_sense(self, one: Happening) -> None:
        what = f"{type(one).__name__.lower()} of {one.conid} on {one.session_date} in {self.name}"
        column = self.columns.get(one.conid)
        if column is None:
            raise DataError(f"the {what} is of no name that it has")
        if isinstance(one, Ending):
            if one.cash < 0 or one.ratio < 0 or (one.ratio > 0) is not (one.into in self.columns):
                raise DataError(f"the {what} says neither what is paid nor which shares are given")
            if not np.isnan(self.closes[self.row(one.session_date) :, column]).all():
                raise DataError(f"the {what} has prices after it")
        elif isinstance(one, Restatement):
            known = one.session_date in self.dates[self.row(one.session_date) :][:1]
            if not known or one.known_at <= one.session_date or not one.close > 0:
                raise DataError(f"the {what} restates no earlier session")
        elif not (one.amount if isinstance(one, Dividend) else one.ratio) > 0:
            raise DataError(f"the {what} is not above zero")

    @kept_property
    def columns(self) -> Mapping[int, int]:
        """Conid → column."""
        return {one.conid: column for column, one in enumerate(self.instruments)}

    @kept_property
    def digest(self) -> str:
        """Of everything that a replay reads."""
        hashed = hashlib.sha256()
        told: tuple[object, ...] = (self.adjustment, *self.instruments, *self.dates, *self.happenings)
        if self.late or self.adjustments:
            told = (*told, sorted(self.late.items()), sorted(self.adjustments.items()))
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
