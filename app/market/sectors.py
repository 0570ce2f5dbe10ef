"""The GICS sector of each name of the sample, because the broker's own industry labels are not GICS.

A table of facts of ours: must never be derived from prices nor guessed for a name it does not list. Source: the
companies' own industries under the GICS structure in force since March 2023, as of November 2026. It is applied to
all of history; the revisions of 2016, 2018 and 2023 moved none of these twenty to another sector.
"""

from collections.abc import Mapping
from types import MappingProxyType

from app.domain.instrument import UNKNOWN_SECTOR

SECTORS: Mapping[str, str] = MappingProxyType(
    {
        "AAPL": "Information Technology",
        "AMD": "Information Technology",
        "BAC": "Financials",
        "BBY": "Consumer Discretionary",
        "CVX": "Energy",
        "GE": "Industrials",
        "HD": "Consumer Discretionary",
        "JNJ": "Health Care",
        "JPM": "Financials",
        "KO": "Consumer Staples",
        "LLY": "Health Care",
        "MRK": "Health Care",
        "MSFT": "Information Technology",
        "PEP": "Consumer Staples",
        "PFE": "Health Care",
        "PG": "Consumer Staples",
        "RRC": "Energy",
        "UNH": "Health Care",
        "WMT": "Consumer Staples",
        "XOM": "Energy",
    }
)


def sector_of(symbol: str) -> str:
    """The GICS sector, "Unknown" for a name the table does not list."""
    return SECTORS.get(symbol, UNKNOWN_SECTOR)
