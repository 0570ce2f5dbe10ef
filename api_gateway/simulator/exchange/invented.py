"""Closes of the names of `listings`, in any world: they follow its index, whether that was recorded or generated.

A move is the market's times a beta, that of the name's sector or class, and its own. None of these prices ever
existed; the origin "synthetic" travels with every answer built on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import numpy as np

from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.prices import Floats, PriceHistory
from api_gateway.simulator.exchange.synthetic import fat_tailed

_LARGEST_DAILY_MOVE = 0.25
_SESSIONS_PER_YEAR = 252
_UNREST_WINDOW = 21
_LEAST_UNREST, _LARGEST_UNREST = 0.6, 2.5
_SPREAD_OF_BETAS, _SPREAD_OF_OWN = (0.8, 1.2), (0.7, 1.3)
_LAST_PRICE = (40.0, 240.0)
_FUND_OF: Final = "fund of "


@dataclass(frozen=True)
class Profile:
    """`common` is the daily deviation of what all with the same `factor` share, `own` that of the rest.

    `steady` where a fall of the stock market makes neither larger; `growth` a year.
    """

    beta: float
    factor: str
    common: float
    own: float
    growth: float = 0.07
    steady: bool = False


_SECTORS: Final[Mapping[str, tuple[float, float, float]]] = {
    "Information Technology": (1.15, 0.007, 0.014),
    "Communication Services": (1.00, 0.006, 0.013),
    "Consumer Discretionary": (1.10, 0.006, 0.014),
    "Consumer Staples": (0.60, 0.005, 0.009),
    "Health Care": (0.75, 0.006, 0.012),
    "Financials": (1.10, 0.007, 0.010),
    "Energy": (1.00, 0.011, 0.012),
    "Materials": (1.00, 0.006, 0.013),
    "Industrials": (1.00, 0.005, 0.011),
    "Real Estate": (0.90, 0.008, 0.009),
    "Utilities": (0.55, 0.007, 0.008),
}
_CLASSES: Final[Mapping[str, Profile]] = {
    "broad": Profile(1.00, "broad", 0.0, 0.0006),
    "growth": Profile(1.12, "growth", 0.003, 0.001),
    "small": Profile(1.12, "small", 0.005, 0.001),
    "dividend": Profile(0.85, "dividend", 0.003, 0.001),
    "abroad": Profile(0.85, "abroad", 0.005, 0.001, 0.05),
    "emerging": Profile(0.90, "abroad", 0.006, 0.005, 0.05),
    "bonds": Profile(0.00, "rates", 0.0028, 0.0005, 0.03, steady=True),
    "long bonds": Profile(0.00, "rates", 0.0085, 0.0008, 0.03, steady=True),
    "short bonds": Profile(0.00, "rates", 0.0003, 0.0001, 0.02, steady=True),
    "credit": Profile(0.35, "rates", 0.0015, 0.001, 0.04, steady=True),
    "gold": Profile(0.00, "gold", 0.009, 0.0003, 0.05, steady=True),
}


def profile_of(moves_with: str) -> Profile:
    if moves_with in _CLASSES:
        return _CLASSES[moves_with]
    sector = moves_with.removeprefix(_FUND_OF)
    beta, common, own = _SECTORS[sector]
    return Profile(beta, sector, common, 0.0008 if sector != moves_with else own)


def _unrest(market: Floats) -> Floats:
    """How restless the sessions up to each one were, 1.0 being usual. Shape: [T] → [T]."""
    sums = np.concatenate(([0.0], np.cumsum(np.abs(market))))
    ends = np.arange(1, len(market) + 1)
    starts = np.maximum(ends - _UNREST_WINDOW, 0)
    sizes = (sums[ends] - sums[starts]) / (ends - starts)
    return np.asarray(np.clip(sizes / max(float(sizes.mean()), 1e-12), _LEAST_UNREST, _LARGEST_UNREST))


def _noise(rng: np.random.Generator, scale: Floats) -> Floats:
    """Sums to nothing: by itself thirty years of it would make a name worthless, or the market."""
    drawn = scale * fat_tailed(rng, scale.shape)
    return np.asarray(drawn - drawn.mean())


def invented_closes(history: PriceHistory, seed: int, contract: Contract) -> Floats:
    """Shape [T]; a function of seed, contract and the world's index alone."""
    profile = profile_of(contract.moves_with)
    market = np.diff(np.log(history.index), prepend=np.log(history.index[0]))
    unrest = np.ones_like(market) if profile.steady else _unrest(market)
    own_rng = np.random.default_rng((seed, contract.conid))
    beta, scale, last = (float(own_rng.uniform(*bounds)) for bounds in (_SPREAD_OF_BETAS, _SPREAD_OF_OWN, _LAST_PRICE))
    if contract.type == "ETF":
        beta, scale = 1.0, 1.0
    common = _noise(np.random.default_rng((seed, crc32(profile.factor.encode()))), profile.common * unrest)
    own = _noise(own_rng, profile.own * scale * unrest)
    moves = profile.beta * beta * (market - market.mean()) + common + own + profile.growth / _SESSIONS_PER_YEAR
    path = np.cumsum(np.clip(moves, -_LARGEST_DAILY_MOVE, _LARGEST_DAILY_MOVE))
    return np.asarray(np.maximum(np.round(last * np.exp(path - path[-1]), 3), 0.01))
