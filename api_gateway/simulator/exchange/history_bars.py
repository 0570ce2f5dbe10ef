"""Historical bars as the history endpoint writes them: periods, bar sizes and the envelope around the bars.

Units are lower case; anything else is silently replaced by a default of 84 daily bars (measured on a live account).
At most 1000 points are returned, the newest.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from api_gateway.simulator.errors import refused
from api_gateway.simulator.exchange.contracts import VIX, Contract
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.exchange.market import Bars, Market
from api_gateway.simulator.exchange.prices import Floats

MAXIMUM_POINTS = 1000
_DEFAULT_COUNT = 84
_PERIOD = re.compile(r"(\d{1,4})(min|h|d|w|m|y)")
_MINUTE_BARS = {
    "1min": 1, "2min": 2, "3min": 3, "5min": 5, "10min": 10, "15min": 15, "30min": 30,
    "1h": 60, "2h": 120, "3h": 180, "4h": 240, "8h": 480,
}  # fmt: skip
_BAR_SECONDS = {"1d": 86_400, "1w": 604_800, "1m": 2_592_000}
_CALENDAR_DAYS = {"min": 1 / 1440, "h": 1 / 24, "d": 1.0, "w": 7.0, "m": 30.4375, "y": 365.25}
_LONGEST = {"min": 30, "h": 8, "d": 1000, "w": 792, "m": 182, "y": 15}
# Smallest, largest and default bar for periods up to so many days: the documented table, its contradiction included.
_STEPS = (
    (1 / 1440, "1min", "1min", "1min"),
    (1.0, "1min", "8h", "1min"),
    (7.0, "10min", "1w", "15min"),
    (31.0, "1h", "1m", "30min"),
    (92.0, "2h", "1m", "1d"),
    (183.0, "4h", "1m", "1d"),
    (366.0, "8h", "1m", "1d"),
    (731.0, "1d", "1m", "1d"),
    (1096.0, "1d", "1m", "1w"),
    (float("inf"), "1w", "1m", "1w"),
)
_FULL_SESSION = 390


@dataclass(frozen=True)
class Window:
    """How many sessions back, and how many minutes of the newest one when the period is shorter than a day."""

    sessions: int
    minutes: int | None
    bar: str


@dataclass(frozen=True, eq=False)
class Chart:
    """Shape: every array [n]; `time` is epoch milliseconds of each bar's beginning."""

    time: npt.NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def window_of(period: str, bar: str | None, market: Market, moment: Moment) -> Window:
    """Raises: GatewayRefusal 400 for a bar size that does not exist."""
    if bar is not None and bar not in _MINUTE_BARS and bar not in _BAR_SECONDS and bar == bar.lower():
        raise refused(400, f"Bad Request: unknown bar size {bar}")
    parsed, step = _PERIOD.fullmatch(period), _step(period)
    if parsed is None or step is None or (bar is not None and bar != bar.lower()):
        return Window(_DEFAULT_COUNT, None, "1d")
    count, unit = int(parsed[1]), parsed[2]
    chosen = bar or step[3]
    if unit in ("min", "h"):
        return Window(1, count * (60 if unit == "h" else 1), chosen)
    if unit == "d":
        return Window(count, None, chosen)
    newest = market.session_date(moment.session)
    oldest = newest - timedelta(days=round(count * _CALENDAR_DAYS[unit]))
    return Window(_sessions_since(market, oldest, moment.session), None, chosen)


def _step(period: str) -> tuple[float, str, str, str] | None:
    """The row of the table for a period; None for one that has no unit in lower case."""
    parsed = _PERIOD.fullmatch(period)
    if parsed is None:
        return None
    days = int(parsed[1]) * _CALENDAR_DAYS[parsed[2]]
    return next(row for row in _STEPS if days <= row[0] + 1e-9)


def check_step(period: str, bar: str | None) -> None:
    """Raises: GatewayRefusal 400 for a period, or a bar for its period, outside the documented table."""
    parsed, step = _PERIOD.fullmatch(period), _step(period)
    if parsed is None or step is None:
        return
    if not 1 <= int(parsed[1]) <= _LONGEST[parsed[2]]:
        raise refused(400, f"Bad Request: period {period} is out of range")
    sizes = [*_MINUTE_BARS, *_BAR_SECONDS]
    if bar in sizes and not sizes.index(step[1]) <= sizes.index(bar) <= sizes.index(step[2]):
        raise refused(400, f"Bad Request: bar {bar} is out of range for period {period}")


def _sessions_since(market: Market, oldest: date, newest_row: int) -> int:
    return max(newest_row + 1 - bisect_right(market.history.sessions, oldest), 1)


def chart_of(market: Market, contract: Contract, window: Window, moment: Moment) -> Chart:
    if window.bar in _MINUTE_BARS:
        return _intraday(market, contract, window, moment)
    bars = market.daily_bars(contract.conid, moment, window.sessions)
    opens = market.calendar.opens[bars.rows] * 1000
    if window.bar == "1d":
        return _newest(Chart(opens, bars.open, bars.high, bars.low, bars.close, bars.volume))
    return _newest(_grouped(market, bars, opens, window.bar))


def _newest(chart: Chart) -> Chart:
    return Chart(*(column[-MAXIMUM_POINTS:] for column in vars(chart).values()))


def _grouped(market: Market, bars: Bars, opens: npt.NDArray[np.int64], bar: str) -> Chart:
    """Weekly or monthly bars, each beginning at its first session's opening."""
    days = np.array([market.session_date(int(row)) for row in bars.rows], dtype="datetime64[D]")
    # Epoch day 0 was a Thursday; weeks begin on Monday.
    keys = (days.astype(np.int64) + 3) // 7 if bar == "1w" else days.astype("datetime64[M]").astype(np.int64)
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    ends = np.concatenate((starts[1:], [len(keys)])) - 1
    return Chart(
        opens[starts],
        bars.open[starts],
        np.maximum.reduceat(bars.high, starts),
        np.minimum.reduceat(bars.low, starts),
        bars.close[ends],
        np.add.reduceat(bars.volume, starts),
    )


def _intraday(market: Market, contract: Contract, window: Window, moment: Moment) -> Chart:
    size = _MINUTE_BARS[window.bar]
    per_session = -(-_FULL_SESSION // size)
    count = min(window.sessions, -(-MAXIMUM_POINTS // per_session) + 1, moment.session)
    parts = [
        _session_bars(market, contract, row, size, moment)
        for row in range(moment.session - count + 1, moment.session + 1)
    ]
    chart = Chart(*(np.concatenate(columns) for columns in zip(*(vars(part).values() for part in parts), strict=True)))
    if window.minutes is not None:
        newest = max(-(-window.minutes // size), 1)
        chart = Chart(*(column[-newest:] for column in vars(chart).values()))
    return _newest(chart)


def _session_bars(market: Market, contract: Contract, row: int, size: int, moment: Moment) -> Chart:
    running = row == moment.session
    price = market.path(contract.conid, row).price
    seen = price[: moment.minute + 1] if running else price
    starts = np.arange(0, max(len(seen) - 1, 1), size)
    ends = np.minimum(starts + size, len(seen) - 1)
    edges = [(int(start), int(end) + 1) for start, end in zip(starts, ends, strict=True)]
    volume = float(market.daily_volume(contract.conid, np.array([row]))[0]) / market.calendar.length(row)
    return Chart(
        (int(market.calendar.opens[row]) + 60 * starts) * 1000,
        seen[starts],
        np.array([seen[first:after].max() for first, after in edges]),
        np.array([seen[first:after].min() for first, after in edges]),
        seen[ends],
        np.floor(volume * (ends - starts)),
    )


def _extreme(price: float, volume: float, minutes: int) -> str:
    """Price scaled by priceFactor, volume, minutes from the chart's start."""
    return f"{price * 100:.0f}/{volume:.0f}/{minutes}"


def _bars(chart: Chart) -> list[dict[str, float]]:
    columns = (chart.open, chart.close, chart.high, chart.low, chart.volume, chart.time)
    return [
        {"o": o, "c": c, "h": h, "l": low, "v": v, "t": t}
        for o, c, h, low, v, t in zip(*(column.tolist() for column in columns), strict=True)
    ]


def legacy_envelope(chart: Chart | None, end: datetime) -> dict[str, Any]:
    """The bars of the legacy history service, which says less around them."""
    data = _bars(chart) if chart is not None else []
    start_ms = chart.time[0].item() if chart is not None else int(end.timestamp() * 1000)
    return {
        "startTime": _time_text(start_ms),
        "startTimeVal": start_ms,
        "endTime": f"{end:%Y%m%d-%H:%M:%S}",
        "endTimeVal": int(end.timestamp() * 1000),
        "data": data,
        "points": len(data),
        "mktDataDelay": 0,
    }


def envelope(market: Market, contract: Contract, period: str, window: Window, chart: Chart) -> dict[str, Any]:
    data = _bars(chart)
    top, bottom = int(chart.high.argmax()), int(chart.low.argmin())
    return _frame(market, contract, period, window, chart.time[0].item()) | {
        "high": _extreme(chart.high[top], chart.volume[top], int(chart.time[top] - chart.time[0]) // 60_000),
        "low": _extreme(chart.low[bottom], chart.volume[bottom], int(chart.time[bottom] - chart.time[0]) // 60_000),
        "data": data,
        "points": len(data),
    }


def empty_envelope(market: Market, contract: Contract, period: str, window: Window, end: datetime) -> dict[str, Any]:
    """No bars in the window: zero points and yet one placeholder bar without a time (measured on a live account)."""
    frame = _frame(market, contract, period, window, int(end.timestamp() * 1000))
    return frame | {"high": "0/0/0", "low": "0/0/0", "data": [{"o": 0.0, "c": 0.0}], "points": 0}


def _time_text(epoch_ms: int) -> str:
    """UTC."""
    return str(np.datetime64(epoch_ms, "ms").item().strftime("%Y%m%d-%H:%M:%S"))


def _frame(market: Market, contract: Contract, period: str, window: Window, start_ms: int) -> dict[str, Any]:
    seconds = _BAR_SECONDS.get(window.bar)
    return {
        "serverId": "1",
        "symbol": contract.symbol,
        "text": contract.name,
        "priceFactor": 100,
        "startTime": _time_text(start_ms),
        "timePeriod": period,
        "barLength": seconds if seconds is not None else 60 * _MINUTE_BARS[window.bar],
        "mdAvailability": "S",
        "mktDataDelay": 0,
        "outsideRth": False,
        "tradingDayDuration": 390 * 60,
        "volumeFactor": 1,
        "priceDisplayRule": 1,
        "priceDisplayValue": "2",
        "negativeCapable": False,
        "messageVersion": 2,
        "travelTime": 1,
        "simulator": {"origin": market.origin(contract), "derived": contract is VIX},
    }
