"""Exchange rates for accounts whose base currency is not the dollar. Invented like volumes are, and said to be.

A daily path by seed and currency that keeps coming back to its level, between two closes the same bridge as prices; it
stands still while the exchange is closed. An account in dollars never meets one: its world has the dollar alone.
"""

from decimal import Decimal
from itertools import accumulate
from typing import Literal, get_args

import numpy as np

from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.exchange.market import RATE, Market, bridged
from api_gateway.simulator.exchange.noise import normals
from api_gateway.simulator.exchange.prices import Floats

Currency = Literal["USD", "EUR", "GBP", "CHF"]
DOLLAR: Currency = "USD"
CURRENCIES: tuple[Currency, ...] = get_args(Currency)
# Dollars for one unit.
_LEVELS: dict[str, float] = {"EUR": 1.12, "GBP": 1.35, "CHF": 1.06}
_DAILY_DEVIATION, _PERSISTENCE = 0.005, 0.998


class ExchangeRates:
    def __init__(self, base: str, market: Market) -> None:
        self.base = base
        self._market = market
        self._dollars: dict[str, Floats] = {DOLLAR: np.ones(len(market.history.sessions))}
        self._paths: dict[tuple[str, int], Floats] = {}

    @property
    def currencies(self) -> tuple[str, ...]:
        """The base currency first."""
        others = () if self.base == DOLLAR else tuple(one for one in CURRENCIES if one != self.base)
        return (self.base, *others)

    def closes(self, currency: str) -> Floats:
        """Base currency for one unit at every close. Shape [T]."""
        return np.round(self._daily(currency) / self._daily(self.base), 6)

    def at_close(self, currency: str, row: int) -> Decimal:
        return _exact(float(self.closes(currency)[row]))

    def rate(self, currency: str, moment: Moment) -> Decimal:
        """Base currency for one unit, in millionths."""
        return self.cross(currency, self.base, moment)

    def cross(self, source: str, target: str, moment: Moment) -> Decimal:
        """`target` for one unit of `source`."""
        if source == target:
            return Decimal(1)
        return _exact(self._now(source, moment) / self._now(target, moment))

    def _daily(self, currency: str) -> Floats:
        """Dollars for one unit at every close. Shape [T]."""
        if currency not in self._dollars:
            count = len(self._market.history.sessions)
            moves = _DAILY_DEVIATION * normals(self._market.seed, RATE, _number(currency), np.arange(count))
            away = accumulate(moves.tolist(), lambda before, move: _PERSISTENCE * before + move)
            self._dollars[currency] = _LEVELS[currency] * np.exp(np.fromiter(away, np.float64, count))
        return self._dollars[currency]

    def _now(self, currency: str, moment: Moment) -> float:
        closes = self._daily(currency)
        if currency == DOLLAR or not moment.is_open:
            return float(closes[moment.session])
        return float(self._path(currency, moment.session)[moment.minute])

    def _path(self, currency: str, row: int) -> Floats:
        """Dollars for one unit, minute by minute."""
        if (currency, row) not in self._paths:
            closes, length = self._daily(currency), self._market.calendar.length(row)
            deviation = np.full(closes.shape, _DAILY_DEVIATION)
            rows = np.array([row])
            self._paths[currency, row] = bridged(
                closes, deviation, rows, length, self._market.seed, RATE, _number(currency)
            )[0]
        return self._paths[currency, row]


def _number(currency: str) -> int:
    return CURRENCIES.index(currency)


def _exact(rate: float) -> Decimal:
    return Decimal(f"{rate:.6f}")
