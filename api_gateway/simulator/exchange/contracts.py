"""What a contract is, and those of every world: twenty stocks, a foreign listing of each ticker, and two indices.

Contract ids other than AAPL's are invented and fixed. The foreign listings exist so that a client that takes the
first search result gets the wrong contract; they carry no market data and no trading permission.
"""

from dataclasses import dataclass, replace
from typing import Literal

SecurityType = Literal["STK", "IND"]


@dataclass(frozen=True, slots=True)
class Contract:
    """`sector`, `industry` and `category` are the broker's three levels, None of a fund; `type` is its own word.

    `moves_with` names what invented prices go by; empty where prices are recorded or come from elsewhere.
    """

    conid: int
    symbol: str
    name: str
    security_type: SecurityType
    exchange: str
    currency: str
    sector: str | None
    industry: str | None
    category: str | None
    has_prices: bool = True
    type: str = "COMMON"
    moves_with: str = ""

    @property
    def tradable(self) -> bool:
        return self.security_type == "STK" and self.has_prices

    @property
    def is_us(self) -> bool:
        return self.currency == "USD"

    @property
    def definition(self) -> dict[str, str | None]:
        """Levels and type as definitions and rows of positions name them; other answers shift the names (recorded)."""
        return {"sector": self.sector, "group": self.industry, "sectorGroup": self.category, "type": self.type}

    @property
    def description(self) -> dict[str, str]:
        """The two lower levels as the contract's own page names them; a fund's has neither key (recorded)."""
        if self.industry is None or self.category is None:
            return {}
        return {"industry": self.industry, "category": self.category}


# conid, symbol, name, exchange, sector, industry, category. Classification texts follow the broker's style, not GICS.
_STOCK_FACTS = (
    (265598, "AAPL", "APPLE INC", "NASDAQ", "Technology", "Computers", "Computers"),
    (410201, "AMD", "ADVANCED MICRO DEVICES", "NASDAQ", "Technology", "Semiconductors", "Electronic Compo-Semicon"),
    (410305, "BAC", "BANK OF AMERICA CORP", "NYSE", "Financial", "Banks", "Diversified Banking Inst"),
    (410412, "BBY", "BEST BUY CO INC", "NYSE", "Consumer, Cyclical", "Retail", "Retail-Consumer Electron"),
    (410518, "CVX", "CHEVRON CORP", "NYSE", "Energy", "Oil&Gas", "Oil Comp-Integrated"),
    (410627, "GE", "GENERAL ELECTRIC", "NYSE", "Industrial", "Miscellaneous Manufactur", "Diversified Manufact Op"),
    (410733, "HD", "HOME DEPOT INC", "NYSE", "Consumer, Cyclical", "Retail", "Retail-Building Products"),
    (410846, "JNJ", "JOHNSON & JOHNSON", "NYSE", "Consumer, Non-cyclical", "Pharmaceuticals", "Medical-Drugs"),
    (410959, "JPM", "JPMORGAN CHASE & CO", "NYSE", "Financial", "Banks", "Diversified Banking Inst"),
    (411064, "KO", "COCA-COLA CO/THE", "NYSE", "Consumer, Non-cyclical", "Beverages", "Beverages-Non-alcoholic"),
    (411170, "LLY", "ELI LILLY & CO", "NYSE", "Consumer, Non-cyclical", "Pharmaceuticals", "Medical-Drugs"),
    (411283, "MRK", "MERCK & CO. INC.", "NYSE", "Consumer, Non-cyclical", "Pharmaceuticals", "Medical-Drugs"),
    (411396, "MSFT", "MICROSOFT CORP", "NASDAQ", "Technology", "Software", "Applications Software"),
    (411502, "PEP", "PEPSICO INC", "NASDAQ", "Consumer, Non-cyclical", "Beverages", "Beverages-Non-alcoholic"),
    (411618, "PFE", "PFIZER INC", "NYSE", "Consumer, Non-cyclical", "Pharmaceuticals", "Medical-Drugs"),
    (411721, "PG", "PROCTER & GAMBLE CO/THE", "NYSE", "Consumer, Non-cyclical", "Cosmetics/Personal Care", "Cosmetics"),
    (411834, "RRC", "RANGE RESOURCES CORP", "NYSE", "Energy", "Oil&Gas", "Oil Comp-Explor&Prodtn"),
    (411947, "UNH", "UNITEDHEALTH GROUP INC", "NYSE", "Consumer, Non-cyclical", "Healthcare-Services", "Medical-HMO"),
    (412050, "WMT", "WALMART INC", "NYSE", "Consumer, Cyclical", "Retail", "Retail-Discount"),
    (412163, "XOM", "EXXON MOBIL CORP", "NYSE", "Energy", "Oil&Gas", "Oil Comp-Integrated"),
)

STOCKS: tuple[Contract, ...] = tuple(
    Contract(conid, symbol, name, "STK", exchange, "USD", sector, industry, category)
    for conid, symbol, name, exchange, sector, industry, category in _STOCK_FACTS
)


def foreign_listing(stock: Contract, conid: int) -> Contract:
    """The same ticker in Mexico."""
    return replace(stock, conid=conid, exchange="MEXI", currency="MXN", has_prices=False)


FOREIGN_LISTINGS: tuple[Contract, ...] = tuple(foreign_listing(one, 610_000 + one.conid % 10_000) for one in STOCKS)
SPX = Contract(
    416904, "SPX", "S&P 500 Stock Index", "IND", "CBOE", "USD", "Indices", "Broad Range Equity Index", "*", type=""
)
VIX = Contract(
    13455763, "VIX", "CBOE Volatility Index", "IND", "CBOE", "USD", "Indices", "Volatility Index", "*", type=""
)
INDICES: tuple[Contract, ...] = (SPX, VIX)
