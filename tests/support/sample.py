"""Portfolios and markets of real days: twelve names bought 252 sessions earlier at their closes, looked at on the day.

The closes are read out of the installed wheel that carries them. Quotes are the day's close with a spread of a cent.
"""

import csv
import gzip
import importlib.metadata
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from app.domain.instrument import Instrument
from app.domain.market import Array, Market, PriceSeries, Quote, QuoteKind, Session, VixReading
from app.domain.navs import NavKind, NavPoint, follow
from app.domain.policy import Policy
from app.domain.portfolio import CashBalance, Portfolio, Position
from app.market.sectors import SECTORS
from app.settings import load_policy, shipped_policy

CAPITAL = Decimal(250000)
# Share of the capital that bought each name, in percent.
PERCENT = {
    **dict.fromkeys(("AAPL", "MSFT", "JPM", "JNJ", "UNH", "PG", "KO"), 8),
    **dict.fromkeys(("PFE", "HD", "XOM", "GE"), 7),
    "BAC": 6,
}
HELD_SESSIONS = 252
CENT = Decimal("0.01")
NEW_YORK = ZoneInfo("America/New_York")
SOURCE = "sample"


@dataclass(frozen=True)
class Prices:
    """Closes [T, N] of the sample, and of the index [T]."""

    symbols: tuple[str, ...]
    dates: tuple[date, ...]
    closes: Array
    index: Array


@dataclass(frozen=True)
class Day:
    """Everything that one decision reads."""

    portfolio: Portfolio
    market: Market
    navs: tuple[NavPoint, ...]

    def position(self, symbol: str) -> Position:
        """The holding of that ticker."""
        return next(p for p in self.portfolio.positions if p.instrument.symbol == symbol)


def _table(name: str) -> list[list[str]]:
    wheel = importlib.metadata.distribution("skfolio")
    packed = Path(str(wheel.locate_file(f"skfolio/datasets/data/{name}"))).read_bytes()
    return list(csv.reader(io.StringIO(gzip.decompress(packed).decode())))


@cache
def prices() -> Prices:
    """The whole sample."""
    head, *rows = _table("sp500_dataset.csv.gz")
    _, *index = _table("sp500_index.csv.gz")
    return Prices(
        tuple(head[1:]),
        tuple(date.fromisoformat(row[0]) for row in rows),
        np.array([row[1:] for row in rows], dtype=np.float64),
        np.array([row[1] for row in index], dtype=np.float64),
    )


@cache
def default_policy() -> Policy:
    """The shipped default."""
    return load_policy(shipped_policy())


def conid(symbol: str) -> int:
    """A number of our own for each name."""
    return 1000 + prices().symbols.index(symbol)


def instrument(symbol: str) -> Instrument:
    """One of the twenty names."""
    return Instrument(conid(symbol), symbol, "USD", sector=SECTORS[symbol])


@cache
def day(on: date) -> Day:
    """The account and the market at 11:00 New York, prices as of that session's close."""
    return day_of(on, PERCENT)


def day_of(on: date, percent: Mapping[str, Decimal | int]) -> Day:
    """The same of an account that put other shares of its capital into each name."""
    at = prices().dates.index(on)
    bought = at - HELD_SESSIONS
    positions = tuple(_position(symbol, percent[symbol], bought, at) for symbol in sorted(percent))
    cash = CAPITAL - sum((p.quantity * p.average_cost for p in positions), Decimal(0))
    portfolio = Portfolio(
        account="DU1234567",
        currency="USD",
        positions=positions,
        cash=(CashBalance("USD", cash, cash),),
        available_funds=cash + sum((p.market_value for p in positions), Decimal(0)) / 2,
        buying_power=cash * 4,
        as_of=eleven(on),
        source=SOURCE,
        account_type="MARGIN",
    )
    return Day(portfolio, market_at(at), _navs(positions, cash, bought, at))


def price(symbol: str, at: int) -> Decimal:
    """The close of that row in whole cents."""
    close = prices().closes[at, prices().symbols.index(symbol)]
    return Decimal(str(close)).quantize(CENT)


def _position(symbol: str, percent: Decimal | int, bought: int, at: int) -> Position:
    cost = price(symbol, bought)
    quantity = (CAPITAL * percent / 100 / cost).to_integral_value(ROUND_FLOOR)
    return Position(instrument(symbol), quantity, price(symbol, at), cost)


def eleven(on: date) -> datetime:
    """11:00 New York."""
    return datetime(on.year, on.month, on.day, 11, tzinfo=NEW_YORK).astimezone(UTC)


def market_at(at: int) -> Market:
    """The market on the day of that row, prices as of its close, and up to 520 closes before it."""
    sample = prices()
    on = sample.dates[at]
    now = eleven(on)
    opens = datetime(on.year, on.month, on.day, 9, 30, tzinfo=NEW_YORK).astimezone(UTC)
    changes = sample.index[at - 20 : at + 1] / sample.index[at - 21 : at] - 1
    first = max(0, at - 520)
    dates = sample.dates[first:at]

    def series(number: int, closes: Array) -> PriceSeries:
        return PriceSeries(number, dates, closes, SOURCE, now)

    return Market(
        as_of=now,
        session=Session(on, opens, opens + timedelta(hours=6, minutes=30)),
        instruments={conid(symbol): instrument(symbol) for symbol in sample.symbols},
        quotes={conid(symbol): _quote(symbol, at, now) for symbol in sample.symbols},
        history={conid(s): series(conid(s), sample.closes[first:at, n]) for n, s in enumerate(sample.symbols)},
        index=series(1, sample.index[first:at]),
        vix=VixReading(float(changes.std(ddof=1) * np.sqrt(252) * 100), on, "derived"),
        source=SOURCE,
    )


def _quote(symbol: str, at: int, now: datetime) -> Quote:
    close = price(symbol, at)
    return Quote(
        conid(symbol),
        QuoteKind.LIVE,
        now - timedelta(seconds=2),
        SOURCE,
        bid=close - CENT,
        ask=close + CENT,
        last=close,
        prior_close=price(symbol, at - 1),
        average_volume=Decimal(5_000_000),
        market_cap=Decimal(100_000_000_000),
    )


def _navs(positions: tuple[Position, ...], cash: Decimal, bought: int, at: int) -> tuple[NavPoint, ...]:
    """The account's closing values from the purchase to the session before the day."""
    points: list[NavPoint] = []
    for row in range(bought, at):
        value = cash + sum((p.quantity * price(p.instrument.symbol, row) for p in positions), Decimal(0))
        points.append(follow(points[-1] if points else None, prices().dates[row], NavKind.BROKER, value))
    return tuple(points)
