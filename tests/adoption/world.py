"""A market of the sample's sessions with names and funds that the sample has not: synthetic prices beside its own.

Every synthetic series is its beta times the sample's index plus a part of its own, and is the same on every machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from app.backtest.history import Adjustment, History
from app.backtest.sample import sample
from app.domain.instrument import GICS_SECTORS, AssetClass, Instrument
from app.domain.market import Array

BEFORE, AFTER = 540, 60
FIRST_CONID = 5000


@dataclass(frozen=True, slots=True)
class Kind:
    """Of a synthetic series: its sector, how it follows the index, its own deviation a day, and its price at first."""

    sector: str
    beta: float = 0.9
    deviation: float = 0.007
    price: float = 80.0
    fund: bool = False


def _fund(beta: float, deviation: float, price: float) -> Kind:
    return Kind("Unknown", beta, deviation, price, fund=True)


NAMES: Mapping[str, Kind] = {
    "VTI": _fund(1.0, 0.001, 120),
    "VXUS": _fund(0.9, 0.003, 50),
    "BND": _fund(0.02, 0.0015, 82),
    "NVDA": Kind("Information Technology", 1.2, price=120),
    "V": Kind("Financials", price=95),
    "MA": Kind("Financials", price=120),
    "COST": Kind("Consumer Staples", 0.7, price=170),
    "DIS": Kind("Communication Services", price=105),
    "NKE": Kind("Consumer Discretionary", price=55),
    "UPS": Kind("Industrials", price=105),
    "NEE": Kind("Utilities", 0.5, price=130),
    "AMT": Kind("Real Estate", 0.6, price=130),
    "LIN": Kind("Materials", price=140),
    "COP": Kind("Energy", 1.1, price=47),
    "TMO": Kind("Health Care", price=170),
    # A line that nobody quotes any more.
    "GONE": Kind("Energy", price=2),
}
TWELVE_OTHERS = tuple(name for name, kind in NAMES.items() if not kind.fund and name != "GONE")
MANY = {f"N{number:03}": Kind(GICS_SECTORS[number % 11], price=20 + number % 90) for number in range(500)}


def history(
    on: date,
    names: Mapping[str, Kind] = NAMES,
    falls: Mapping[str, tuple[float, int]] | None = None,
    unknown: bool = False,
) -> History:
    """Around that session. `falls`: of these (how much is lost, in how many sessions from the third on).

    `unknown`: no source names a sector of what is synthetic.
    """
    past = sample()
    row = past.row(on)
    first, last = row - BEFORE, row + AFTER
    if past.index is None or first < 1:
        raise ValueError(f"the sample has no index, or no {BEFORE} sessions before {on}")
    index = past.index[first:last]
    moves = past.index[first:last] / past.index[first - 1 : last - 1] - 1
    series = {symbol: _series(number, kind, moves) for number, (symbol, kind) in enumerate(names.items())}
    for symbol, (lost, sessions) in (falls or {}).items():
        since = np.arange(1, last - row - 1)
        series[symbol][BEFORE + 2 :] *= (1 - lost) ** (np.minimum(since, sessions) / sessions)
    if "GONE" in series:
        series["GONE"][BEFORE - 30 :] = np.nan
    return History(
        name="adoption",
        source="synthetic",
        adjustment=Adjustment.TOTAL,
        instruments=(
            *past.instruments,
            *(_instrument(number, symbol, names[symbol], unknown) for number, symbol in enumerate(series)),
        ),
        dates=past.dates[first:last],
        closes=np.column_stack([past.closes[first:last], *series.values()]),
        index=index,
    )


def _series(number: int, kind: Kind, moves: Array) -> Array:
    own = np.random.default_rng(number).normal(0.0003, kind.deviation, len(moves))
    closes: Array = np.round(kind.price * np.cumprod(1 + kind.beta * moves + own), 4)
    return closes


def _instrument(number: int, symbol: str, kind: Kind, unknown: bool) -> Instrument:
    return Instrument(
        FIRST_CONID + number,
        symbol,
        "USD",
        AssetClass.ETF if kind.fund else AssetClass.STOCK,
        "Unknown" if unknown else kind.sector,
    )
