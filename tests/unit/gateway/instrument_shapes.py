"""Answers of the gateway about instruments and prices, as its documents and recordings have them."""

from typing import Any, Final

from tests.unit.gateway.shapes import ACCOUNT, CONID, INDEX

Json = Any


RULES: Final = {
    "algoEligible": True,
    "canTradeAcctIds": [ACCOUNT],
    "error": None,
    "orderTypes": ["limit", "midprice", "market", "stop"],
    "fraqTypes": ["limit", "market"],
    "cqtTypes": [],
    "orderDefaults": {"LMT": {"LP": "31.25"}},
    "orderTypesOutside": ["limit"],
    "defaultSize": 100,
    "cashSize": 0.0,
    "sizeIncrement": 1,
    "tifTypes": ["GTC/o,a", "DAY/o,a"],
    "defaultTIF": "DAY",
    "limitPrice": 31.5,
    "stopprice": 31.5,
    "preview": True,
    "fraqInt": 4,
    "cashCcy": "USD",
    "cashQtyIncr": 500,
    "priceMagnifier": None,
    "negativeCapable": False,
    "incrementType": 1,
    "incrementRules": [{"lowerEdge": 0.0, "increment": 0.0001}, {"lowerEdge": 1.0, "increment": 0.01}],
    "hasSecondary": True,
    "increment": 0.01,
    "incrementDigits": 2,
}


def snapshot_row(conid: int, symbol: str, **changes: Json) -> dict[str, Json]:
    return {
        "conid": conid,
        "conidEx": str(conid),
        "_updated": 1_763_477_999_000,
        "server_id": "q0",
        "6119": "q0",
        "6509": "RpB",
        "31": "31.50",
        "55": symbol,
        "84": "31.49",
        "86": "31.51",
        "7741": "31.20",
        "7762": "41203000",
        "7282": "52.3M",
        "7289": "501B",
    } | changes


SNAPSHOT: Final = [snapshot_row(CONID, "AAPL"), snapshot_row(INDEX, "VIX")]
BARS: Final = [
    {"t": 1_763_044_200_000, "o": 30.5, "c": 30.75, "h": 31.0, "l": 30.25, "v": 412_000.0},
    {"t": 1_763_130_600_000, "o": 30.75, "c": 31.0, "h": 31.25, "l": 30.5, "v": 398_000.0},
    {"t": 1_763_389_800_000, "o": 31.0, "c": 31.2, "h": 31.5, "l": 30.75, "v": 401_000.0},
]
HISTORY: Final = {
    "serverId": "20477",
    "symbol": "AAPL",
    "text": "APPLE INC",
    "priceFactor": 100,
    "startTime": "20251113-14:30:00",
    "high": "3150/0.00/0",
    "timePeriod": "3m",
    "barLength": 86_400,
    "mdAvailability": "S",
    "outsideRth": False,
    "volumeFactor": 1,
    "data": BARS,
    "points": 2,
}
STOCKS: Final = {
    "AAPL": [
        {
            "name": "APPLE INC",
            "chineseName": None,
            "assetClass": "STK",
            "contracts": [
                {"conid": CONID, "exchange": "NASDAQ", "isUS": True},
                {"conid": 38708077, "exchange": "MEXI", "isUS": False},
            ],
        }
    ]
}
DEFINITIONS: Final = {
    "secdef": [
        {
            "conid": CONID,
            "currency": "USD",
            "crossCurrency": False,
            "name": "APPLE INC",
            "assetClass": "STK",
            "expiry": None,
            "ticker": "AAPL",
            "type": "COMMON",
            "listingExchange": "NASDAQ",
            "sector": "Technology",
            "isUS": True,
        }
    ]
}
SEARCH: Final = [
    {
        "conid": str(INDEX),
        "companyHeader": "CBOE Volatility Index - CBOE",
        "companyName": "CBOE Volatility Index",
        "symbol": "VIX",
        "description": "CBOE",
        "restricted": "IND",
        "sections": [{"secType": "IND", "exchange": "CBOE;"}, {"secType": "OPT", "months": "DEC25"}],
    }
]
INFO: Final = {
    "cfi_code": "",
    "symbol": "AAPL",
    "con_id": CONID,
    "company_name": "APPLE INC",
    "instrument_type": "STK",
    "currency": "USD",
    "exchange": "NASDAQ",
    "valid_exchanges": "SMART,NASDAQ",
    "isin": "US0378331005",
}
INDEX_INFO: Final = INFO | {"symbol": "VIX", "con_id": INDEX, "instrument_type": "IND", "company_name": "VIX"}
