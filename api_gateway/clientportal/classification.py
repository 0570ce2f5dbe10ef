"""What a contract is and what its issuer does, in the broker's words, out of whichever answer has them.

The broker's levels are shifted against each other: what a definition calls sector, group and sectorGroup are here
sector, industry and category, and the last two are what the contract's own page calls industry and category. Of a fund
it tells a type and no level. Nothing is derived here: a word that no answer has is None.
"""

from collections.abc import Iterable
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.definitions import Definitions
from api_gateway.clientportal.errors import DataUnavailable, GatewayRefused
from api_gateway.clientportal.records import Classification

# Of these the broker tells no industry, and nobody has to be asked for one.
_FUNDS: Final = frozenset({"ETF", "ETC", "ETN", "ETP"})


async def classifications(definitions: Definitions, conids: Iterable[int]) -> dict[int, Classification]:
    """Of shares and funds, by conid. Raises: as `Definitions.kept`."""
    found = {conid: of_definition(row) for conid, row in (await definitions.kept(conids)).items()}
    return {conid: await completed(definitions, conid, told) for conid, told in found.items()}


async def completed(definitions: Definitions, conid: int, told: Classification) -> Classification:
    """With the levels of the contract's own page where a share's definition has none."""
    if told.type is None or is_whole(told):
        return told
    try:
        return merged(told, of_info(await definitions.info(conid)))
    except (GatewayRefused, DataUnavailable):
        return told


def is_whole(told: Classification) -> bool:
    """Nothing is left to ask."""
    return told.type is not None and (told.type.upper() in _FUNDS or None not in (told.industry, told.category))


def of_definition(row: wire.Row) -> Classification:
    """Also of a row of positions, which has the same fields in its full form."""
    return Classification(
        type=_word(row, "type"),
        sector=_word(row, "sector"),
        industry=_word(row, "group"),
        category=_word(row, "sectorGroup"),
    )


def of_info(row: wire.Row) -> Classification:
    return Classification(industry=_word(row, "industry"), category=_word(row, "category"))


def merged(first: Classification, second: Classification) -> Classification:
    """The first's words, and the second's where it has none."""
    return Classification(
        type=first.type or second.type,
        sector=first.sector or second.sector,
        industry=first.industry or second.industry,
        category=first.category or second.category,
    )


def _word(row: wire.Row, key: str) -> str | None:
    found = row.get(key)
    return " ".join(found.split()) or None if isinstance(found, str) else None
