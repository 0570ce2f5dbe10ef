"""What a check finds, and how it says it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.sizing import HEADROOM, INSIDE_LIMITS

_TOLD = 5


class Level(StrEnum):
    """An error keeps the policy from being used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem; `field` is the path as the file writes it."""

    severity: Level
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def error(field: str, message: str) -> Finding:
    """What keeps the policy from being used."""
    return Finding(Level.ERROR, field, message)


def warning(field: str, message: str) -> Finding:
    """A rule that does nothing, or that looks like a slip."""
    return Finding(Level.WARNING, field, message)


def percent(fraction: float) -> str:
    """As a person reads it."""
    return f"{fraction * 100:.6g} %"


def up(fraction: float) -> str:
    """As the file writes it, rounded up: what is told must work."""
    return f"{math.ceil(fraction * 10_000 - 1e-6) / 100:.6g}"


def down(fraction: float) -> str:
    """As `up`, for what must not be more."""
    return f"{math.floor(fraction * 10_000 + 1e-6) / 100:.6g}"


def limit_for(target: float) -> float:
    """The smallest position or sector limit under which so much is aimed at; above 1 where none would do."""
    return max(target + HEADROOM, target / INSIDE_LIMITS)


def some(words: Sequence[str]) -> str:
    """The first few."""
    more = f" and {len(words) - _TOLD} more" if len(words) > _TOLD else ""
    return ", ".join(words[:_TOLD]) + more
