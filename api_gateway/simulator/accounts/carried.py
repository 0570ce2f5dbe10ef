"""What an account holds beside the stocks of its world: lines at a value that a scenario gives, which nothing trades.

Options, funds, bonds, futures, currency pairs, short positions, holdings of a model, lines without a price.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import numpy as np

from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.currencies import ExchangeRates
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.exchange.market import Market, to_decimal
from api_gateway.simulator.exchange.prices import Floats
from api_gateway.simulator.scenario import Carried

# Where the ledger counts a security type. A currency pair is virtual: its cash is in the currencies' own rows. Futures
# and CFDs are settled every day, so their market value is no part of the account's.
_FIELDS: Final[Mapping[str, str | None]] = {
    "OPT": "stockoptionmarketvalue",
    "FOP": "futureoptionmarketvalue",
    "FUT": None,
    "CASH": None,
    "CFD": None,
    "IOPT": "issueroptionsmarketvalue",
    "WAR": "warrantsmarketvalue",
    "BOND": "corporatebondsmarketvalue",
    "BILL": "tbillsmarketvalue",
    "CMDTY": "commoditymarketvalue",
    "CRYPTO": "cryptocurrencyvalue",
    "FUND": "funds",
}
# The right in an option's description; its type is that letter (recorded), of most others it is empty.
_RIGHT: Final = re.compile(r" ([CP]) \[")
_OTHERS: Final = "stockmarketvalue"


def price_of(line: Carried, market: Market, moment: Moment) -> Decimal | None:
    return to_decimal(market.last_price(line.conid, moment)) if line.price == "market" else line.price


def value_of(line: Carried, price: Decimal | None) -> Decimal | None:
    return None if price is None else line.quantity * price * line.multiplier


def amounts(lines: Iterable[Carried], currency: str, market: Market, moment: Moment) -> dict[str, Decimal]:
    """By field of the ledger, what the lines in one currency add to the account's value."""
    found: dict[str, Decimal] = {}
    for line in lines:
        field = _FIELDS.get(line.security_type, _OTHERS)
        value = value_of(line, price_of(line, market, moment))
        if line.currency == currency and field is not None and value:
            found[field] = found.get(field, Decimal(0)) + value
    return found


def close_values(lines: Iterable[Carried], market: Market, rates: ExchangeRates, sessions: slice) -> Floats:
    """What the lines add to the account's value at each close, in base currency."""
    found = rates.closes(rates.base)[sessions] * 0.0
    for line in lines:
        if line.price is not None and _FIELDS.get(line.security_type, _OTHERS) is not None:
            price = market.closes(line.conid)[sessions] if line.price == "market" else float(line.price)
            found += price * float(line.quantity * line.multiplier) * rates.closes(line.currency)[sessions]
    return np.asarray(found, dtype=np.float64)


def definition(line: Carried, listed: Contract | None) -> dict[str, str | None]:
    """What the later reads add of a line: all of a contract of this world, else levels of nothing (recorded)."""
    if listed is not None:
        return {"name": listed.name, "ticker": listed.symbol, "listingExchange": listed.exchange, **listed.definition}
    right = _RIGHT.search(line.description) if line.security_type == "OPT" else None
    word = right[1] if right else "COMMON" if line.security_type == "STK" else ""
    return {"sector": None, "group": None, "sectorGroup": None, "type": word}


def row(account: str, line: Carried, price: Decimal | None) -> dict[str, Any]:
    """As the pages of positions write it; without a price there is no value either."""
    value = value_of(line, price)
    cost = line.average_cost * line.quantity
    return {
        "acctId": account,
        "conid": line.conid,
        "contractDesc": line.description,
        "position": float(line.quantity),
        "mktPrice": None if price is None else float(price),
        "mktValue": None if value is None else float(value),
        "currency": line.currency,
        "avgCost": float(line.average_cost),
        "avgPrice": float(line.average_cost / line.multiplier),
        "realizedPnl": 0.0,
        "unrealizedPnl": None if value is None else float(value - cost),
        "exchs": None,
        "expiry": None,
        "putOrCall": None,
        "multiplier": float(line.multiplier) if line.multiplier != 1 else None,
        "strike": 0.0,
        "exerciseStyle": None,
        "conExchMap": [],
        "assetClass": line.security_type,
        "undConid": 0,
        "model": line.model,
    }
