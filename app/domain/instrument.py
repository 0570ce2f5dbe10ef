"""Instruments, and the price grid that an exchange accepts."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

UNKNOWN_SECTOR = "Unknown"

GICS_SECTORS = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)


class AssetClass(StrEnum):
    """The classes a policy may hold; indices are read, never traded."""

    STOCK = "STK"
    ETF = "ETF"
    INDEX = "IND"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One listing. `sector` is the GICS sector, "Unknown" where no source names one.

    `industry` and `category` are what the broker says that its issuer does, in words that are not GICS; of a fund it
    says nothing.
    """

    conid: int
    symbol: str
    currency: str
    asset_class: AssetClass = AssetClass.STOCK
    sector: str = UNKNOWN_SECTOR
    name: str | None = None
    industry: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Increment:
    """From `lower_edge` upward, prices move in steps of `increment`."""

    lower_edge: Decimal
    increment: Decimal


@dataclass(frozen=True, slots=True)
class ContractRules:
    """What the broker accepts for one instrument: the price grid, and the step of quantities."""

    conid: int
    increments: tuple[Increment, ...]
    quantity_increment: Decimal = Decimal(1)

    def step(self, price: Decimal) -> Decimal:
        """The price increment that holds at `price`."""
        fitting = [rule for rule in self.increments if rule.lower_edge <= price]
        if not fitting:
            raise ValueError(f"no price increment of {self.conid} covers {price}")
        return max(fitting, key=lambda rule: rule.lower_edge).increment

    def floor(self, price: Decimal) -> Decimal:
        """The highest valid price not above `price`."""
        return self._on_grid(price, ROUND_FLOOR)

    def ceiling(self, price: Decimal) -> Decimal:
        """The lowest valid price not below `price`."""
        return self._on_grid(price, ROUND_CEILING)

    def _on_grid(self, price: Decimal, rounding: str) -> Decimal:
        # Twice, because rounding can cross the edge of another increment.
        for _ in range(2):
            step = self.step(price)
            price = (price / step).to_integral_value(rounding) * step
        return price.normalize() + Decimal(0)
