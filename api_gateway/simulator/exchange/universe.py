"""Which contracts a world knows: the twenty stocks, as many generated ones as asked for, other names, two indices.

A foreign listing of each ticker is among them. The scanner, and an account that is spread evenly, take the twenty and
the generated ones; the others are there for who names them. Generated contracts are the same in every world; their
number alone differs. Symbols, names and contract ids of theirs are invented and belong to nobody.
"""

from collections import defaultdict
from functools import cache
from itertools import product
from string import ascii_uppercase

from api_gateway.simulator.exchange.contracts import FOREIGN_LISTINGS, INDICES, STOCKS, Contract, foreign_listing
from api_gateway.simulator.exchange.listings import foreign_of_listings, listings

FEWEST, MOST = len(STOCKS), 5000
_FIRST_CONID, _CONID_STEP, _TO_FOREIGN = 500_003, 7, 120_000


@cache
def catalogue(count: int = MOST) -> tuple[Contract, ...]:
    """The first `count` stocks of all that there can be, the twenty before the generated."""
    # Classifications that exist, in turn, so that every sector fills evenly.
    kinds = sorted({(one.sector or "", one.industry or "", one.category or "") for one in STOCKS})
    letters = product("Q", ascii_uppercase, ascii_uppercase, ascii_uppercase)
    generated = []
    for number, parts in zip(range(count - FEWEST), letters, strict=False):
        symbol, kind = "".join(parts), kinds[number % len(kinds)]
        exchange = "NASDAQ" if number % 2 else "NYSE"
        conid = _FIRST_CONID + _CONID_STEP * number
        generated.append(Contract(conid, symbol, f"GENERATED COMPANY {number + 1}", "STK", exchange, "USD", *kind))
    return (*STOCKS, *generated)


def stock(symbol: str) -> Contract | None:
    """The listing that has prices and may be traded, in a world that is large enough."""
    return _by_symbol(False).get(symbol) or _by_symbol(True).get(symbol)


@cache
def _by_symbol(generated: bool) -> dict[str, Contract]:
    return {one.symbol: one for one in (catalogue() if generated else (*STOCKS, *listings()))}


class Universe:
    def __init__(self, stocks: tuple[Contract, ...]) -> None:
        self.stocks = stocks
        foreign = (*FOREIGN_LISTINGS, *(foreign_listing(one, one.conid + _TO_FOREIGN) for one in stocks[FEWEST:]))
        # The foreign listing first: the order of an answer means nothing.
        listed = (*foreign, *foreign_of_listings(), *stocks, *listings(), *INDICES)
        self.by_conid = {one.conid: one for one in listed}
        self._listings: dict[str, list[Contract]] = defaultdict(list)
        for one in listed:
            self._listings[one.symbol].append(one)

    def listings(self, symbol: str) -> tuple[Contract, ...]:
        """Every contract of a ticker, in any case."""
        return tuple(self._listings.get(symbol.upper(), ()))

    def called(self, text: str) -> tuple[Contract, ...]:
        """Every contract whose company name contains the text."""
        wanted = text.upper()
        return tuple(one for one in self.by_conid.values() if wanted in one.name.upper())

    def stock(self, symbol: str) -> Contract | None:
        return next((one for one in self._listings.get(symbol, ()) if one.tradable), None)


@cache
def universe_of(count: int = FEWEST) -> Universe:
    """The first `count` stocks of the catalogue."""
    return Universe(catalogue(count))
