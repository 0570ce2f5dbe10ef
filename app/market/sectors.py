"""The GICS sector of a name, because the broker's own industry labels are not GICS.

Tables of facts of ours: must never be derived from prices nor guessed for a name they do not settle. Source: the
companies' own industries under the GICS structure in force since March 2023, as of November 2026. `SECTORS` is applied
to all of history; the revisions of 2016, 2018 and 2023 moved none of these twenty to another sector.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from app.domain.instrument import UNKNOWN_SECTOR
from app.domain.words import plain
from app.market.companies import COMPANIES
from app.market.industries import INDUSTRIES, SEVERAL

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
    """The GICS sector, "Unknown" for a name that `SECTORS` does not list."""
    return SECTORS.get(symbol, UNKNOWN_SECTOR)


def sector_of_industry(symbol: str, industry: str | None, category: str | None) -> str:
    """The GICS sector of a share, by the broker's industry and category; "Unknown" where they do not settle it.

    What is known of the company comes first, then the category. An industry speaks for a category that is not told or
    not known, where it lies within one sector, and contradicts one that does not fit.
    """
    line, kind = plain(industry or ""), plain(category or "")
    # Classes of one company's shares differ by what follows its ticker: CWEN, CWEN A.
    known = _companies().get((line, symbol.partition(" ")[0]))
    if known is not None:
        return known
    whole, single = _whole_industries().get(line), _categories().get(kind)
    if single is None:
        return whole or UNKNOWN_SECTOR
    return UNKNOWN_SECTOR if single == SEVERAL or whole not in (None, single) else single


@cache
def _companies() -> Mapping[tuple[str, str], str]:
    return {(plain(line), symbol): sector for line, rows in COMPANIES.items() for symbol, sector in rows.items()}


@cache
def _categories() -> Mapping[str, str]:
    return {plain(kind): sector for rows in INDUSTRIES.values() for kind, sector in rows.items()}


@cache
def _whole_industries() -> Mapping[str, str]:
    """Those whose categories all lie in one sector."""
    found = {plain(line): set(rows.values()) for line, rows in INDUSTRIES.items()}
    return {line: sector for line, (sector, *others) in found.items() if not others and sector != SEVERAL}
