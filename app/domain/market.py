"""What the market says, each datum with its time and source. Missing stays missing."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import MissingQuote
from app.domain.instrument import Instrument

Array = NDArray[np.float64]
# No price is outside; inside, no square or sum of prices or of their changes leaves the range of numbers.
CLOSES = (1e-9, 1e12)


class QuoteKind(StrEnum):
    """How current a price is."""

    LIVE = "live"
    DELAYED = "delayed"
    FROZEN = "frozen"
    PREVIOUS_CLOSE = "prev_close"
    HALTED = "halted"


class Trend(StrEnum):
    """Regime of the benchmark against its 200-session average."""

    BULL = "bull"
    NEUTRAL = "neutral"
    BEAR = "bear"


def known(value: Decimal | None) -> TypeGuard[Decimal]:
    """A number, and above zero."""
    return value is not None and value.is_finite() and value > 0


@dataclass(frozen=True, slots=True)
class Quote:
    """Prices of one instrument in its own currency; `as_of` is when bid and ask were received.

    `marks` names what is not an exchange's own number: "simulated", "derived", "fictional:market_cap".
    """

    conid: int
    kind: QuoteKind
    as_of: datetime
    source: str
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    prior_close: Decimal | None = None
    average_volume: Decimal | None = None
    market_cap: Decimal | None = None
    marks: tuple[str, ...] = ()

    @property
    def two_sided(self) -> bool:
        """Bid and ask are there and not crossed."""
        return known(self.bid) and known(self.ask) and self.bid <= self.ask

    @property
    def price(self) -> Decimal:
        """Mid of a two-sided quote, else the last trade; raises MissingQuote where there is neither."""
        price = self.price_if_known
        if price is None:
            raise MissingQuote(f"no price of conid {self.conid}")
        return price

    @property
    def price_if_known(self) -> Decimal | None:
        """As `price`, None where there is neither."""
        if known(self.bid) and known(self.ask) and self.bid <= self.ask:
            return (self.bid + self.ask) / 2
        return self.last if known(self.last) else None


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """Daily closes up to the previous session, oldest first; adjusted where the source adjusts.

    Shape: dates [T], closes [T], within `CLOSES`. Raises: ValueError for any other.
    """

    conid: int
    dates: tuple[date, ...]
    closes: Array
    source: str
    as_of: datetime

    def __post_init__(self) -> None:
        if len(self.dates) != len(self.closes):
            raise ValueError(f"{len(self.dates)} dates for {len(self.closes)} closes of conid {self.conid}")
        if not ((self.closes >= CLOSES[0]) & (self.closes <= CLOSES[1])).all():
            raise ValueError(f"closes of conid {self.conid} must be above zero and below {CLOSES[1]:g}")

    def part(self, rows: slice, dates: tuple[date, ...], as_of: datetime) -> "PriceSeries":
        """Some rows, not looked at once more; `dates` are theirs, so that series may share them."""
        new = object.__new__(PriceSeries)
        for name, value in (
            ("conid", self.conid), ("dates", dates), ("closes", self.closes[rows]), ("source", self.source),
            ("as_of", as_of),
        ):  # fmt: skip
            object.__setattr__(new, name, value)
        return new


@dataclass(frozen=True, slots=True)
class VixReading:
    """The volatility index in points, with the session it belongs to."""

    value: float
    session_date: date
    source: str


@dataclass(frozen=True, slots=True)
class Session:
    """One trading session of the exchange, in UTC."""

    date: date
    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class Market:
    """Everything that a decision may know of the market at `as_of`.

    `instruments` holds every name that may be held or bought; `untradable` gives the reason for each conid that must
    not be ordered today. `sentiment` of the news by conid, in [-1, 1], where there is any. `live`: orders move real
    money. `lots`: the broker's step of quantities by conid, where it is known not to be one share.
    `most_a_buy`: what the broker's server lets a buy be worth, in its own currency; None where nobody bounds it.
    """

    as_of: datetime
    session: Session
    instruments: Mapping[int, Instrument]
    quotes: Mapping[int, Quote]
    history: Mapping[int, PriceSeries]
    index: PriceSeries | None
    vix: VixReading | None
    untradable: Mapping[int, str] = field(default_factory=dict)
    source: str = "ibkr"
    sentiment: Mapping[int, float] = field(default_factory=dict)
    live: bool = True
    lots: Mapping[int, Decimal] = field(default_factory=dict)
    most_a_buy: Decimal | None = None
    # What follows from the rest, kept by whoever worked it out: the same is asked for with every plan and order.
    derived: dict[Hashable, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def largest_buy(self, rate: Decimal) -> Decimal:
        """What a buy may be worth to the broker's server, in base currency at that `rate`; infinite where unbounded."""
        return Decimal("Infinity") if self.most_a_buy is None else self.most_a_buy * rate

    def lot(self, conid: int) -> Decimal | None:
        """The step of quantities, one whole share at least; None where the broker's own makes no sense."""
        step = self.lots.get(conid, Decimal(1))
        if not known(step) or (step > 1 and step != step.to_integral_value()):
            return None
        return max(Decimal(1), step)

    def by_symbol(self, symbol: str) -> Instrument | None:
        """The instrument of that ticker, if the market knows it."""
        return next((i for i in self.instruments.values() if i.symbol == symbol), None)


def quoted_prices(market: Market) -> dict[int, Decimal]:
    """Mid or last by conid, of what has one; kept with the market, for every account of it asks."""
    found = market.derived.get(quoted_prices)
    if not isinstance(found, dict):
        quoted = ((number, quote.price_if_known) for number, quote in market.quotes.items())
        found = market.derived[quoted_prices] = {number: price for number, price in quoted if price is not None}
    return found
