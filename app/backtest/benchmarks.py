"""What a policy is compared with: books that decide nothing, on the same days, at the same costs.

Shares may be fractions here. A name without a price keeps its last one as long as a replay lets it, and then is out of
sight, as there: that is neither gain nor loss.
Source: DeMiguel, Garlappi and Uppal, Optimal versus naive diversification, 2009.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.backtest.assumptions import Assumptions
from app.backtest.history import Adjustment, Dividend, Ending, Happening, History, Split
from app.backtest.statistics.figures import YEAR, Ratio, Way
from app.broker.paper.book import PaperBook
from app.domain.kept import kept_property
from app.domain.market import Array

MONTH = 21
# Sessions between two corrections, tried in this order.
_FREQUENCIES = (MONTH, 63, 126, 252)
_BASIS_POINT = 1e-4
_HARDLY_INVESTED = 0.2


@dataclass(frozen=True)
class Ride:
    """A way of its own, in money. Shape: `nav` and `invested` [D + 1], the others [D].

    `flows`: what came into sight before the session, less what went out of it.
    """

    nav: Array = field(repr=False)
    invested: Array = field(repr=False)
    traded: Array = field(repr=False)
    commission: Array = field(repr=False)
    slippage: Array = field(repr=False)
    flows: Array = field(repr=False)

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
        with np.errstate(divide="ignore", invalid="ignore"):
            returns = nav / (self.nav[:-1] + self.flows) - 1
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
    """The prices of the days that are graded, and the row before: `last` known, 0 for none; whether they are in `sight`
    still, and whether the name is `traded` on the day. Shape: [D + 1, N] each.
    """

    history: History
    assumptions: Assumptions
    first: int
    last: Array = field(repr=False)
    sight: NDArray[np.bool_] = field(repr=False)
    traded: NDArray[np.bool_] = field(repr=False)

    @property
    def days(self) -> int:
        """How many are graded."""
        return len(self.last) - 1

    @kept_property
    def prices(self) -> Array:
        """What a share is worth, 0 out of sight. Shape: [D + 1, N]."""
        return np.where(self.sight, self.last, 0.0)

    def buy_and_hold(self, book: PaperBook) -> Ride:
        """The starting book, left alone."""
        return self._ride(book, {})

    def even(self, book: PaperBook, names: Sequence[str], share: float = 1.0, every: int = MONTH) -> Ride:
        """`share` of the value spread evenly over those of `names` that have a price, corrected every so many sessions.

        The first time is on the close of the first day.
        """
        chosen = np.array([float(one.symbol in names) for one in self.history.instruments])
        return self._ride(book, dict.fromkeys(range(1, self.days + 1, every), chosen), share)

    def weighted(self, book: PaperBook, weights: Mapping[int, Array], share: float = 1.0) -> Ride:
        """`share` of the value spread by the newest of `weights`, corrected at the close of each of their days.

        `weights`: day, 1 for the first, → one for each instrument, in any unit. Shape: [N] each.
        """
        return self._ride(book, weights, share)

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
            flows=ride.flows * left[:-1],
            traded=ride.traded * left[1:] + paid * extra,
            commission=ride.commission * left[1:] + paid * cost * (1 - of),
            slippage=ride.slippage * left[1:] + paid * cost * of,
        )

    def index(self, start: float) -> Array | None:
        """The index's level, begun at `start`; None without one. Shape: [D + 1]."""
        if self.history.index is None:
            return None
        values = self.history.index[self.first - 1 : self.first + self.days]
        level = values[_newest(values[:, None])[:, 0]]
        return None if not np.isfinite(level).all() else start * level / level[0]

    def _ride(self, book: PaperBook, corrections: Mapping[int, Array], share: float = 1.0) -> Ride:
        rider = _Rider(self, book)
        happenings = self._happenings()
        stops = sorted({*corrections, *happenings, self.days + 1})
        place = 0
        for stop in stops:
            rider.hold(place, stop)
            if stop > self.days:
                break
            for one in happenings.get(stop, ()):
                rider.happen(one, stop)
            rider.hold(stop, stop + 1)
            if stop in corrections:
                rider.correct(stop, corrections[stop], share)
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
    closes = history.closes[: rows.stop]
    whole = _in_last_shares(history)[: rows.stop]
    newest = _newest(closes)
    last = np.nan_to_num(np.take_along_axis(closes * whole, newest, axis=0) / whole)
    age = np.arange(len(closes))[:, None] - newest
    graded = slice(rows.start - 1, rows.stop)
    sight = (age <= assumptions.carried) & (last > 0)
    return Road(history, assumptions, rows.start, last[graded], sight[graded], ~np.isnan(closes[graded]))


@dataclass
class _Rider:
    """One book on its way. Quantities are kept times their currency's rate: a price makes them money of the account."""

    road: Road
    book: PaperBook

    def __post_init__(self) -> None:
        history, days = self.road.history, self.road.days
        rates = {one.currency: float(one.exchange_rate) for one in self.book.cash} | {self.book.currency: 1.0}
        # What the account has no rate for it can neither hold nor buy.
        self._rate = np.array([rates.get(one.currency, 0.0) for one in history.instruments])
        self._columns = history.columns
        self._quantity = np.zeros(len(history.instruments))
        for held in self.book.holdings:
            column = self._columns[held.instrument.conid]
            self._quantity[column] += float(held.quantity) * self._rate[column]
        self._cash = sum(float(one.amount) * rates[one.currency] for one in self.book.cash)
        self._interest = self.road.assumptions.cash_rate / YEAR
        self._value, self._money = np.zeros(days + 1), np.zeros(days + 1)
        self._traded, self._commission, self._slippage, self._flows = (np.zeros(days) for _ in range(4))

    def hold(self, first: int, stop: int) -> None:
        """The same quantities on the days from `first` to before `stop`; day 0 is the one before the first."""
        if first >= stop:
            return
        self._value[first:stop] = self.road.prices[first:stop] @ self._quantity
        begin = max(1, first)
        came = self.road.sight[begin:stop].astype(np.float64) - self.road.sight[begin - 1 : stop - 1]
        self._flows[begin - 1 : stop - 1] += (came * self.road.last[begin - 1 : stop - 1]) @ self._quantity
        days = np.arange(stop - first) + (1 if first else 0)
        self._money[first:stop] = self._cash * (1 + self._interest) ** days
        self._cash = float(self._money[stop - 1])

    def happen(self, one: Happening, day: int) -> None:
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
                if not self.road.sight[day - 1, column]:
                    # Nobody knew what it was worth; now that is known, and a loss if it is less.
                    self._flows[day - 1] += quantity * self.road.last[day - 1, column]
                self._cash += quantity * float(one.cash)
                if one.into is not None:
                    into = self._columns[one.into]
                    exchanged = self._rate[into] / self._rate[column] if self._rate[column] else 0.0
                    self._quantity[into] += quantity * float(one.ratio) * exchanged

    def correct(self, day: int, weights: Array, share: float) -> None:
        """Trade to the weights at that day's close, costs out of the whole; what is not traded leaves its to others."""
        prices, open_ = self.road.prices[day], self.road.traded[day]
        wanted = (weights > 0) & open_ & (self._rate > 0)
        if not wanted.any():
            return
        nav = self._cash + float(prices @ self._quantity)
        stuck = float(prices[~open_] @ self._quantity[~open_])
        slippage = commission = 0.0
        for _ in range(2):
            free = max(0.0, share * (nav - slippage - commission) - stuck)
            target = np.where(open_, 0.0, self._quantity)
            target[wanted] = free * weights[wanted] / weights[wanted].sum() / prices[wanted]
            moved = np.abs(target - self._quantity)
            value = moved * prices
            slippage = float(value.sum()) * float(self.road.assumptions.slippage_bps) * _BASIS_POINT
            commission = self._charge(moved, value)
        self._quantity = target
        self._value[day] = float(prices @ target)
        self._money[day] = self._cash = nav - slippage - commission - self._value[day]
        self._traded[day - 1], self._commission[day - 1] = float(value.sum()), commission
        self._slippage[day - 1] = slippage

    def ride(self) -> Ride:
        """What came of it."""
        return Ride(self._value + self._money, self._value, self._traded, self._commission, self._slippage, self._flows)

    def _charge(self, moved: Array, value: Array) -> float:
        """In each name's own currency, as it is charged. Shape: [N] each."""
        plan, traded = self.road.assumptions.commission, moved > 1e-9
        rate = self._rate[traded]
        least, shares = np.full(len(rate), float(plan.least)), moved[traded] / rate
        charges = np.minimum(
            np.maximum(shares * float(plan.per_share), least), value[traded] / rate * float(plan.largest_share)
        )
        return float((charges * rate).sum())


def _newest(values: Array) -> NDArray[np.intp]:
    """The row of the last value up to each, the first row where there is none. Shape: [T, N] → [T, N]."""
    row = np.arange(len(values))[:, None]
    result: NDArray[np.intp] = np.maximum.accumulate(np.where(np.isnan(values), 0, row), axis=0)
    return result


def _in_last_shares(history: History) -> Array:
    """By what a price is divided so that it is one of the shares of the last row. Shape: [T, N]."""
    ratio = np.ones(history.closes.shape)
    for one in history.happenings:
        if isinstance(one, Split):
            ratio[: history.row(one.session_date), history.columns[one.conid]] /= float(one.ratio)
    return ratio
