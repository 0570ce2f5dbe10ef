"""What orders are judged by, worked out anew with numpy: statistics, limits, drift, and what was yesterday."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.adoption.oracle import index, prices, raw_prices
from tests.targets.oracle import SECTOR, Reckoning
from tests.targets.told import Told

NAMES = tuple(sorted(SECTOR))
STATISTICS = ("annual_volatility", "var_95_1d", "correlated_cluster")
# (kind, name) → (weight, target, attainable).
Rows = dict[tuple[str, str], tuple[float, float, float]]
Floats = NDArray[np.float64]
FREQUENCY = {"daily": 1, "weekly": 5, "monthly": 21, "quarterly": 63}
SLACK = 1e-9
# What a search for a level leaves of a target that is none.
NOTHING = 1e-15
ADOPTION = 80


@cache
def returns() -> Floats:
    """Of every name in alphabetical order, each row's over the row before."""
    return np.asarray(raw_prices()[list(NAMES)].pct_change(), dtype=np.float64)


def vector(weights: Mapping[str, float]) -> Floats:
    return np.array([weights.get(name, 0.0) for name in NAMES])


def statistics(row: int, weights: Floats, limit: float) -> tuple[Floats, Floats, Floats]:
    """(volatility, value at risk, heaviest group that moves as one) of each column of `weights` [20, K]."""
    window = returns()[row - 252 : row]
    series = window @ weights
    decays = 0.94 ** np.arange(251, -1, -1)
    variance = (decays / decays.sum()) @ series**2
    volatility = series[-63:].std(axis=0, ddof=1) * np.sqrt(252)
    groups = tied(row, tuple(np.flatnonzero(weights.max(axis=1) > 0).tolist()), limit)
    heaviest = (
        np.array([weights[list(group)].sum(axis=0) for group in groups]).max(axis=0) if groups else 0 * volatility
    )
    return volatility, 1.6448536269514722 * np.sqrt(variance), heaviest


@cache
def _tied(row: int, limit: float) -> NDArray[np.bool_]:
    window = returns()[row - 252 : row]
    return np.logical_and(np.corrcoef(window.T) > limit, np.corrcoef(window[-63:].T) > limit)


def tied(row: int, held: tuple[int, ...], limit: float) -> list[set[int]]:
    """Columns among `held`, of two or more that are tied directly or over others."""
    left, found, ties = set(held), [], _tied(row, limit)
    while left:
        group, fresh = set[int](), {left.pop()}
        while fresh:
            one = fresh.pop()
            group.add(one)
            fresh |= {other for other in left - group if ties[one, other]}
        left -= group
        found += [group] if len(group) > 1 else []
    return found


def severity(value: float, limit: float, floor: bool = False) -> int:
    """0 inside the limit, 1 over it, 2 over one and a quarter of it."""
    ratio = (limit / value if value > 0 else np.inf) if floor else value / limit
    return int(not ratio <= 1 + SLACK) + int(not ratio <= 1.25 + SLACK)


@dataclass
class Day:
    """An account on one day. `values` and `limits` by metric."""

    row: int
    nav: float
    cash: float
    settled: float
    weights: dict[str, float]
    told: Told
    gains: dict[str, float]
    bull: bool
    bear: bool
    values: dict[str, float] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    severities: dict[str, int] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)
    new_money: float = 0.0
    withdrawal: float = 0.0


@dataclass
class Measures:
    """`before`: severities of the day before; `rose`: the row since which more may be invested."""

    account: Reckoning
    margin: bool = True
    before: dict[str, int] = field(default_factory=dict)
    cap: float | None = None
    rose: int | None = None
    settled: bool = False

    @property
    def policy(self) -> Mapping[str, Any]:
        return self.account.policy

    def day(self, row: int, told: Told, cash: float, settled: float) -> Day:
        """Of a day on which the account was reckoned with in full."""
        account, now = self.account, prices().iloc[row]
        weights = {name: float(now[name]) * held / told.nav for name, held in account.shares.items() if held > 0}
        gains = {name: float(now[name]) / account.bases[name] - 1 for name in weights}
        closes = index().iloc[row - 200 : row]
        distance = float(closes.iloc[-1] / closes.mean() - 1)
        market = self.policy["market"]
        bull, bear = distance >= market["bull_threshold_pct"] / 100, distance <= -market["bear_threshold_pct"] / 100
        day = Day(row, told.nav, cash, settled, weights, told, gains, bull, bear)
        self._measure(day)
        day.rows = self._rows(day)
        rebalanced = self.last(row, "REBALANCE")
        if self.cap is not None and told.max_exposure > self.cap + SLACK:
            self.rose = row
        elif self.rose is not None and rebalanced is not None and rebalanced <= row - self.rose:
            self.rose = None
        return day

    def close(self, day: Day) -> None:
        """What the next day remembers of it."""
        band = self.policy["allocation"]["drift_threshold_pct"] / 100 + SLACK
        self.before, self.cap = day.severities, day.told.max_exposure
        self.settled = self.settled or all(abs(weight - goal) <= band for weight, _, goal in day.rows.values())

    def last(self, row: int, action: str) -> int | None:
        """Sessions since the newest plan of that action of which anything was filled."""
        done = [one.decided for one in self.account.fills if one.action == action]
        return row - max(done) if done else None

    def drifts(self, day: Day) -> bool:
        """There is drift, and it may be corrected today."""
        rules, row = self.policy["allocation"], day.row
        rebalanced, moved = self.last(row, "REBALANCE"), self.last(row, "ROTATE")
        free = not self.settled and row - self.account.first < ADOPTION
        free = free or (rebalanced is not None and rebalanced <= 2)
        rest = FREQUENCY[rules["frequency"]]
        if not free and any(ago is not None and ago < rest for ago in (rebalanced, moved)):
            return False
        return any(self._off(day, key, *numbers) for key, numbers in day.rows.items())

    def _off(self, day: Day, key: tuple[str, str], weight: float, _: float, goal: float) -> bool:
        far = abs(weight - goal)
        if far > self.policy["allocation"]["drift_threshold_pct"] / 100 + SLACK:
            return True
        return key[0] == "name" and (goal <= NOTHING) != (weight == 0) and far >= self.least(day.nav) / day.nav - SLACK

    def least(self, nav: float) -> float:
        execution = self.policy["execution"]
        return float(min(execution["min_order_value"], execution["min_order_nav_pct"] / 100 * nav))

    def _measure(self, day: Day) -> None:
        limits = self.policy["risk_limits"]
        sectors = dict.fromkeys(SECTOR.values(), 0.0)
        for name, weight in day.weights.items():
            sectors[SECTOR[name]] += weight
        volatility, var, heaviest = statistics(day.row, vector(day.weights)[:, None], limits["correlation"])
        found = {
            "max_position": (max(day.weights.values(), default=0.0), limits["max_position_pct"]),
            "max_sector": (max(sectors.values()), limits["max_sector_pct"]),
            "annual_volatility": (float(volatility[0]), limits["max_annual_volatility_pct"]),
            "var_95_1d": (float(var[0]), limits["max_var_95_1d_pct"]),
            "correlated_cluster": (float(heaviest[0]), limits["max_correlated_pct"]),
            "cash_reserve": (day.cash / day.nav, limits["min_cash_reserve_pct"]),
            "exposure": (sum(day.weights.values()), 100 * day.told.sold_for),
        }
        day.values = {name: value for name, (value, _) in found.items()}
        day.limits = {name: limit / 100 for name, (_, limit) in found.items()}
        day.severities = {
            name: severity(value, day.limits[name], name == "cash_reserve") for name, value in day.values.items()
        }

    def _rows(self, day: Day) -> Rows:
        """Of the stocks, of each sector, and of names where these have targets of their own."""
        allocation, told = self.policy["allocation"], day.told
        fixed, alone = allocation["symbols_pct"], allocation.get("weighting", "as_held") != "as_held"
        stocks, sectors = allocation["asset_classes_pct"]["STK"] / 100, allocation["sectors_pct"]
        part = (stocks - sum(fixed.values()) / 100) / sum(sectors.values())
        found: Rows = {("asset_class", "STK"): (sum(day.weights.values()), stocks, sum(told.targets.values()))}
        known = day.weights.keys() | told.targets.keys()
        for sector in {*sectors, *(SECTOR[name] for name in told.buyable | day.weights.keys() if name not in fixed)}:
            inside = [name for name in known if SECTOR[name] == sector and name not in fixed]
            wanted, goal = sectors.get(sector, 0) * part, sum(told.targets.get(name, 0.0) for name in inside)
            held = sum(day.weights.get(name, 0.0) for name in inside)
            found["sector", sector] = (held, wanted, goal)
            for name in inside if alone else ():
                self._name(day, found, name, wanted / goal if goal > 0 else 0.0)
        for name, wanted in fixed.items():
            goal = told.targets.get(name, 0.0)
            self._name(day, found, name, wanted / 100 / goal if goal > 0 else 0.0)
        return found

    @staticmethod
    def _name(day: Day, found: Rows, name: str, part: float) -> None:
        weight, goal = day.weights.get(name, 0.0), day.told.targets.get(name, 0.0)
        if weight > 0 or goal > 0:
            found["name", name] = (weight, goal * part, goal)
