"""A small market and account for tests of the desk: round prices, quiet histories, a stop and a loser among the names.

Everything in it is made up and the same every time.
"""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np

from app.domain.cash import CashRow
from app.domain.instrument import AssetClass, Instrument
from app.domain.market import Array, Quote, QuoteKind
from app.domain.portfolio import CashBalance, Position
from app.domain.session import BrokerSession, SessionState, Simulation
from app.domain.unmanaged import UnmanagedHolding, UnreadableRow

ACCOUNT = "DU1234567"
TODAY = date(2022, 3, 14)
OPENING = datetime(2022, 3, 14, 15, 0, tzinfo=UTC)
PRICE = Decimal(100)
SPREAD = Decimal("0.05")
HELD = ("AAPL", "BAC", "GE", "HD", "JNJ", "JPM", "KO", "MSFT", "PFE", "PG", "UNH", "XOM")
SYMBOLS = tuple(sorted((*HELD, "AMD", "BBY", "CVX", "LLY", "MRK", "PEP", "RRC", "WMT")))
INDICES = {"SPX": 1, "VIX": 2}
# Average cost against a price of 100: AAPL is past its stop, MSFT a loser before it, JPM a winner to add to.
COSTS = {"AAPL": Decimal(130), "MSFT": Decimal(113), "JPM": Decimal(75)}
SESSIONS = 520
SIMULATION = Simulation(TODAY, 7, "synthetic", 0.1)
WORLD = SIMULATION.world


def conid(symbol: str) -> int:
    """A number of our own for each name."""
    return INDICES.get(symbol) or 1000 + SYMBOLS.index(symbol)


def symbol_of(number: int) -> str:
    """The name behind `conid`."""
    return {conid(symbol): symbol for symbol in (*SYMBOLS, *INDICES)}[number]


def instrument(symbol: str) -> Instrument:
    """As the broker describes it: without a sector."""
    asset_class = AssetClass.INDEX if symbol in INDICES else AssetClass.STOCK
    return Instrument(conid(symbol), symbol, "USD", asset_class)


def weekdays_before(day: date, count: int) -> tuple[date, ...]:
    """The last `count` weekdays before it, oldest first."""
    found: list[date] = []
    while len(found) < count:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            found.append(day)
    return tuple(reversed(found))


def closes(number: int) -> Array:
    """Closes that wander by one percent a day, each name its own way, and end at 100. Shape: [SESSIONS]."""
    steps = np.random.default_rng(number).normal(0, 0.01, SESSIONS)
    growth = np.exp(np.cumsum(steps - steps.mean()))
    path: Array = growth / growth[-1] * float(PRICE)
    return path


def steady(day: date, count: int = 60) -> tuple[tuple[date, Decimal], ...]:
    """The account's closing values before that day: always 250,000."""
    return tuple((each, Decimal(250_000)) for each in weekdays_before(day, count))


def _held() -> dict[int, Position]:
    quantity = Decimal(170)
    return {conid(symbol): Position(instrument(symbol), quantity, PRICE, COSTS.get(symbol, PRICE)) for symbol in HELD}


@dataclass
class World:
    """The broker's side of the truth. Tests change it; the desk's adapters read it."""

    session: BrokerSession = field(
        default_factory=lambda: BrokerSession(
            state=SessionState.READY,
            message="ready",
            remedy=None,
            accounts=(ACCOUNT,),
            paper=True,
            now=OPENING,
            trading_mode="paper",
            simulation=SIMULATION,
        )
    )
    positions: dict[int, Position] = field(default_factory=_held)
    unmanaged: tuple[UnmanagedHolding, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()
    net_liquidation: Decimal | None = None
    cash: Decimal = Decimal(46000)
    currency: str = "USD"
    missing_quotes: dict[str, str] = field(default_factory=dict)
    # Prices of today that are not 100.
    moved: dict[str, Decimal] = field(default_factory=dict)
    vix: Decimal | None = Decimal(15)
    performance: tuple[tuple[date, Decimal], ...] = steady(TODAY)
    cash_rows: tuple[CashRow, ...] = ()
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """Market time: it runs on from the session's time, as the desk's own clock does."""
        return self.session.now + timedelta(seconds=time.monotonic() - self._began)

    def set_session(self, **changes: object) -> None:
        """Another state of the broker's session, from now on."""
        self.session = replace(self.session, **{"now": self.now(), **changes})  # type: ignore[arg-type]  # any field
        self._began = time.monotonic()

    def next_day(self, day: date) -> None:
        """Move the clock to 11:00 New York of that day; the broker knows the closes up to then."""
        self.performance = steady(day) if self.performance else ()
        self.session = replace(self.session, now=OPENING + (day - TODAY))
        self._began = time.monotonic()

    def quote(self, symbol: str) -> Quote:
        """Two-sided around 100; the volatility index has a last price only."""
        if symbol == "VIX":
            return Quote(conid(symbol), QuoteKind.LIVE, self.now(), "fake", last=self.vix, marks=("derived",))
        price = self.moved.get(symbol, PRICE)
        return Quote(
            conid(symbol),
            QuoteKind.LIVE,
            self.now(),
            "fake",
            bid=price - SPREAD,
            ask=price + SPREAD,
            last=price,
            prior_close=PRICE,
            average_volume=Decimal(5_000_000),
            market_cap=Decimal(100_000_000_000),
        )

    def fill(self, number: int, quantity: Decimal, price: Decimal) -> None:
        """Take `quantity` (negative for a sell) into the book at that price."""
        held = self.positions.get(number)
        before = held.quantity if held else Decimal(0)
        cost = held.average_cost if held else price
        self.cash -= quantity * price
        self.positions[number] = Position(instrument(symbol_of(number)), before + quantity, PRICE, cost)
        if self.positions[number].quantity == 0:
            del self.positions[number]

    def balances(self) -> tuple[CashBalance, ...]:
        """One currency."""
        return (CashBalance(self.currency, self.cash, self.cash),)

    @property
    def nav(self) -> Decimal:
        """Cash and positions at 100."""
        return self.cash + sum((p.market_value for p in self.positions.values()), Decimal(0))
