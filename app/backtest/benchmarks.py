"""What a policy is compared with: books that decide nothing, on the same days, at the same costs.

Shares may be fractions here. A name without a price keeps its last one as long as a replay lets it, and then counts for
nothing, as there. Source of the idea: DeMiguel, Garlappi and Uppal, Optimal versus naive diversification, 2009.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.backtest.assumptions import Assumptions
from app.backtest.history import Adjustment, Dividend, Ending, Happening, History, Split
from app.backtest.statistics.figures import YEAR, Ratio, Way
from app.broker.paper.book import PaperBook
from app.domain.market import Array

MONTH = 21
# Sessions between two corrections, tried in this order.
_FREQUENCIES = (MONTH, 63, 126, 252)
_BASIS_POINT = 1e-4
_HARDLY_INVESTED = 0.2


@dataclass(frozen=True)
class Ride:
    """A way of its own. Shape: `nav` and `invested` [D + 1], `traded`, `commission` and `slippage` [D], in money."""

    nav: Array = field(repr=False)
    invested: Array = field(repr=False)
    traded: Array = field(repr=False)
    commission: Array = field(repr=False)
    slippage: Array = field(repr=False)

    @property
    def turnover(self) -> float:
        """Half of what was traded, a year."""
        return float((self.traded / self.nav[1:]).mean()) / 2 * YEAR

    @property
    def cost_of_trading(self) -> float:
        """Of what was traded, as a fraction; 0 where nothing was."""
        traded = float(self.traded.sum())
        return float((self.commission + self.slippage).sum()) / traded if traded > 0 else 0.0

    def way(self, rate: float) -> Way:
        """As the statistics judge it. `rate`: risk-free, a session."""
        nav = self.nav[1:]
        exposure = self.invested[1:] / nav
        returns = nav / self.nav[:-1] - 1
        return Way(
            returns,
            rate,
            {
                "turnover": Ratio(self.traded / nav / 2, scale=YEAR),
                "commission": Ratio(self.commission, nav, YEAR),
                "slippage": Ratio(self.slippage, nav, YEAR),
                "costs": Ratio(self.commission + self.slippage, nav, YEAR),
                "winning_days": Ratio((returns > 0).astype(np.float64)),
                "exposure_mean": Ratio(exposure),
                "sessions_below_20pct": Ratio((exposure < _HARDLY_INVESTED).astype(np.float64), scale=len(nav)),
            },
        )


@dataclass(frozen=True)
class Road:
    """The prices of the days that are graded. Shape: `prices` [D + 1, N], the row before the first day included."""

    history: History
    assumptions: Assumptions
    first: int
    prices: Array = field(repr=False)
    traded: NDArray[np.bool_] = field(repr=False)

    @property
    def days(self) -> int:
        """How many are graded."""
        return len(self.prices) - 1

    def buy_and_hold(self, book: PaperBook) -> Ride:
        """The starting book, left alone."""
        return self._ride(book, ())

    def even(self, book: PaperBook, names: Sequence[str], share: float = 1.0, every: int = MONTH) -> Ride:
        """`share` of the value spread evenly over those of `names` that have a price, corrected every so many sessions.

        The first time is on the close of the first day.
        """
        chosen = np.array([one.symbol in names for one in self.history.instruments])
        return self._ride(book, range(1, self.days + 1, every), chosen, share)

    def even_like(self, book: PaperBook, names: Sequence[str], share: float, turnover: float) -> Ride:
        """The same at another's mean exposure and turnover a year.

        Corrected as often as does not trade more than that; what it then trades less is traded to and fro at its costs.
        """
        rides = (self.even(book, names, share, every) for every in (*_FREQUENCIES, self.days))
        ride = next((one for one in rides if one.turnover <= turnover), None)
        if ride is None:
            return self.even(book, names, share, self.days)
        extra = max(0.0, turnover - ride.turnover) * 2 / YEAR
        cost = extra * ride.cost_of_trading
        left = np.append(1.0, np.cumprod(np.full(self.days, 1 - cost)))
        nav, paid = ride.nav * left, ride.nav[1:] * left[1:]
        of = float(ride.slippage.sum()) / max(float((ride.commission + ride.slippage).sum()), 1e-12)
        return replace(
            ride,
            nav=nav,
            invested=ride.invested * left,
            traded=ride.traded * left[1:] + paid * extra,
            commission=ride.commission * left[1:] + paid * cost * (1 - of),
            slippage=ride.slippage * left[1:] + paid * cost * of,
        )

    def index(self, start: float) -> Array | None:
        """The index's level, begun at `start`; None without one. Shape: [D + 1]."""
        if self.history.index is None:
            return None
        level = _filled(self.history.index[self.first - 1 : self.first + self.days, None])[:, 0]
        return None if not np.isfinite(level).all() else start * level / level[0]

    def _ride(
        self, book: PaperBook, corrections: Sequence[int], chosen: NDArray[np.bool_] | None = None, share: float = 1.0
    ) -> Ride:
        rider = _Rider(self, book)
        due = frozenset(corrections)
        happenings = self._happenings()
        stops = sorted({*due, *happenings, self.days + 1})
        place = 0
        for stop in stops:
            rider.hold(place, stop)
            if stop > self.days:
                break
            for one in happenings.get(stop, ()):
                rider.happen(one)
            rider.hold(stop, stop + 1)
            if stop in due and chosen is not None:
                rider.correct(stop, chosen, share)
            place = stop + 1
        return rider.ride()

    def _happenings(self) -> dict[int, list[Happening]]:
        found: dict[int, list[Happening]] = {}
        for one in self.history.happenings:
            row = self.history.row(one.session_date) - self.first + 1
            if 1 <= row <= self.days:
                found.setdefault(row, []).append(one)
        return found


def road(history: History, assumptions: Assumptions, rows: range) -> Road:
    """`rows` of the graded days."""
    # What was last known may be older than the first row.
    before = max(0, rows.start - 1 - assumptions.carried)
    prices = _carried(history.closes[before : rows.stop], assumptions.carried)[rows.start - 1 - before :]
    return Road(history, assumptions, rows.start, prices, ~np.isnan(history.closes[rows.start - 1 : rows.stop]))


@dataclass
class _Rider:
    """One book on its way."""

    road: Road
    book: PaperBook

    def __post_init__(self) -> None:
        history, days = self.road.history, self.road.days
        self._columns = {one.conid: n for n, one in enumerate(history.instruments)}
        self._quantity = np.zeros(len(history.instruments))
        for held in self.book.holdings:
            self._quantity[self._columns[held.instrument.conid]] += float(held.quantity)
        self._cash = float(self.book.cash_in(self.book.currency))
        self._interest = self.road.assumptions.cash_rate / YEAR
        self._value, self._money = np.zeros(days + 1), np.zeros(days + 1)
        self._traded, self._commission, self._slippage = (np.zeros(days) for _ in range(3))

    def hold(self, first: int, stop: int) -> None:
        """The same quantities on the days from `first` to before `stop`; day 0 is the one before the first."""
        if first >= stop:
            return
        self._value[first:stop] = self.road.prices[first:stop] @ self._quantity
        days = np.arange(stop - first) + (1 if first else 0)
        self._money[first:stop] = self._cash * (1 + self._interest) ** days
        self._cash = float(self._money[stop - 1])

    def happen(self, one: Happening) -> None:
        """At the opening."""
        column = self._columns[one.conid]
        quantity = self._quantity[column]
        match one:
            case Dividend():
                history = self.road.history
                if self.road.assumptions.dividends and history.adjustment is not Adjustment.TOTAL:
                    self._cash += quantity * float(one.amount)
            case Split():
                self._quantity[column] = quantity * float(one.ratio)
            case Ending():
                self._quantity[column] = 0.0
                self._cash += quantity * float(one.cash)
                if one.into is not None:
                    self._quantity[self._columns[one.into]] += quantity * float(one.ratio)

    def correct(self, day: int, chosen: NDArray[np.bool_], share: float) -> None:
        """Trade to even weights at that day's close, costs out of the whole."""
        prices, open_ = self.road.prices[day], self.road.traded[day]
        wanted = chosen & open_
        if not wanted.any():
            return
        nav = self._cash + float(prices @ self._quantity)
        stuck = float(prices[~open_] @ self._quantity[~open_])
        slippage = commission = 0.0
        for _ in range(2):
            free = max(0.0, share * (nav - slippage - commission) - stuck)
            target = np.where(open_, 0.0, self._quantity)
            target[wanted] = free / wanted.sum() / prices[wanted]
            shares = np.abs(target - self._quantity)
            value = shares * prices
            slippage = float(value.sum()) * float(self.road.assumptions.slippage_bps) * _BASIS_POINT
            commission = self._charge(shares, value)
        self._quantity = target
        self._value[day] = float(prices @ target)
        self._money[day] = self._cash = nav - slippage - commission - self._value[day]
        self._traded[day - 1], self._commission[day - 1] = float(value.sum()), commission
        self._slippage[day - 1] = slippage

    def ride(self) -> Ride:
        """What came of it."""
        return Ride(self._value + self._money, self._value, self._traded, self._commission, self._slippage)

    def _charge(self, shares: Array, value: Array) -> float:
        plan = self.road.assumptions.commission
        charges = np.minimum(
            np.maximum(shares * float(plan.per_share), float(plan.least)), value * float(plan.largest_share)
        )
        return float(charges[shares > 1e-9].sum())


def _carried(closes: Array, most: int) -> Array:
    """Missing closes as the last one for at most so many sessions, then 0. Shape: [T, N] → [T, N]."""
    row = np.arange(len(closes))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(closes), -1, row), axis=0)
    filled = np.take_along_axis(closes, np.maximum(last, 0), axis=0)
    result: Array = np.where((last >= 0) & (row - last <= most), filled, 0.0)
    return result


def _filled(values: Array) -> Array:
    """Missing ones as the last before. Shape: [T, N] → [T, N]."""
    row = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, row), axis=0)
    result: Array = np.take_along_axis(values, last, axis=0)
    return result
