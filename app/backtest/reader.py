"""The one reader of a history: a day's market out of what was known by its close, and nothing later."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np

from app.backtest.assumptions import FillRule
from app.backtest.history import Adjustment, Datum, Dividend, Ending, Happening, History, Split
from app.backtest.known import Known, is_plain, versions
from app.backtest.views import OnDemand
from app.domain.instrument import Instrument
from app.domain.market import Array, Market, PriceSeries, Quote, QuoteKind, Session, VixReading
from app.market.calendar import regular_session
from app.risk.ahead import Ahead

WINDOW = 520
# Where the source tells none.
ASSUMED_VOLUME, ASSUMED_VALUE = Decimal(5_000_000), Decimal(100_000_000_000)
INDEX_CONID = 1
_VOLATILITY_SESSIONS, _YEAR = 21, 252
# Sessions of which the average volume is told, as the broker does.
_VOLUME_SESSIONS = 63
# Within every policy's trading hours, half days included.
_AFTER_OPENING = timedelta(minutes=90)
# On one day a dividend is of old shares, and what ends has been split.
_ORDER = (Dividend, Split, Ending)


def money(price: float) -> Decimal:
    """Four decimals, as fine as any tick."""
    return Decimal(f"{price:.4f}")


class Reader:
    """Hands out one day at a time. `carried`: sessions for which a name without a price is told its last one."""

    def __init__(self, history: History, carried: int = 5) -> None:
        self.history = history
        self.carried = carried
        self.rows = {day: row for row, day in enumerate(history.dates)}
        self.instruments = {one.conid: one for one in history.instruments}
        self._prices: list[tuple[Decimal | None, ...]] = [
            tuple(None if price != price else money(price) for price in row) for row in history.closes.tolist()
        ]
        self._vix = history.vix
        if self._vix is None and history.index is not None:
            self._vix = realised(history.index)
        as_of = self._session(0).opens
        self._plain: dict[int, PriceSeries] = {}
        self._odd: dict[int, tuple[Known, ...]] = {}
        for conid, column in history.columns.items():
            if is_plain(history, column):
                closes = np.ascontiguousarray(history.closes[:, column])
                self._plain[conid] = PriceSeries(conid, history.dates, closes, history.source, as_of)
            else:
                self._odd[conid] = versions(history, column, as_of)
        self._ahead = Ahead(history.dates, {conid: one.closes for conid, one in self._plain.items()})
        self._index = None if history.index is None else _index(history.dates, history.index, history.source, as_of)
        self._last = {conid: _last_rows(history.closes[:, history.columns[conid]]) for conid in self._odd}
        self._splits: defaultdict[int, list[tuple[int, Decimal]]] = defaultdict(list)
        happened: defaultdict[int, list[Happening]] = defaultdict(list)
        for one in history.happenings:
            if isinstance(one, _ORDER):
                happened[history.row(one.session_date)].append(one)
            if isinstance(one, Split):
                self._splits[one.conid].append((history.row(one.session_date), one.ratio))
        self.happened: Mapping[int, tuple[Happening, ...]] = {
            row: tuple(sorted(those, key=lambda one: _ORDER.index(type(one)))) for row, those in happened.items()
        }
        self._listed = self._listings()

    @property
    def is_complete(self) -> bool:
        """Every name has a price on every session."""
        return not self._odd

    def price(self, row: int, conid: int) -> Decimal | None:
        """The close of that session; None where there is none."""
        column = self.history.columns.get(conid)
        return None if column is None else self._prices[row][column]

    def seen(self, row: int, conid: int) -> Decimal | None:
        """The close of that session, or of one not longer ago than prices are carried, in shares of that row."""
        if conid not in self._odd:
            return self.price(row, conid)
        return self.last(row, conid) if row - int(self._last[conid][row]) <= self.carried else None

    def last(self, row: int, conid: int) -> Decimal | None:
        """The newest close up to that session, however old, in shares of that row."""
        if conid not in self._odd:
            return self.price(row, conid)
        last = int(self._last[conid][row])
        if last < 0:
            return None
        price = self._prices[last][self.history.columns[conid]]
        ratio = self._ratio(conid, last, row)
        return price if price is None or ratio == 1 else money(float(price / ratio))

    def price_of_fills(self, rule: FillRule, row: int, conid: int) -> Decimal | None:
        """What an order that is due in that session trades at; None where nobody traded then."""
        if rule is not FillRule.NEXT_OPEN:
            return self.price(row, conid)
        opens = self.history.opens
        return None if opens is None else _known(opens, row, self.history.columns.get(conid))

    def volume(self, row: int, conid: int) -> Decimal | None:
        """Shares traded in that session; None where that is not known."""
        volumes = self.history.volumes
        return None if volumes is None else _known(volumes, row, self.history.columns.get(conid))

    def market(self, row: int) -> Market:
        """As a run of that session would find it, if its closes were what is quoted then."""
        history, session = self.history, self._session(row)
        now = session.opens + _AFTER_OPENING
        first = max(0, row - WINDOW)
        shared = history.dates[first:row]
        quotes: dict[int, Quote] = {}
        odd: dict[int, PriceSeries] = {}
        untradable: dict[int, str] = {}
        before = self._prices[row - 1] if row else (None,) * len(history.columns)
        volumes = self._average_volumes(row)
        for (conid, column), price in zip(history.columns.items(), self._prices[row], strict=True):
            whole = self._plain.get(conid)
            if whole is None:
                self._add_odd(row, conid, now, quotes, odd, untradable)
                continue
            volume = ASSUMED_VOLUME if volumes is None else volumes[column]
            quotes[conid] = Quote(
                conid, QuoteKind.LIVE, now, history.source, price, price, price, before[column], volume, ASSUMED_VALUE
            )

        def series_of(conid: int) -> PriceSeries:
            return self._plain[conid].part(slice(first, row), shared, now)

        market = Market(
            as_of=now,
            session=session,
            instruments=self._listed[bisect_right(self._listed, row, key=lambda one: one[0]) - 1][1],
            quotes=quotes,
            history=OnDemand(self._with_series(odd), series_of, odd),
            index=self._index_until(row, shared, now),
            vix=self._reading(row),
            untradable=untradable,
            source=history.source,
            live=False,
        )
        self._ahead.hand_on(market, row)
        return market

    def _with_series(self, odd: Mapping[int, PriceSeries]) -> Mapping[int, object]:
        if not self._odd:
            return self._plain
        return {conid: None for conid in self.history.columns if conid in self._plain or conid in odd}

    def datum(self, part: str, row: int, at: int, conid: int | None = None) -> Datum | None:
        """A number of session `row` as it was known when session `at` closed; None where there was none yet.

        `part`: closes, opens and volumes, of a name; index and vix.
        """
        history = self.history
        values: Array | None = self._vix if part == "vix" else getattr(history, part)
        derived = part == "vix" and history.vix is None
        known = row + history.late.get("index" if derived else part, 0)
        if values is None or known > at:
            return None
        column = None if conid is None else history.columns[conid]
        value: float | None = float(values[row] if column is None else values[row, column])
        adjustment = history.adjustments.get(part, history.adjustment)
        if part == "closes" and conid in self._odd:
            versions = [one for one in self._odd[conid] if one.since <= at]
            value = versions[-1].close(row)
            # Since when it has been what it is now.
            changed = [one.since for one in versions if one.close(row) != value]
            known = max(known, min((one.since for one in versions if one.since > max(changed, default=-1)), default=0))
            adjustment = Adjustment.SPLIT if versions[-1].shares[row] != 1 else adjustment
        if value is None or value != value:
            return None
        unit = {"volumes": "shares", "index": "points", "vix": "points"}.get(part)
        return Datum(
            value=value,
            as_of=history.dates[row],
            known_at=history.dates[known],
            source="derived" if derived else history.source,
            unit=unit or f"{history.instruments[column or 0].currency} a share",
            adjustment=adjustment,
        )

    def _add_odd(
        self,
        row: int,
        conid: int,
        now: datetime,
        quotes: dict[int, Quote],
        series: dict[int, PriceSeries],
        untradable: dict[int, str],
    ) -> None:
        """A name that has not a price on every session, or whose earlier ones changed."""
        known = self._version(conid, row)
        end = int(known.rows.searchsorted(row))
        part = slice(max(0, end - WINDOW), end)
        if end:
            series[conid] = known.series.part(part, known.series.dates[part], now)
        prior = money(float(known.series.closes[end - 1])) if end else None
        price, seen = self.price(row, conid), self.seen(row, conid)
        volume: Decimal | None = ASSUMED_VOLUME
        if self.history.volumes is not None:
            traded = self._volumes_before(row, self.history.volumes[:, self.history.columns[conid]])
            volume = _average(traded * self._volumes_before(row, known.shares))
        if price is not None:
            quotes[conid] = Quote(
                conid, QuoteKind.LIVE, now, self.history.source, price, price, price, prior, volume, ASSUMED_VALUE
            )
        elif seen is not None:
            quotes[conid] = Quote(
                conid, QuoteKind.HALTED, now, self.history.source, None, None, seen, prior, volume, ASSUMED_VALUE
            )
        if price is None and seen is None:
            untradable[conid] = f"no price for more than {self.carried} sessions"
        elif not end:
            untradable[conid] = "no price history"

    def _version(self, conid: int, row: int) -> Known:
        known = self._odd[conid]
        return known[bisect_right(known, row, key=lambda one: one.since) - 1]

    def _ratio(self, conid: int, last: int, row: int) -> Decimal:
        """New shares at `row` for one of `last`."""
        found = Decimal(1)
        for split, ratio in self._splits.get(conid, ()):
            found *= ratio if last < split <= row else 1
        return found

    def _listings(self) -> list[tuple[int, Mapping[int, Instrument]]]:
        """(row, names that are traded from then on), oldest first: nobody knew of a name before its first price."""
        never = len(self.history.dates)
        begins, ends = dict.fromkeys(self.history.columns, 0), dict.fromkeys(self.history.columns, never)
        for conid, last in self._last.items():
            traded = np.flatnonzero(last >= 0)
            begins[conid] = int(traded[0]) if len(traded) else never
        for row, those in self.happened.items():
            ends |= {one.conid: row for one in those if isinstance(one, Ending)}
        return [
            (row, {conid: one for conid, one in self.instruments.items() if begins[conid] <= row < ends[conid]})
            for row in sorted({0, *begins.values(), *ends.values()})
        ]

    def _average_volumes(self, row: int) -> list[Decimal | None] | None:
        """Of the sessions before that are known by then; None where the source has no volumes."""
        if self.history.volumes is None:
            return None
        return [_average(column) for column in self._volumes_before(row, self.history.volumes).T]

    def _volumes_before(self, row: int, volumes: Array) -> Array:
        end = max(0, row - self.history.late.get("volumes", 0))
        return volumes[max(0, end - _VOLUME_SESSIONS) : end]

    def _session(self, row: int) -> Session:
        return regular_session(self.history.dates[row])

    def _index_until(self, row: int, shared: tuple[date, ...], now: datetime) -> PriceSeries | None:
        """`shared`: the dates of the window before `row`."""
        index, late = self._index, self.history.late.get("index", 0)
        if index is None:
            return None
        if index.dates is self.history.dates and not late:
            return index.part(slice(row - len(shared), row), shared, now)
        end = bisect_right(index.dates, self.history.dates[row - late - 1]) if row > late else 0
        part = slice(max(0, end - WINDOW), end)
        return index.part(part, index.dates[part], now)

    def _reading(self, row: int) -> VixReading | None:
        row -= self.history.late.get("index" if self.history.vix is None else "vix", 0)
        if self._vix is None or row < 0 or self._vix[row] != self._vix[row]:
            return None
        source = "derived" if self.history.vix is None else self.history.source
        return VixReading(float(self._vix[row]), self.history.dates[row], source)


def _known(values: Array, row: int, column: int | None) -> Decimal | None:
    if column is None or values[row, column] != values[row, column]:
        return None
    return money(float(values[row, column]))


def _average(volumes: Array) -> Decimal | None:
    told = volumes[~np.isnan(volumes)]
    return Decimal(round(float(told.mean()))) if len(told) else None


def _last_rows(closes: Array) -> Array:
    """The newest row up to each that has a close, -1 before the first. Shape: [T] → [T]."""
    rows = np.where(np.isnan(closes), -1, np.arange(len(closes)))
    found: Array = np.maximum.accumulate(rows)
    return found


def _index(dates: tuple[date, ...], values: Array, source: str, as_of: datetime) -> PriceSeries:
    told = np.flatnonzero(~np.isnan(values))
    if len(told) == len(dates):
        return PriceSeries(INDEX_CONID, dates, values, source, as_of)
    return PriceSeries(INDEX_CONID, tuple(dates[row] for row in told), values[told], source, as_of)


def realised(index: Array) -> Array:
    """Annual volatility of the index's last 21 log returns in points; NaN where there are fewer. Shape: [T]."""
    result = np.full(index.shape, np.nan)
    if len(index) > _VOLATILITY_SESSIONS:
        windows = np.lib.stride_tricks.sliding_window_view(np.diff(np.log(index)), _VOLATILITY_SESSIONS)
        result[_VOLATILITY_SESSIONS:] = np.round(windows.std(axis=1, ddof=1) * np.sqrt(_YEAR) * 100, 2)
    return result
