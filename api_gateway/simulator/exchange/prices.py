"""Daily closes the simulated market is built on, read out of the installed skfolio wheel.

The file's terms allow testing and examples, not redistribution: it is read where the wheel put it and never copied.
skfolio itself is never imported; its dependencies are not installed.
"""

import csv
import gzip
import importlib.metadata
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from api_gateway.simulator.errors import StartError

Floats = npt.NDArray[np.float64]
Origin = Literal["sample", "synthetic"]
DataChoice = Literal["auto", "synthetic"]

_STOCKS_FILE = "skfolio/datasets/data/sp500_dataset.csv.gz"
_INDEX_FILE = "skfolio/datasets/data/sp500_index.csv.gz"


@dataclass(frozen=True, eq=False)
class PriceHistory:
    """Shape: closes [T, N], index [T]; T sessions ascending, N symbols. Adjusted closes in USD.

    `draw` makes the closes of a contract that is not among the columns, shape [T]; None where nothing may be invented.
    """

    symbols: tuple[str, ...]
    sessions: tuple[date, ...]
    closes: Floats
    index: Floats
    origin: Origin
    draw: Callable[[int], Floats] | None = None

    def __post_init__(self) -> None:
        if self.closes.shape != (len(self.sessions), len(self.symbols)) or self.index.shape != (len(self.sessions),):
            raise ValueError(f"prices: closes {self.closes.shape} and index {self.index.shape} do not fit the sessions")
        if not (np.isfinite(self.closes).all() and (self.closes > 0).all() and (self.index > 0).all()):
            raise ValueError("prices: every close must be a positive number")
        if any(later <= earlier for earlier, later in zip(self.sessions, self.sessions[1:], strict=False)):
            raise ValueError("prices: sessions must ascend")
        self.closes.setflags(write=False)
        self.index.setflags(write=False)

    def of(self, symbol: str) -> Floats:
        """Closes of one symbol, shape [T]. Raises KeyError for a symbol the history does not carry."""
        if symbol not in self.symbols:
            raise KeyError(symbol)
        return self.closes[:, self.symbols.index(symbol)]

    def generated(self, conid: int) -> Floats:
        """Raises KeyError where prices are not invented."""
        if self.draw is None:
            raise KeyError(conid)
        return self.draw(conid)

    def position_of(self, session: date) -> int | None:
        """Row of a session, or None when the exchange was closed that day or the day is outside the history."""
        row = bisect_left(self.sessions, session)
        return row if row < len(self.sessions) and self.sessions[row] == session else None


def _read(path: Path) -> tuple[tuple[str, ...], tuple[date, ...], Floats]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    sessions = tuple(date.fromisoformat(row[0]) for row in rows)
    return tuple(header[1:]), sessions, np.array([row[1:] for row in rows], dtype=np.float64)


def sample_files() -> tuple[Path, Path] | None:
    """Where the installed wheel keeps the stocks and the index, or None when it is not installed."""
    try:
        wheel = importlib.metadata.distribution("skfolio")
    except importlib.metadata.PackageNotFoundError:
        return None
    stocks, index = Path(str(wheel.locate_file(_STOCKS_FILE))), Path(str(wheel.locate_file(_INDEX_FILE)))
    return (stocks, index) if stocks.is_file() and index.is_file() else None


def read_sample(stocks: Path, index: Path) -> PriceHistory:
    """Raises: StartError when the two files do not describe the same sessions."""
    symbols, sessions, closes = _read(stocks)
    _, index_sessions, index_closes = _read(index)
    if sessions != index_sessions:
        raise StartError("sample prices: the stock file and the index file cover different sessions", 1)
    return PriceHistory(symbols, sessions, closes, index_closes[:, 0].copy(), "sample")


def load_history(choice: DataChoice, seed: int) -> PriceHistory:
    """The sample when it is installed and allowed, else the generator; `origin` says which."""
    files = sample_files() if choice == "auto" else None
    if files is not None:
        return read_sample(*files)
    # Only the stand-in needs the exchange calendar, which takes a quarter of a second to import.
    from api_gateway.simulator.exchange.synthetic import synthetic_history

    return synthetic_history(seed)
