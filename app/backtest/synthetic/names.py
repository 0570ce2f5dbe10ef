"""What a drawn market consists of: the stocks of the sample, and funds that move with it, against it or alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.domain.instrument import AssetClass, Instrument
from app.market.sectors import SECTORS

_FIRST_STOCK, _FIRST_FUND = 1000, 2000


@dataclass(frozen=True, slots=True)
class Kind:
    """Funds that move as one: `beta` to the index, `volatility` and `drift` a year of their own.

    `sector`: the GICS sector whose part of the market's moves they have.
    """

    beta: float
    volatility: float
    drift: float = 0.0
    sector: str | None = None


_KINDS: Mapping[str, tuple[Kind, str]] = {
    "broad": (Kind(1.0, 0.01), "SPY VOO IVV VTI ITOT VT DIA"),
    "growth": (Kind(1.1, 0.06), "QQQ VUG"),
    "small": (Kind(1.1, 0.09), "IWM VB"),
    "dividend": (Kind(0.8, 0.05), "VYM SCHD USMV"),
    "abroad": (Kind(0.85, 0.08), "VXUS VEA EFA"),
    "emerging": (Kind(0.95, 0.13), "VWO EEM"),
    "bonds": (Kind(-0.03, 0.05, 0.035), "BND AGG LQD TIP IEF"),
    "long bonds": (Kind(-0.2, 0.12, 0.035), "TLT"),
    "short bonds": (Kind(0.0, 0.012, 0.025), "SHY BIL"),
    "credit": (Kind(0.35, 0.05, 0.03), "HYG"),
    "gold": (Kind(0.0, 0.15, 0.04), "GLD IAU"),
    **{
        f"fund of {sector}": (Kind(1.0, 0.03, sector=sector), symbols)
        for sector, symbols in {
            "Real Estate": "VNQ XLRE",
            "Information Technology": "XLK",
            "Financials": "XLF",
            "Energy": "XLE",
            "Health Care": "XLV",
            "Consumer Staples": "XLP",
            "Consumer Discretionary": "XLY",
            "Industrials": "XLI",
            "Utilities": "XLU",
            "Materials": "XLB",
            "Communication Services": "XLC",
        }.items()
    },
}
# Symbol → the name of its kind; a fund that is not here moves like the market.
KIND_OF: Mapping[str, str] = MappingProxyType(
    {symbol: kind for kind, (_, symbols) in _KINDS.items() for symbol in symbols.split()}
)


def kind_of(fund: Instrument) -> tuple[str, Kind]:
    """With its name."""
    name = KIND_OF.get(fund.symbol, "broad")
    return name, _KINDS[name][0]


def _stocks() -> Iterator[Instrument]:
    for number, (symbol, sector) in enumerate(sorted(SECTORS.items())):
        yield Instrument(_FIRST_STOCK + number, symbol, "USD", sector=sector)


STOCKS = tuple(_stocks())
FUNDS = tuple(Instrument(_FIRST_FUND + number, symbol, "USD", AssetClass.ETF) for number, symbol in enumerate(KIND_OF))
NAMES: Mapping[str, tuple[Instrument, ...]] = MappingProxyType(
    {"stocks": STOCKS, "funds": FUNDS, "all": (*STOCKS, *FUNDS)}
)
