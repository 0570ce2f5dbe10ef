"""One row of the market data snapshot: field ids as keys, everything as strings.

Which fields come from closes, which are derived and which are fiction is said in the row's `simulator` entry. A field
that does not exist for a contract is absent, never zero.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from api_gateway.simulator.exchange.contracts import VIX, Contract
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.exchange.market import SESSIONS_PER_YEAR, Market, Quote
from api_gateway.simulator.faults.broker_rules import BrokerRules
from api_gateway.simulator.wire import epoch_ms, percent_text, price_text, short_text, size_text

SLOW_FIELDS = frozenset({"7282", "7289"})
_PRICES = ("31", "70", "71", "82", "83", "84", "86", "7295", "7296", "7635", "7741")
_FICTIONAL = ("85", "88", "87", "7059", "7762", "7282", "7289")
_STATISTICS = ("7087", "7088", "7293", "7294")
_LEVELS = {"industry": "7280", "category": "7281"}
_DAYS_30 = 30
_WEEKS_52 = 252


def _fixed(contract: Contract) -> dict[str, str]:
    return {
        "55": contract.symbol,
        "6004": contract.exchange,
        "6008": str(contract.conid),
        "6070": contract.security_type,
        "7051": contract.name,
        "7094": f"{contract.conid}@SMART",
        "7221": contract.exchange,
    } | {_LEVELS[name]: level for name, level in contract.description.items()}


def _prices(quote: Quote, halted: bool) -> dict[str, str]:
    change = quote.last - quote.prior_close
    # C marks a close that is not a price of now, H the last price before a halt.
    mark = "H" if halted else "" if quote.is_open else "C"
    fields = {
        "31": f"{mark}{price_text(quote.last)}",
        "70": price_text(quote.high),
        "71": price_text(quote.low),
        "82": f"{change:+.2f}",
        "83": percent_text(change / quote.prior_close),
        "7295": price_text(quote.open),
        "7741": price_text(quote.prior_close),
    }
    if not quote.is_open:
        fields["7296"] = price_text(quote.last)
    if quote.bid is not None and quote.ask is not None:
        fields |= {
            "84": price_text(quote.bid),
            "86": price_text(quote.ask),
            "85": size_text(quote.ask_size),
            "88": size_text(quote.bid_size),
            "7059": "100",
            "7635": price_text((quote.bid + quote.ask) / 2),
        }
    return fields


def _statistics(market: Market, contract: Contract, moment: Moment) -> dict[str, str]:
    """Realised volatility and the year's range, from completed sessions only."""
    closes = market.closes(contract.conid)[: moment.completed + 1]
    year = closes[-_WEEKS_52:]
    fields = {"7293": price_text(float(year.max())), "7294": price_text(float(year.min()))}
    if contract is not VIX:
        returns = np.diff(np.log(closes[-_DAYS_30 - 1 :]))
        volatility = percent_text(float(returns.std(ddof=1) * np.sqrt(SESSIONS_PER_YEAR)))
        fields |= {"7087": volatility, "7088": volatility}
    return fields


def _volumes(market: Market, quote: Quote) -> dict[str, str]:
    conid = quote.contract.conid
    if not quote.contract.tradable:
        return {}
    return {
        "87": short_text(quote.volume),
        "7762": str(quote.volume),
        "7282": short_text(market.average_volume(conid)),
        "7289": short_text(market.market_capitalisation(conid)),
    }


def _marks(market: Market, contract: Contract, fields: dict[str, str]) -> dict[str, list[str]]:
    """`synthetic` are the prices of a name that has none in a world of recorded ones."""
    derived = _STATISTICS if contract is not VIX else (*_STATISTICS, *_PRICES)
    invented = market.origin(contract) != market.history.origin
    synthetic = {"synthetic": sorted(fields.keys() & {*_PRICES, *_STATISTICS})} if invented else {}
    return synthetic | {
        "simulated": sorted(fields.keys() & set(_PRICES)) if contract is not VIX else [],
        "derived": sorted(fields.keys() & set(derived)),
        "fictional": sorted(fields.keys() & set(_FICTIONAL)),
    }


def snapshot_row(
    market: Market, contract: Contract, moment: Moment, wanted: frozenset[str], earlier: int, rules: BrokerRules
) -> dict[str, Any]:
    """`earlier` is the number of snapshots already taken of the contract in this session. Nobody quotes a halted one.

    The first one answers with the conid alone, the second without the slow fields (observed on live paper accounts).
    """
    row: dict[str, Any] = {"conid": contract.conid, "conidEx": str(contract.conid)}
    if earlier == 0:
        return row
    row |= {"server_id": "q0", "6119": "q0", "_updated": epoch_ms(moment.now)}
    if not (contract.has_prices and rules.quotes):
        letter = rules.availability if not rules.quotes else "N"
        return row | {"6509": letter, **{key: value for key, value in _fixed(contract).items() if key in wanted}}
    quote = market.quote(contract, moment)
    halted = contract.tradable and contract.symbol in rules.halted
    if halted:
        quote = replace(quote, bid=None, ask=None)
    fields = _fixed(contract) | _prices(quote, halted) | _statistics(market, contract, moment) | _volumes(market, quote)
    held_back = SLOW_FIELDS if earlier == 1 else frozenset()
    fields = {key: value for key, value in fields.items() if key in wanted and key not in held_back}
    return row | fields | {"6509": rules.availability, "simulator": _marks(market, contract, fields)}
