"""A market drawn by a seed: the index as its phases say, and names that move with it and on their own.

Daily changes have fat tails (Student's t, five degrees of freedom). A name's prices depend on the market, the seed and
the name, and on no other name that is asked for.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from zlib import crc32

import numpy as np

from app.backtest.history import Adjustment, History
from app.backtest.reader import realised
from app.backtest.synthetic.markets import CALM, MARKETS, Market
from app.backtest.synthetic.names import STOCKS, kind_of
from app.domain.instrument import AssetClass, Instrument
from app.domain.market import Array
from app.market.calendar import ExchangeCalendar

FIRST = date(2001, 1, 2)
_YEAR = 252
_TAILS = 5
_FIRST_INDEX = 1000.0
# What the volatility index lies above what was realised, in points, as the real one does.
_ABOVE = 4.0
_SECTOR_VOLATILITY, _BETAS, _OWN = 0.08, (0.75, 1.25), (0.14, 0.26)
_GAP, _SLIDE, _SLIDING = -0.55, -0.80, 126
_LEAST_PRICE = 0.05


def draw(name: str, seed: int, instruments: Sequence[Instrument] = STOCKS) -> History:
    """The market of `MARKETS` with that name. KeyError where there is none."""
    market = MARKETS[name]
    index = _index(market, _generator(name, seed))
    returns = _returns(name, seed, instruments, index)
    if market.collapse:
        _collapse(returns, instruments, _generator(name, seed, "collapse"))
    starts = np.array([_generator(name, seed, one.symbol, "price").uniform(30, 200) for one in instruments])
    return history_of(f"synthetic:{name}:{seed}", market.words, instruments, starts, returns, index)


def history_of(
    name: str, words: str, instruments: Sequence[Instrument], starts: Array, returns: Array, index: Array
) -> History:
    """Out of log returns; `starts`: the first prices. Shape: `returns` [T - 1, N], `index` [T - 1]."""
    grown = np.vstack((np.zeros(len(starts)), returns.cumsum(axis=0)))
    level = _FIRST_INDEX * np.exp(np.append(0.0, index.cumsum()))
    return History(
        name=name,
        source="synthetic",
        adjustment=Adjustment.TOTAL,
        instruments=tuple(instruments),
        dates=sessions(len(level)),
        closes=np.maximum(np.round(starts * np.exp(grown), 2), _LEAST_PRICE),
        index=level,
        vix=realised(level) + _ABOVE,
        notes=(f"the market {words}",),
        marks=("SYNTHETIC: these prices were drawn by a seed; nobody ever traded at them",),
    )


def sessions(count: int) -> tuple[date, ...]:
    """The exchange's, from `FIRST` on."""
    known = ExchangeCalendar().sessions()
    first = known.index(FIRST)
    return known[first : first + count]


def _generator(*parts: object) -> np.random.Generator:
    return np.random.default_rng([crc32(str(part).encode()) for part in parts])


def _noise(generator: np.random.Generator, volatility: float, days: int) -> Array:
    scale = volatility / np.sqrt(_YEAR * _TAILS / (_TAILS - 2))
    moves: Array = generator.standard_t(_TAILS, days) * scale
    return moves


def _index(market: Market, generator: np.random.Generator) -> Array:
    """Each phase comes to just what it says, by whatever way. Shape: [T - 1]."""
    parts = []
    for phase in market.phases:
        noise = _noise(generator, phase.volatility, phase.sessions)
        parts.append(noise - noise.mean() + np.log1p(phase.change) / phase.sessions)
    return np.concatenate(parts)


def _returns(name: str, seed: int, instruments: Iterable[Instrument], index: Array) -> Array:
    days = len(index)

    def own(*parts: object) -> np.random.Generator:
        return _generator(name, seed, *parts)

    def of_sector(sector: str) -> Array:
        return _noise(own("sector", sector), _SECTOR_VOLATILITY, days)

    def stock(one: Instrument) -> Array:
        generator = own(one.symbol)
        beta, volatility = generator.uniform(*_BETAS), generator.uniform(*_OWN)
        return beta * index + of_sector(one.sector) + _noise(generator, volatility, days)

    def fund(one: Instrument) -> Array:
        named, kind = kind_of(one)
        moves = kind.beta * index + _noise(own("kind", named), kind.volatility, days) + kind.drift / _YEAR
        if kind.sector is not None:
            moves = moves + of_sector(kind.sector)
        # Two funds of a kind differ by next to nothing.
        return moves + _noise(own(one.symbol), 0.004, days)

    columns = [fund(one) if one.asset_class is AssetClass.ETF else stock(one) for one in instruments]
    return np.array(columns).T.copy()


def _collapse(returns: Array, instruments: Sequence[Instrument], generator: np.random.Generator) -> None:
    """One stock of the many, once the days that are looked back on are over."""
    stocks = [column for column, one in enumerate(instruments) if one.asset_class is AssetClass.STOCK]
    if not stocks:
        return
    column = stocks[int(generator.integers(len(stocks)))]
    day = int(generator.integers(CALM.sessions + 40, len(returns) - _SLIDING - 126))
    returns[day, column] = np.log1p(_GAP)
    slide = returns[day + 1 : day + 1 + _SLIDING, column]
    slide += np.log1p(_SLIDE) / _SLIDING - slide.mean()
