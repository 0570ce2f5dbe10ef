"""The one reader of a history: a day's market out of what was known by its close, and nothing later."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from app.backtest.assumptions import FillRule
from app.backtest.history import History
from app.backtest.views import OnDemand
from app.domain.errors import DataError
from app.domain.market import Array, Market, PriceSeries, Quote, QuoteKind, Session, VixReading
from app.market.calendar import ExchangeCalendar
from app.risk.ahead import Ahead

WINDOW = 520
# Where the source tells none.
ASSUMED_VOLUME, ASSUMED_VALUE = Decimal(5_000_000), Decimal(100_000_000_000)
INDEX_CONID = 1
_VOLATILITY_SESSIONS, _YEAR = 21, 252
# Within every policy's trading hours, half days included.
_AFTER_OPENING = timedelta(minutes=90)


def money(price: float) -> Decimal:
    """Four decimals, as fine as any tick."""
    return Decimal(f"{price:.4f}")


class Reader:
    """Hands out one day at a time; what is asked of it twice is the same object."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.rows = {day: row for row, day in enumerate(history.dates)}
        self._calendar = ExchangeCalendar()
        self._instruments = {one.conid: one for one in history.instruments}
        self._columns = {one.conid: column for column, one in enumerate(history.instruments)}
        self._prices: list[tuple[Decimal | None, ...]] = [
            tuple(None if price != price else money(price) for price in row) for row in history.closes.tolist()
        ]
        self._vix = history.vix if history.vix is not None else _realised(history.index)
        as_of = self._session(0).opens
        self._series: dict[int, tuple[PriceSeries, NDArray[np.intp]]] = {}
        for conid, column in self._columns.items():
            rows = np.flatnonzero(~np.isnan(history.closes[:, column]))
            dates = history.dates if len(rows) == len(history.dates) else tuple(history.dates[n] for n in rows)
            self._series[conid] = (
                PriceSeries(conid, dates, np.ascontiguousarray(history.closes[rows, column]), history.source, as_of),
                rows,
            )
        self._ahead = Ahead(history.dates, tuple(self._columns), history.closes)
        self._index = (
            None
            if history.index is None
            else PriceSeries(INDEX_CONID, history.dates, history.index, history.source, as_of)
        )

    def price(self, row: int, conid: int) -> Decimal | None:
        """The close of that session; None where there is none."""
        return self._prices[row][self._columns[conid]]

    def price_of_fills(self, rule: FillRule, row: int, conid: int) -> Decimal | None:
        """What an order that is due in that session trades at; None where nobody traded then."""
        if rule is not FillRule.NEXT_OPEN:
            return self.price(row, conid)
        opens = self.history.opens
        return None if opens is None else _known(opens, row, self._columns.get(conid))

    def volume(self, row: int, conid: int) -> Decimal | None:
        """Shares traded in that session; None where that is not known."""
        volumes = self.history.volumes
        return None if volumes is None else _known(volumes, row, self._columns.get(conid))

    def market(self, row: int) -> Market:
        """As a run of that session would find it, if its closes were what is quoted then."""
        history, session = self.history, self._session(row)
        now = session.opens + _AFTER_OPENING
        first = max(0, row - WINDOW)
        shared = history.dates[first:row]

        def series_of(conid: int) -> PriceSeries:
            whole, rows = self._series[conid]
            if whole.dates is history.dates:
                return whole.part(slice(first, row), shared, now)
            end = int(rows.searchsorted(row))
            part = slice(max(0, end - WINDOW), end)
            return whole.part(part, whole.dates[part], now)

        market = Market(
            as_of=now,
            session=session,
            instruments=self._instruments,
            quotes=self._quotes(row, now),
            history=OnDemand(self._series, series_of),
            index=None if self._index is None else self._index.part(slice(first, row), shared, now),
            vix=self._reading(row, session.date),
            source=history.source,
            live=False,
        )
        self._ahead.hand_on(market, row)
        return market

    def _quotes(self, row: int, now: datetime) -> dict[int, Quote]:
        source, before = self.history.source, self._prices[row - 1] if row else (None,) * len(self._columns)
        return {
            conid: Quote(conid, QuoteKind.LIVE, now, source, price, price, price, prior, ASSUMED_VOLUME, ASSUMED_VALUE)
            for conid, price, prior in zip(self._columns, self._prices[row], before, strict=True)
            if price is not None
        }

    def _session(self, row: int) -> Session:
        session = self._calendar.session_on(self.history.dates[row])
        if session is None:
            raise DataError(f"{self.history.dates[row]} is no session of the exchange")
        return session

    def _reading(self, row: int, on: date) -> VixReading | None:
        if self._vix is None or self._vix[row] != self._vix[row]:
            return None
        return VixReading(float(self._vix[row]), on, "derived" if self.history.vix is None else self.history.source)


def _known(values: Array, row: int, column: int | None) -> Decimal | None:
    if column is None or values[row, column] != values[row, column]:
        return None
    return money(float(values[row, column]))


def _realised(index: Array | None) -> Array | None:
    """Annual volatility of the index's last 21 log returns in points; NaN where there are fewer. Shape: [T]."""
    if index is None:
        return None
    result = np.full(index.shape, np.nan)
    if len(index) > _VOLATILITY_SESSIONS:
        windows = np.lib.stride_tricks.sliding_window_view(np.diff(np.log(index)), _VOLATILITY_SESSIONS)
        result[_VOLATILITY_SESSIONS:] = np.round(windows.std(axis=1, ddof=1) * np.sqrt(_YEAR) * 100, 2)
    return result
