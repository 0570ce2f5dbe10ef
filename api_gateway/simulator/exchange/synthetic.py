"""A seeded stand-in for the sample prices: same symbols, real exchange sessions, invented prices.

Regimes switch as a Markov chain, one common factor drives the names, tails are fat and crises crash. It must never
be presented as market data: the origin "synthetic" travels with every answer built on it.
"""

import warnings
from datetime import date

import numpy as np
import numpy.typing as npt

from api_gateway.simulator.exchange.contracts import STOCKS
from api_gateway.simulator.exchange.prices import Floats, PriceHistory

_FIRST, _LAST = "1990-01-02", "2022-12-28"
# Calm, normal, crisis: daily probability of moving from row to column.
_TRANSITIONS = np.array([[0.985, 0.014, 0.001], [0.012, 0.982, 0.006], [0.002, 0.028, 0.970]])
_MARKET_DRIFT = np.array([0.0007, 0.0005, -0.0015])
_MARKET_VOLATILITY = np.array([0.0055, 0.0095, 0.0240])
_IDIOSYNCRATIC_VOLATILITY = np.array([0.009, 0.012, 0.020])
_CRASH_PROBABILITY = np.array([0.0, 0.0005, 0.012])
_CRASH_SIZE = -0.055
_TAIL_DEGREES = 4
_LARGEST_DAILY_MOVE = 0.25
_INDEX_START = 360.0


def exchange_sessions() -> tuple[date, ...]:
    """New York Stock Exchange sessions of the sample's span."""
    with warnings.catch_warnings():
        # exchange_calendars 4.13 still calls an accessor that pandas has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        import exchange_calendars

        calendar = exchange_calendars.get_calendar("XNYS", start=_FIRST, end=_LAST)
    return tuple(session.date() for session in calendar.sessions)


def regime_path(rng: np.random.Generator, length: int) -> npt.NDArray[np.int64]:
    """Shape [length], values 0 calm, 1 normal, 2 crisis."""
    thresholds = _TRANSITIONS.cumsum(axis=1)
    draws = rng.random(length)
    regimes = np.empty(length, dtype=np.int64)
    regime = 1
    for day in range(length):
        regime = min(int(np.searchsorted(thresholds[regime], draws[day])), 2)
        regimes[day] = regime
    return regimes


def fat_tailed(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Student t scaled to unit variance."""
    return np.asarray(rng.standard_t(_TAIL_DEGREES, shape) / np.sqrt(_TAIL_DEGREES / (_TAIL_DEGREES - 2)))


def _closes(moves: Floats, starts: Floats | float) -> Floats:
    """Shape: moves [T, ...] → [T, ...]. The sample is rounded to a tenth of a cent, so is its stand-in."""
    clipped = np.clip(moves, -_LARGEST_DAILY_MOVE, _LARGEST_DAILY_MOVE)
    grown = starts * np.exp(np.cumsum(clipped - 0.5 * clipped.var(axis=0), axis=0))
    return np.asarray(np.maximum(np.round(grown, 3), 0.01))


def synthetic_history(seed: int) -> PriceHistory:
    sessions = exchange_sessions()
    rng = np.random.default_rng(seed)
    count, names = len(sessions), len(STOCKS)
    regimes = regime_path(rng, count)
    crashes = np.where(rng.random(count) < _CRASH_PROBABILITY[regimes], _CRASH_SIZE, 0.0)
    market = _MARKET_DRIFT[regimes] + _MARKET_VOLATILITY[regimes] * fat_tailed(rng, (count,)) + crashes
    betas = rng.uniform(0.5, 1.5, names)
    own_scale = _IDIOSYNCRATIC_VOLATILITY[regimes][:, None] * rng.uniform(0.7, 1.3, names)
    own = own_scale * fat_tailed(rng, (count, names))
    closes = _closes(market[:, None] * betas + own, rng.uniform(8.0, 60.0, names))
    index = np.round(_INDEX_START * np.exp(np.cumsum(np.clip(market, -0.2, 0.2))), 2)

    def draw(conid: int) -> Floats:
        """One more name under the same market, a function of seed and contract alone."""
        own_rng = np.random.default_rng((seed, conid))
        beta, scale, start = own_rng.uniform((0.5, 0.7, 20.0), (1.5, 1.3, 150.0))
        alone = _IDIOSYNCRATIC_VOLATILITY[regimes] * scale * fat_tailed(own_rng, (count,))
        drawn = _closes(market * beta + alone, 1.0)
        # Thirty years of growth end anywhere; the last close is put where a share of today would trade.
        return np.asarray(np.maximum(np.round(drawn * (start / drawn[-1]), 3), 0.01))

    return PriceHistory(tuple(stock.symbol for stock in STOCKS), sessions, closes, index, "synthetic", draw)
