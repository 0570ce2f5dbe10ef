"""What the first weeks with an account are judged by, worked out anew with pandas from the raw prices.

Shares nothing with the engine: it reads the sample's files, the policy's file, what was held at first and what was
filled since.
"""

import gzip
import importlib.metadata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

SECTORS = {
    "Information Technology": ("AAPL", "AMD", "MSFT"),
    "Financials": ("BAC", "JPM"),
    "Consumer Discretionary": ("BBY", "HD"),
    "Energy": ("CVX", "RRC", "XOM"),
    "Industrials": ("GE",),
    "Health Care": ("JNJ", "LLY", "MRK", "PFE", "UNH"),
    "Consumer Staples": ("KO", "PEP", "PG", "WMT"),
}
# Where the policy's file says nothing.
STOP_MULTIPLE, CUT_MULTIPLE, WEEKS = 3, 2, 8
FLOOR = "cash_reserve"
SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Filled:
    """So many shares more, or less where negative, in the session of `row`, paid with commission."""

    row: int
    symbol: str
    shares: float
    price: float
    commission: float


@dataclass
class Told:
    """One day after the first meeting; gains and levels by symbol, excesses by what was inherited."""

    gains: dict[str, float] = field(default_factory=dict)
    stops: dict[str, float] = field(default_factory=dict)
    cuts: dict[str, float] = field(default_factory=dict)
    inherited: dict[str, float] = field(default_factory=dict)
    acts: set[str] = field(default_factory=set)
    drawdown: float = 0.0

    def room(self, key: str, limit: float) -> float:
        """What may be over the limit before anything is done about it."""
        return self.inherited[key] + abs(limit) / 10 if key in self.inherited else 0.0


@cache
def prices() -> pd.DataFrame:
    """Closes of the sample in four decimals, as an account counts them."""
    return _table("sp500_dataset.csv.gz").round(4)


@cache
def raw_prices() -> pd.DataFrame:
    """As the files have them: what returns are taken from."""
    return _table("sp500_dataset.csv.gz")


@cache
def index() -> "pd.Series[float]":
    """Of the index."""
    return _table("sp500_index.csv.gz").iloc[:, 0]


def _table(name: str) -> pd.DataFrame:
    wheel = importlib.metadata.distribution("skfolio")
    with gzip.open(Path(str(wheel.locate_file(f"skfolio/datasets/data/{name}")))) as packed:
        return pd.read_csv(packed, index_col=0, parse_dates=True)


class Reckoning:
    """An account from the session `first` on, in which it was met with `shares` and `cash`."""

    def __init__(self, policy: Path, first: int, shares: Mapping[str, float], cash: float) -> None:
        self._policy: dict[str, Any] = yaml.safe_load(policy.read_text(encoding="utf-8"))
        self._first = first
        self._shares = pd.Series(shares, dtype=float)
        self._cash = cash
        self._bases = dict(prices().iloc[first][list(shares)])
        self._now, self._nav, self._peak = self._shares, 0.0, 0.0
        self._inherited: dict[str, float] = {}
        self._vix_cap: float | None = None

    def days(self, fills: Iterable[Filled], count: int, looked_at: Collection[int]) -> dict[int, Told]:
        """Those of as many from the first on, each at its close; all of them after the weeks must be among them."""
        by_row: dict[int, list[Filled]] = {}
        for one in fills:
            by_row.setdefault(one.row, []).append(one)
        found = {}
        for number in range(count):
            row = self._first + number
            for one in by_row.get(row, ()):
                self._fill(one)
            self._value(row)
            self._enter_band(row)
            if number in looked_at:
                found[number] = self._day(row)
        return found

    def _value(self, row: int) -> None:
        self._now = prices().iloc[row][self._shares.index]
        self._nav = float((self._shares * self._now).sum()) + self._cash
        self._peak = max(self._peak, self._nav)

    def _fill(self, one: Filled) -> None:
        before = float(self._shares.get(one.symbol, 0.0))
        after = before + one.shares
        if one.shares > 0:
            paid = before * self._bases.get(one.symbol, 0.0) + one.shares * one.price
            self._bases[one.symbol] = paid / after
        self._shares[one.symbol] = after
        self._cash -= one.shares * one.price + one.commission
        if after == 0:
            self._shares = self._shares.drop(one.symbol)
            del self._bases[one.symbol]

    def _day(self, row: int) -> Told:
        now, nav = self._now, self._nav
        told = Told(drawdown=1 - nav / self._peak)
        volatility = self._monthly(row)
        exits, cut = self._policy["exits"], self._policy["strategies"]["cut_losers"]
        stop_multiple = exits.get("volatility_multiple", STOP_MULTIPLE)
        cut_multiple = cut.get("volatility_multiple", CUT_MULTIPLE)
        for symbol in self._shares.index:
            base = self._bases[symbol]
            told.gains[symbol] = float(now[symbol]) / base - 1
            told.stops[symbol] = base * (1 - max(exits["stop_loss_pct"] / 100, stop_multiple * volatility[symbol]))
            told.cuts[symbol] = base * (1 - max(cut["trigger_loss_pct"] / 100, cut_multiple * volatility[symbol]))
        over = self._over(row, self._shares * now / nav, self._cash / nav)
        told.inherited = self._inherit(row, {key: value - limit for key, (value, limit) in over.items()})
        told.acts = {key for key, (value, limit) in over.items() if value > limit + told.room(key, limit) + SLACK}
        return told

    def _monthly(self, row: int) -> "pd.Series[float]":
        """Of 63 daily returns until the session before."""
        closes = raw_prices().iloc[row - 64 : row]
        found: pd.Series[float] = closes.pct_change().dropna().std(ddof=1) * np.sqrt(21)
        return found

    def _inherit(self, row: int, excess: Mapping[str, float]) -> dict[str, float]:
        weeks = self._policy.get("adoption", {}).get("weeks", WEEKS)
        found = {key: value for key, value in excess.items() if value > SLACK}
        if row == self._first:
            self._inherited = found
        elif row - self._first >= 5 * weeks:
            self._inherited = {key: min(then, found[key]) for key, then in self._inherited.items() if key in found}
        return dict(self._inherited)

    def _over(self, row: int, weights: "pd.Series[float]", cash: float) -> dict[str, tuple[float, float]]:
        """(value, limit) of everything that can be inherited, a floor turned round."""
        limits = {name.removesuffix("_pct"): value / 100 for name, value in self._policy["risk_limits"].items()}
        found = {f"max_position:{symbol}": (weight, limits["max_position"]) for symbol, weight in weights.items()}
        for sector, names in SECTORS.items():
            held = weights[[name for name in names if name in weights]]
            found[f"max_sector:{sector}"] = (float(held.sum()), limits["max_sector"])
        returns = raw_prices().iloc[row - 253 : row].pct_change().dropna()[weights.index]
        series = returns @ weights
        volatility = series.tail(63).std(ddof=1) * np.sqrt(252)
        found["annual_volatility"] = (float(volatility), limits["max_annual_volatility"])
        ewma = 1.6448536269514722 * np.sqrt((series**2).ewm(alpha=0.06, adjust=True).mean().iloc[-1])
        found["var_95_1d"] = (float(ewma), limits["max_var_95_1d"])
        tied = self._policy["risk_limits"]["correlation"]
        found["correlated_cluster"] = (_heaviest((returns.corr() > tied) & (returns.tail(63).corr() > tied), weights), limits["max_correlated"])
        found[FLOOR] = (-cash, -limits["min_cash_reserve"])
        found["exposure"] = (float(weights.sum()), self._cap(row, limits))
        return found

    def _enter_band(self, row: int) -> None:
        """A band that was entered is left some points below its edge."""
        market = self._policy["market"]
        moves = np.log(index()).diff().iloc[row - 20 : row + 1]
        vix = round(float(moves.std(ddof=1) * np.sqrt(252) * 100), 2)
        entered = [
            band["max_exposure_pct"] / 100
            for band in market["vix_bands"]
            if vix >= band["vix"]
            or (
                self._vix_cap is not None
                and self._vix_cap <= band["max_exposure_pct"] / 100
                and vix > band["vix"] - market["vix_hysteresis"]
            )
        ]
        self._vix_cap = min(entered, default=None)

    def _cap(self, row: int, limits: Mapping[str, float]) -> float:
        """What bounds exposure; the way back from a fall bounds purchases alone."""
        market = self._policy["market"]
        caps = [limits["max_exposure"], 1 - limits["min_cash_reserve"]]
        if self._vix_cap is not None:
            caps.append(self._vix_cap)
        closes = index().iloc[row - 200 : row]
        if closes.iloc[-1] / closes.mean() - 1 <= -market["bear_threshold_pct"] / 100:
            caps.append(market["bear_exposure_pct"] / 100)
        return float(min(caps))


def _heaviest(tied: pd.DataFrame, weights: "pd.Series[float]") -> float:
    """Weight of the heaviest group of two or more that are tied, directly or over others."""
    left, heaviest = set(tied.index), 0.0
    while left:
        group, fresh = set[str](), {left.pop()}
        while fresh:
            one = fresh.pop()
            group.add(one)
            fresh |= {str(other) for other in tied.index[tied[one]]} - group
        left -= group
        if len(group) > 1:
            heaviest = max(heaviest, float(weights[list(group)].sum()))
    return heaviest
