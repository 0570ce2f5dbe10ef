"""What a reckoning is told of an account, and what it tells of a day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Filled(NamedTuple):
    """So many shares, fewer than none where sold, decided on one row and paid on the next."""

    decided: int
    symbol: str
    shares: float
    paid: float
    action: str


@dataclass
class Way:
    """The state of the way back after a day."""

    began: int = -1
    acted: int = -1
    acted_at: float = 0.0
    left: float = 0.0
    gap: float = 0.0
    rebased: int | None = None


@dataclass
class Told:
    """One day."""

    nav: float = 0.0
    drawdown: float = 0.0
    lifetime_drawdown: float = 0.0
    max_exposure: float = 0.0
    sold_for: float = 0.0
    reducing: bool = False
    way: Way | None = None
    marked: int | None = None
    targets: dict[str, float] = field(default_factory=dict)
    tilts: dict[str, float] = field(default_factory=dict)
    buyable: set[str] = field(default_factory=set)
    stopped: dict[str, float] = field(default_factory=dict)
    cut: dict[str, float] = field(default_factory=dict)


def filled(rooms: Mapping[str, float], shares: Mapping[str, float], amount: float) -> dict[str, float]:
    """By bisection of the level: none above its room."""
    amount = min(amount, sum(rooms.values()))
    low, high = 0.0, sum(rooms.values()) / min(shares.values(), default=1.0) + 1
    for _ in range(200):
        level = (low + high) / 2
        enough = sum(min(rooms[one], shares[one] * level) for one in rooms) >= amount
        low, high = (low, level) if enough else (level, high)
    return {one: min(rooms[one], shares[one] * high) for one in rooms}


def aimed_at(limit: float) -> float:
    """A point inside a limit, or at 0.92 of it where that is less."""
    return min(limit - 0.01, 0.92 * limit)


def by_size(value: float) -> float:
    """To sort by: nine digits, so that the last bits of a sum decide nothing."""
    return float(f"{value:.9g}")
