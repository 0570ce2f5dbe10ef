"""Names beside the twenty that every world knows: stocks of all sectors, receipts, preferred shares, funds.

Ticker, name, exchange, type and the broker's three levels are facts; contract ids and all prices are invented.
"""

from functools import cache
from pathlib import Path
from zlib import crc32

from api_gateway.simulator.exchange.contracts import Contract, foreign_listing

_FILE = Path(__file__).with_name("listings.txt")
_FIRST_CONID, _CONIDS = 200_000_000, 20_000_000


def _contract(line: str, section: list[str]) -> Contract:
    symbol, exchange, name, *given = (part.strip() for part in line.split("|"))
    *levels, moves_with = section
    sector, industry, category = levels or (None, None, None)
    word = given[0] if given else "COMMON" if levels else "ETF"
    # By the ticker, so that a line more changes no other's.
    conid = _FIRST_CONID + crc32(symbol.encode()) % _CONIDS
    return Contract(
        conid, symbol, name, "STK", exchange, "USD", sector, industry, category, type=word, moves_with=moves_with
    )


@cache
def listings() -> tuple[Contract, ...]:
    found: list[Contract] = []
    section: list[str] = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("="):
            section = [part.strip() for part in line[1:].split("|")]
        elif line and not line.startswith("#"):
            found.append(_contract(line, section))
    return tuple(found)


@cache
def foreign_of_listings() -> tuple[Contract, ...]:
    return tuple(foreign_listing(one, one.conid + _CONIDS) for one in listings())
