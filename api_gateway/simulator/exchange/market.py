"""The simulated market: intraday paths between real closes, quotes, daily bars and a derived volatility index.

Everything here is a deterministic function of (seed, contract, session, minute). Between two closes a price follows a
Brownian bridge drawn as a sum of sine waves; nothing published at an instant uses a close later than the session
that is running. Volumes, sizes and market capitalisations are fictional.

With the pricing `close` there is no path: a session is quoted at its own close from the first minute on, without a
spread, which nobody could know or trade at. It is there to compare with what else is reckoned from closes.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

import numpy as np
import numpy.typing as npt

from api_gateway.simulator.exchange.contracts import SPX, STOCKS, VIX, Contract
from api_gateway.simulator.exchange.hours import Moment, SessionCalendar
from api_gateway.simulator.exchange.noise import normals, uniform, uniforms
from api_gateway.simulator.exchange.prices import Floats, Origin, PriceHistory
from api_gateway.simulator.exchange.universe import Universe, universe_of

Pricing = Literal["intraday", "close"]
SESSIONS_PER_YEAR = 252
VOLATILITY_WINDOW = 21
_MODES = 12
_CLIP_DEVIATIONS = 1.5
_LEAST_DEVIATION, _LARGEST_DEVIATION, _UNKNOWN_DEVIATION = 0.002, 0.05, 0.015
_HALF_SPREAD = (0.0001, 0.0004)
# More than there are contracts: an account that holds all of them is valued at every read.
_CACHED_PATHS = 8192
_BLOCK = 64
# Separate families of noise must not share keys.
_PATH, _SPREAD, _SIZE, _VOLUME, _CAPITALISATION, RATE = range(6)


@dataclass(frozen=True, eq=False)
class SessionPath:
    """One contract over one session, minute by minute. Shape: every array [minutes + 1], index 0 is the opening.

    `bid` and `ask` are None for an index.
    """

    price: Floats
    bid: Floats | None
    ask: Floats | None


@dataclass(frozen=True, eq=False)
class Bars:
    """Shape: every array [n]. `rows` are session rows of the history, ascending."""

    rows: npt.NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True)
class Quote:
    """Outside the session `is_open` is False, `last` is the last session's close, and there is no bid or ask."""

    contract: Contract
    is_open: bool
    last: float
    bid: float | None
    ask: float | None
    bid_size: int
    ask_size: int
    open: float
    high: float
    low: float
    prior_close: float
    volume: int


def to_decimal(value: float) -> Decimal:
    """The one place where a float price becomes money: four decimals, as fine as any tick here."""
    return Decimal(f"{value:.4f}").normalize() + Decimal(0)


def trailing_deviation(closes: Floats) -> Floats:
    """Standard deviation of the 21 log returns up to and including each row, NaN where there are fewer. [T] → [T]."""
    returns = np.diff(np.log(closes))
    # Running sums: a window view of the whole history would cost milliseconds on a contract's first request.
    sums, squares = (np.concatenate(([0.0], np.cumsum(terms))) for terms in (returns, returns**2))
    total, total_squares = (running[VOLATILITY_WINDOW:] - running[:-VOLATILITY_WINDOW] for running in (sums, squares))
    variance = (total_squares - total**2 / VOLATILITY_WINDOW) / (VOLATILITY_WINDOW - 1)
    deviation = np.full(closes.shape, np.nan)
    deviation[VOLATILITY_WINDOW:] = np.sqrt(np.maximum(variance, 0.0))
    return deviation


def bridged(
    closes: Floats, deviation: Floats, rows: npt.NDArray[np.int64], minutes: int, seed: int, family: int, key: int
) -> Floats:
    """From the prior close to the session's, minute by minute. Shape: closes and deviation [T] → [n, minutes + 1]."""
    start, end = np.log(closes[rows - 1]), np.log(closes[rows])
    share = np.linspace(0.0, 1.0, minutes + 1)
    modes = np.arange(1, _MODES + 1)
    # Karhunen-Loeve expansion of the Brownian bridge, truncated.
    waves = np.sqrt(2.0) * np.sin(np.pi * modes[:, None] * share) / (np.pi * modes[:, None])
    weights = normals(seed, family, key, rows[:, None], modes[None, :])
    grid = weights @ waves
    np.clip(grid, -_CLIP_DEVIATIONS, _CLIP_DEVIATIONS, out=grid)
    grid *= deviation[rows][:, None]
    grid += start[:, None] + (end - start)[:, None] * share
    np.exp(grid, out=grid)
    grid[:, 0], grid[:, -1] = closes[rows - 1], closes[rows]
    return np.asarray(grid)


def _ticks(prices: Floats) -> Floats:
    return np.where(prices >= 1.0, 0.01, 0.0001)


class Market:
    def __init__(
        self,
        history: PriceHistory,
        calendar: SessionCalendar,
        seed: int,
        universe: Universe | None = None,
        pricing: Pricing = "intraday",
    ) -> None:
        self.history = history
        self.universe = universe or universe_of()
        self.calendar = calendar
        self.seed = seed
        self.pricing = pricing
        realised = trailing_deviation(history.index) * np.sqrt(SESSIONS_PER_YEAR) * 100.0
        self._series: dict[int, Floats] = {one.conid: history.of(one.symbol) for one in STOCKS}
        self._series[SPX.conid] = history.index
        self._series[VIX.conid] = np.round(realised, 2)
        self.was_split = False
        self._deviations: dict[int, Floats] = {}
        self._paths: dict[tuple[int, int], SessionPath] = {}

    @property
    def kind(self) -> str:
        """Whose prices these are, and how a session is quoted where that is not the usual way."""
        return self.history.origin if self.pricing == "intraday" else f"{self.history.origin}-{self.pricing}"

    def closes(self, conid: int) -> Floats:
        """Shape [T]. Raises KeyError for a contract without prices."""
        contract = self.universe.by_conid.get(conid)
        if conid not in self._series and contract is not None and contract.has_prices:
            # Drawn when first asked for: a thousand names would take a second.
            self._series[conid] = self._drawn(contract)
        return self._series[conid]

    def _drawn(self, contract: Contract) -> Floats:
        if not contract.moves_with:
            return self.history.generated(contract.conid)
        # Most worlds have none of these names in their books, and do without a generator of random numbers.
        from api_gateway.simulator.exchange.invented import invented_closes

        return invented_closes(self.history, self.seed, contract)

    def origin(self, contract: Contract) -> Origin:
        """Whose closes a contract has: the sample has none of the other names."""
        return "synthetic" if contract.moves_with else self.history.origin

    def split(self, conid: int, ratio: float) -> None:
        """From now on every price of the contract, past ones included, is in new shares: `ratio` for each old one."""
        self.was_split = True
        self._series[conid] = self.closes(conid) / ratio
        self._paths = {key: path for key, path in self._paths.items() if key[0] != conid}

    def _deviation(self, conid: int) -> Floats:
        """Daily deviation known before each session opens, shape [T]."""
        if conid not in self._deviations:
            trailing = trailing_deviation(self.closes(conid))
            known = np.concatenate(([np.nan], trailing[:-1]))
            known = np.where(np.isnan(known), _UNKNOWN_DEVIATION, known)
            self._deviations[conid] = np.clip(known, _LEAST_DEVIATION, _LARGEST_DEVIATION)
        return self._deviations[conid]

    def _grid(self, conid: int, rows: npt.NDArray[np.int64], minutes: int) -> Floats:
        """Shape [n, minutes + 1]; column 0 is the prior close, the last column the session's close."""
        if conid == VIX.conid:
            return self._volatility_grid(rows, minutes)
        return bridged(self.closes(conid), self._deviation(conid), rows, minutes, self.seed, _PATH, conid)

    def _volatility_grid(self, rows: npt.NDArray[np.int64], minutes: int) -> Floats:
        """Annualised percent: twenty completed returns of the index and the one that is forming."""
        index = self._grid(SPX.conid, rows, minutes)
        returns = np.diff(np.log(self.history.index))
        back = rows[:, None] - np.arange(VOLATILITY_WINDOW, 1, -1)
        known = returns[back]
        forming = np.log(index / self.history.index[rows - 1][:, None])
        mean = (known.sum(axis=1)[:, None] + forming) / VOLATILITY_WINDOW
        squares = (known**2).sum(axis=1)[:, None] + forming**2
        variance = (squares - VOLATILITY_WINDOW * mean**2) / (VOLATILITY_WINDOW - 1)
        grid = np.sqrt(np.maximum(variance, 0.0) * SESSIONS_PER_YEAR) * 100.0
        grid[:, -1] = self._series[VIX.conid][rows]
        return np.asarray(grid)

    def path(self, conid: int, row: int) -> SessionPath:
        key = (conid, row)
        if key not in self._paths:
            if len(self._paths) >= _CACHED_PATHS:
                self._paths.clear()
            self._paths[key] = self._draw_path(conid, row)
        return self._paths[key]

    def _draw_path(self, conid: int, row: int) -> SessionPath:
        minutes, tradable = self.calendar.length(row), self.universe.by_conid[conid].tradable
        if self.pricing == "close":
            flat = np.full(minutes + 1, np.round(self.closes(conid)[row], 4 if tradable else 2))
            return SessionPath(flat, flat if tradable else None, flat if tradable else None)
        price = self._grid(conid, np.array([row]), minutes)[0]
        if not tradable:
            return SessionPath(np.round(price, 2), None, None)
        narrow, wide = _HALF_SPREAD
        share = uniforms(self.seed, _SPREAD, conid, row, np.arange(minutes + 1))
        half = price * (narrow + (wide - narrow) * share)
        ticks = _ticks(price)
        # Rounded away from each other, so that the bid stays below the ask at any price.
        bid = np.maximum(np.floor((price - half) / ticks), 1.0) * ticks
        ask = np.maximum(np.ceil((price + half) / ticks) * ticks, bid + ticks)
        return SessionPath(np.round(np.round(price / ticks) * ticks, 4), np.round(bid, 4), np.round(ask, 4))

    def quote(self, contract: Contract, moment: Moment) -> Quote:
        """Raises KeyError for a contract without prices."""
        conid, row = contract.conid, moment.session
        closes = self.closes(conid)
        path = self.path(conid, row)
        seen = path.price[: moment.minute + 1]
        size_bid, size_ask = uniforms(self.seed, _SIZE, conid, row, moment.minute, np.arange(2))
        quoted = moment.is_open and path.bid is not None and path.ask is not None
        return Quote(
            contract=contract,
            is_open=moment.is_open,
            last=float(seen[-1] if moment.is_open else closes[row]),
            bid=float(path.bid[moment.minute]) if quoted and path.bid is not None else None,
            ask=float(path.ask[moment.minute]) if quoted and path.ask is not None else None,
            bid_size=100 * (1 + int(size_bid * 30)),
            ask_size=100 * (1 + int(size_ask * 30)),
            open=float(seen[0]),
            high=float(seen.max()),
            low=float(seen.min()),
            prior_close=float(closes[row - 1]),
            volume=self.volume_so_far(conid, moment),
        )

    def last_price(self, conid: int, moment: Moment) -> float:
        """The price a position is valued at."""
        if not moment.is_open:
            return float(self.closes(conid)[moment.session])
        return float(self.path(conid, moment.session).price[moment.minute])

    def daily_bars(self, conid: int, moment: Moment, count: int) -> Bars:
        """The newest `count` sessions that have opened; the last one is still forming while the session is open."""
        first = max(moment.session - count + 1, VOLATILITY_WINDOW + 1 if conid == VIX.conid else 1)
        rows = np.arange(first, moment.session + 1)
        closes = self.closes(conid)
        bars = np.column_stack([closes[rows - 1], closes[rows], closes[rows], closes[rows]])
        bars[:, 1], bars[:, 2] = self._extremes(conid, rows)
        volume = np.floor(self.daily_volume(conid, rows))
        if moment.is_open:
            seen = self.path(conid, moment.session).price[: moment.minute + 1]
            bars[-1] = (
                closes[moment.session - 1],
                max(seen.max(), bars[-1, 0]),
                min(seen.min(), bars[-1, 0]),
                seen[-1],
            )
            volume[-1] = self.volume_so_far(conid, moment)
        bars = np.round(bars, 4)
        return Bars(rows, bars[:, 0], bars[:, 1], bars[:, 2], bars[:, 3], volume)

    def _extremes(self, conid: int, rows: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """High and low of whole sessions, each of shape [n]."""
        high, low = np.empty(len(rows)), np.empty(len(rows))
        lengths = (self.calendar.closes[rows] - self.calendar.opens[rows]) // 60
        for length in np.unique(lengths):
            places = np.flatnonzero(lengths == length)
            # Blocks that fit the processor's cache; one large grid takes several times as long.
            for start in range(0, len(places), _BLOCK):
                block = places[start : start + _BLOCK]
                grid = self._grid(conid, rows[block], int(length))
                high[block], low[block] = grid.max(axis=1), grid.min(axis=1)
        return high, low

    def average_volume(self, conid: int) -> float:
        """Fictional: between 4 and 60 million shares a day, fixed per contract; indices have none."""
        if not self.universe.by_conid[conid].tradable:
            return 0.0
        return float(4e6 * 15.0 ** uniform(self.seed, _VOLUME, conid))

    def daily_volume(self, conid: int, rows: npt.NDArray[np.int64]) -> Floats:
        """Fictional: around the average. Shape [n]."""
        return self.average_volume(conid) * (0.6 + 0.8 * uniforms(self.seed, _VOLUME, conid, rows))

    def volume_so_far(self, conid: int, moment: Moment) -> int:
        whole_day = float(self.daily_volume(conid, np.array([moment.session]))[0])
        return int(whole_day * moment.minute / self.calendar.length(moment.session))

    def market_capitalisation(self, conid: int) -> float:
        """Fictional: between 40 billion and 1.2 trillion USD, fixed per contract."""
        return float(4e10 * 30.0 ** uniform(self.seed, _CAPITALISATION, conid))

    def session_date(self, row: int) -> date:
        return self.history.sessions[row]
