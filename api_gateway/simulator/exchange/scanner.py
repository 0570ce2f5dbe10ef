"""A market scanner over the simulated stocks: ranks them by what their prices did, after filtering.

Scan types, filters and locations are a few of the gateway's many, with its codes; results come from simulated prices,
volumes and market capitalisations of which the last two are fictional.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from api_gateway.simulator.errors import refused
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.exchange.market import Market, Quote
from api_gateway.simulator.wire import short_text

# Documented: at most fifty results.
_MAXIMUM_RESULTS = 50
_LOCATIONS: dict[str, str | None] = {"STK.US": None, "STK.US.MAJOR": None, "STK.NASDAQ": "NASDAQ", "STK.NYSE": "NYSE"}


def _change(quote: Quote) -> float:
    return quote.last / quote.prior_close - 1.0


def _since_open(quote: Quote) -> float:
    return quote.last / quote.open - 1.0


def _volume(quote: Quote) -> float:
    return float(quote.volume)


@dataclass(frozen=True)
class Scan:
    """`sign` is 1.0 for the largest first, -1.0 for the smallest."""

    name: str
    column: str
    measure: Callable[[Quote], float]
    sign: float


SCANS = {
    "TOP_PERC_GAIN": Scan("Top % Gainers", "Chg%", _change, 1.0),
    "TOP_PERC_LOSE": Scan("Top % Losers", "Chg%", _change, -1.0),
    "MOST_ACTIVE": Scan("Most Active", "Volume", _volume, 1.0),
    "TOP_OPEN_PERC_GAIN": Scan("Top % Gainers Since Open", "Chg% Since Open", _since_open, 1.0),
    "TOP_OPEN_PERC_LOSE": Scan("Top % Losers Since Open", "Chg% Since Open", _since_open, -1.0),
}


@dataclass(frozen=True)
class Filter:
    """Keeps what lies on the side `sign` (1.0 above, -1.0 below) of the value times `unit`."""

    group: str
    name: str
    measure: Callable[[Market, Quote], float]
    sign: float
    unit: float = 1.0


def _price(_: Market, quote: Quote) -> float:
    return quote.last


def _capitalisation(market: Market, quote: Quote) -> float:
    return market.market_capitalisation(quote.contract.conid)


FILTERS = {
    "priceAbove": Filter("Price", "Price Above", _price, 1.0),
    "priceBelow": Filter("Price", "Price Below", _price, -1.0),
    "changePercAbove": Filter("Price", "% Change Above", lambda _, quote: 100.0 * _change(quote), 1.0),
    "changePercBelow": Filter("Price", "% Change Below", lambda _, quote: 100.0 * _change(quote), -1.0),
    "volumeAbove": Filter("Volume", "Volume Above", lambda _, quote: _volume(quote), 1.0),
    "marketCapAbove": Filter("Fundamentals", "Market Cap Above", _capitalisation, 1.0),
    "marketCapBelow": Filter("Fundamentals", "Market Cap Below", _capitalisation, -1.0),
    "marketCapAbove1e6": Filter("Fundamentals", "Market Cap (millions) Above", _capitalisation, 1.0, 1e6),
    "marketCapBelow1e6": Filter("Fundamentals", "Market Cap (millions) Below", _capitalisation, -1.0, 1e6),
}


def parameters() -> dict[str, Any]:
    return {
        "scan_type_list": [
            {"display_name": scan.name, "code": code, "instruments": ["STK"]} for code, scan in SCANS.items()
        ],
        "instrument_list": [{"display_name": "US Stocks", "type": "STK", "filters": list(FILTERS)}],
        "filter_list": [
            {"group": one.group, "display_name": one.name, "code": code, "type": "non-range"}
            for code, one in FILTERS.items()
        ],
        "location_tree": [
            {
                "display_name": "US Stocks",
                "type": "STK",
                "locations": [{"display_name": code, "type": code, "locations": None} for code in _LOCATIONS],
            }
        ],
    }


@dataclass(frozen=True)
class Asked:
    scan: Scan
    exchange: str | None
    filters: tuple[tuple[Filter, float], ...]


def asked(body: dict[str, Any]) -> Asked:
    """Raises: GatewayRefusal 400 for what does not exist: `location`, and filters of `{code, value}`."""
    scan = SCANS.get(str(body.get("type")))
    if scan is None or body.get("instrument") != "STK":
        raise refused(400, "Bad Request: unknown instrument or scan type")
    location = str(body.get("location"))
    if location not in _LOCATIONS:
        raise refused(400, "Bad Request: unknown location")
    filters = body.get("filter") or []
    if not isinstance(filters, list):
        raise refused(400, "Bad Request: filter must be a list")
    return Asked(scan, _LOCATIONS[location], tuple(_filter(one) for one in filters))


def _filter(raw: object) -> tuple[Filter, float]:
    found = FILTERS.get(str(raw.get("code"))) if isinstance(raw, dict) else None
    if found is None or not isinstance(raw, dict):
        raise refused(400, "Bad Request: unknown filter")
    try:
        return found, float(raw["value"])
    except (KeyError, TypeError, ValueError) as error:
        raise refused(400, "Bad Request: a filter needs a number as its value") from error


def run(market: Market, wanted: Asked, moment: Moment, stocks: Iterable[Contract]) -> dict[str, Any]:
    quotes = [market.quote(one, moment) for one in stocks if wanted.exchange in (None, one.exchange)]
    kept = [
        quote
        for quote in quotes
        if all(one.sign * (one.measure(market, quote) - value * one.unit) >= 0 for one, value in wanted.filters)
    ]
    scan = wanted.scan
    kept.sort(key=lambda quote: (-scan.sign * scan.measure(quote), quote.contract.symbol))
    rows = [_row(place, quote, scan) for place, quote in enumerate(kept[:_MAXIMUM_RESULTS])]
    return {"contracts": rows, "scan_data_column_name": scan.column}


def _row(place: int, quote: Quote, scan: Scan) -> dict[str, Any]:
    contract, measured = quote.contract, scan.measure(quote)
    row: dict[str, Any] = {
        "server_id": str(place),
        "symbol": contract.symbol,
        "conidex": str(contract.conid),
        "con_id": contract.conid,
        "available_chart_periods": "#R|1",
        "company_name": contract.name,
        "scan_data": short_text(measured) if scan.measure is _volume else f"{100.0 * measured:+.2f}%",
        "contract_description_1": contract.symbol,
        "listing_exchange": contract.exchange,
        "sec_type": contract.security_type,
    }
    # Only the first row names the column (recorded).
    return {"column_name": scan.column, **row} if place == 0 else row
