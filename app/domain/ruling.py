"""What the gate lets through. A refusal is a value: it names the rule, the number, the limit and what would pass."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.domain.order import Order


class KillLevel(StrEnum):
    """ACTIVE trades, REDUCING only exits, HALTED sends nothing."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


@dataclass(frozen=True, slots=True)
class Cause:
    """A metric that was over its limit in a session's reading, and so raised the level, which comes down by itself."""

    metric: str
    session_date: date
    value: float
    limit: float

    def __str__(self) -> str:
        return f"{self.metric} is {self.value:.1%}, limit {self.limit:.1%}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order was refused or made smaller; `value` and `limit` as text with their units."""

    rule: str
    symbol: str
    value: str
    limit: str
    largest: Decimal = Decimal(0)

    def __str__(self) -> str:
        tail = f"; at most {self.largest} would pass" if self.largest > 0 else ""
        return f"{self.rule}: {self.symbol} {self.value}, limit {self.limit}{tail}"


@dataclass(frozen=True, slots=True)
class Ruling:
    """Orders that may be sent, possibly smaller than asked, and a refusal for everything cut."""

    allowed: tuple[Order, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class DayUse:
    """What the account's day has used already, in-flight orders included; `turnover` in base currency."""

    orders: int = 0
    turnover: Decimal = Decimal(0)
