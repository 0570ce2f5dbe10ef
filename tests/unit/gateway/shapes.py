"""Answers of the shapes that real gateways give, for a fictional account: field names as recorded, numbers our own."""

from datetime import UTC, datetime
from typing import Any, Final

Json = Any
ACCOUNT: Final = "DU1234567"
CONID: Final = 265598
INDEX: Final = 13455763
ORDER_ID: Final = "1370093238"


def now() -> datetime:
    """The moment of these answers."""
    return datetime(2025, 11, 18, 15, 0, tzinfo=UTC)


def near_row(conid: int, description: str, kind: str, **changes: Json) -> dict[str, Json]:
    return {
        "position": 12.0,
        "conid": str(conid),
        "avgCost": 30.25,
        "avgPrice": 30.25,
        "currency": "USD",
        "description": description,
        "isLastToLoq": False,
        "marketPrice": 31.5,
        "marketValue": 378.0,
        "realizedPnl": 4.5,
        "secType": kind,
        "timestamp": 1_763_478_000,
        "unrealizedPnl": 15.0,
        "assetClass": kind,
        "sector": "Technology",
        "group": "Computers",
        "model": "",
    } | changes


NO_PRICE: Final = {"marketPrice": None, "marketValue": None, "unrealizedPnl": None}
POSITIONS: Final[list[dict[str, Json]]] = [
    near_row(CONID, "AAPL", "STK"),
    near_row(CONID, "AAPL", "STK", position=5.0, marketValue=157.5, model="Growth"),
    near_row(591234567, "SPY    JAN2027 400 C [SPY   270115C00400000 100]", "OPT", position=-1.0),
    near_row(12087792, "EUR.USD", "CASH", position=2000.0),
    near_row(35151400, "GAW", "STK", currency="GBP", marketPrice=31.5, marketValue=378.0),
    near_row(123456789, "GONE", "STK", **NO_PRICE),
    near_row(712809821, "SPY COMBO", "BAG", conidEx="712809821;;;712809822/1,712809881/-1"),
    near_row(8314, "IBM", "STK", position=0.0),
]


def ledger_row(currency: str, cash: float, **changes: Json) -> dict[str, Json]:
    zeros = (
        "commoditymarketvalue", "futuremarketvalue", "corporatebondsmarketvalue", "warrantsmarketvalue", "moneyfunds",
        "funds", "issueroptionsmarketvalue", "futuresonlypnl", "tbondsmarketvalue", "futureoptionmarketvalue",
        "cashbalancefxsegment", "tbillsmarketvalue", "cryptocurrencyvalue",
    )  # fmt: skip
    return (
        dict.fromkeys(zeros, 0.0)
        | {
            "settledcash": cash,
            "exchangerate": 1,
            "sessionid": 1,
            "cashbalance": cash,
            "netliquidationvalue": cash,
            "interest": 0.0,
            "unrealizedpnl": 0.0,
            "stockmarketvalue": 0.0,
            "realizedpnl": 0.0,
            "acctcode": ACCOUNT,
            "secondkey": currency,
            "key": "LedgerList",
            "timestamp": 1_763_478_000,
            "severity": 0,
            "stockoptionmarketvalue": 0.0,
            "dividends": 0.0,
        }
        | changes
    )


LEDGER: Final = {
    "USD": ledger_row("USD", 1000.5, stockmarketvalue=535.5, dividends=12.5, netliquidationvalue=1548.5),
    "EUR": ledger_row("EUR", 200.0, exchangerate=1.125),
    "BASE": ledger_row("BASE", 1225.5, stockmarketvalue=535.5, dividends=12.5, netliquidationvalue=1773.5),
}


def summary_entry(amount: float, value: str | None = None, currency: str | None = "USD") -> dict[str, Json]:
    return {
        "amount": amount,
        "currency": currency,
        "isNull": False,
        "timestamp": 1_763_478_000_000,
        "value": value,
        "severity": 0,
    }


SUMMARY: Final = {
    "accountcode": summary_entry(0.0, ACCOUNT, None),
    "accounttype": summary_entry(0.0, "INDIVIDUAL", None),
    "netliquidation": summary_entry(1773.5),
    "availablefunds": summary_entry(1225.5),
    "buyingpower": summary_entry(4902.0),
    "totalcashvalue": summary_entry(1225.5),
    "initmarginreq": summary_entry(160.5),
    "grosspositionvalue": summary_entry(535.5),
    "daytradesremaining": summary_entry(0.0, "3", None),
    # A word that is not documented, so that the account's figures speak.
    "tradingtype-s": summary_entry(0.0, "STKLATER", None),
}
SERIES: Final = {
    "idType": "acctid",
    "id": ACCOUNT,
    "start": "20251113",
    "end": "20251117",
    "baseCurrency": "USD",
    "navs": [1701.5, 1712.25, 1773.5],
    "startNAV": {"date": "20251113", "val": 1701.5},
}
DATES: Final = ["20251113", "20251114", "20251117"]
PERFORMANCE: Final = {
    "currencyType": "base",
    "rc": 0,
    "nd": 2,
    "nav": {"data": [SERIES], "freq": "D", "dates": DATES},
    "id": "getPerformanceData",
    "included": [ACCOUNT],
    "pm": "TWR",
}
PROPERTIES: Final = {"hasChildAccounts": False, "supportsCashQty": True, "supportsFractions": True}
ACCOUNTS: Final = {
    "accounts": ["All", ACCOUNT, "DU1234568"],
    "acctProps": {"All": PROPERTIES | {"hasChildAccounts": True}, ACCOUNT: PROPERTIES, "DU1234568": PROPERTIES},
    "aliases": {"All": "All", ACCOUNT: ACCOUNT, "DU1234568": "Savings"},
    "allowFeatures": {"showGFIS": False, "allowedAssetTypes": "STK,CFD"},
    "groups": ["Everybody"],
    "profiles": [],
    "selectedAccount": "All",
    "serverInfo": {"serverName": "JifN00000", "serverVersion": "Build 10.30.0"},
    "sessionId": "00000000.00000001",
    "isFT": False,
    "isPaper": True,
}
STATUS: Final = {
    "authenticated": True,
    "established": True,
    "competing": False,
    "connected": True,
    "message": "",
    "serverInfo": {"serverName": "JifN00000", "serverVersion": "Build 10.30.0"},
    "fail": "",
}
MARKER: Final = {"as_of": "2025-11-18", "seed": 7, "data": "synthetic", "pacing": 0.5, "now": "2025-11-18T15:00:00Z"}


def live_order(order_id: int, **changes: Json) -> dict[str, Json]:
    return {
        "acct": ACCOUNT,
        "account": ACCOUNT,
        "exchange": "SMART",
        "conidex": str(CONID),
        "conid": CONID,
        "orderId": order_id,
        "cashCcy": "USD",
        "sizeAndFills": "4/10",
        "orderDesc": "Buy 10 Limit 31.25, Day",
        "description1": "AAPL",
        "ticker": "AAPL",
        "secType": "STK",
        "listingExchange": "NASDAQ.NMS",
        "remainingQuantity": 6.0,
        "filledQuantity": 4.0,
        "totalSize": 10.0,
        "avgPrice": "31.20",
        "companyName": "APPLE INC",
        "status": "Submitted",
        "order_ccp_status": "Submitted",
        "origOrderType": "LIMIT",
        "lastExecutionTime": "251118143000",
        "orderType": "Limit",
        "price": "31.25",
        "side": "BUY",
        "timeInForce": "DAY",
        "lastExecutionTime_r": 1_763_476_200_000,
    } | changes


ORDERS: Final = {
    "orders": [
        live_order(int(ORDER_ID), order_ref="PM01"),
        live_order(1370093239),
        # The same order, touched earlier; a share in pence; somebody's order that does not say which side it is of.
        live_order(1370093239, filledQuantity=2.0, remainingQuantity=8.0, lastExecutionTime_r=1_763_476_100_000),
        live_order(1370093240, conid=35151400, conidex="35151400", cashCcy="GBP", ticker="GAW", listingExchange="LSE"),
        live_order(1370093241, side=None),
    ],
    "snapshot": True,
}


def trade(execution: str, order_id: int, **changes: Json) -> dict[str, Json]:
    return {
        "execution_id": execution,
        "symbol": "AAPL",
        "supports_tax_opt": "1",
        "side": "B",
        "order_description": "Bot 4 @ 31.20 on NASDAQ",
        "trade_time": "20251118-14:30:00",
        "trade_time_r": 1_763_476_200_000,
        "size": 4.0,
        "price": "31.20",
        "order_id": order_id,
        "submitter": "fictional",
        "exchange": "NASDAQ",
        "commission": "1.01",
        "net_amount": 124.8,
        "account": ACCOUNT,
        "accountCode": ACCOUNT,
        "company_name": "APPLE INC",
        "contract_description_1": "AAPL",
        "sec_type": "STK",
        "listing_exchange": "NASDAQ.NMS",
        "conid": CONID,
        "conidEx": str(CONID),
        "clearing_id": "IB",
        "liquidation_trade": "0",
    } | changes


TRADES: Final = [
    trade("0000e0d5.1", int(ORDER_ID), order_ref="PM01"),
    # Without the time in milliseconds.
    {key: value for key, value in trade("0000e0d5.2", 1370093239).items() if key != "trade_time_r"},
    # A correction, which is neither bought nor sold.
    trade("0000e0d5.3", 1370093242, side="X"),
]
ORDER_STATUS: Final = {
    "sub_type": None,
    "order_id": int(ORDER_ID),
    "conidex": str(CONID),
    "conid": CONID,
    "symbol": "AAPL",
    "side": "B",
    "contract_description_1": "AAPL",
    "listing_exchange": "NASDAQ.NMS",
    "is_event_trading": "0",
    "order_desc": "Buy 10 Limit 31.25, Day",
    "order_status": "Submitted",
    "order_type": "LIMIT",
    "size": "6.0",
    "fill_price": "31.20",
    "average_price": "31.20",
    "limit_price": "31.25",
    "filled_quantity": "4.0",
    "cum_fill": "4.0",
    "total_size": "10.0",
    "currency": "USD",
    "account": ACCOUNT,
    "tif": "DAY",
    "order_ref": "PM01",
    "sec_type": "STK",
    "order_ccp_status": "0",
}
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
PREVIEW: Final = {
    "amount": {"amount": "312.50 USD (10 Shares)", "commission": "1.05 USD", "total": "313.55 USD"},
    "equity": {"current": "1,773 USD", "change": "-1 USD", "after": "1,772 USD"},
    "initial": {"current": "160 USD", "change": "94 USD", "after": "254 USD"},
    "maintenance": {"current": "146 USD", "change": "86 USD", "after": "232 USD"},
    "position": {"current": "12", "change": "10", "after": "22"},
    "warn": None,
    "error": None,
}
PLACED: Final = [{"order_id": ORDER_ID, "order_status": "Submitted", "encrypt_message": "1"}]
REJECTED: Final = {
    "advancedOrderReject": {
        "orderId": int(ORDER_ID), "reqId": "12345", "dismissable": [], "text": "Too far from the market.",
        "options": ["Cancel"], "type": "NO_MESSAGE_ID_CLOSE_OR_TRANSMIT", "messageId": "8229", "prompt": False,
    }
}  # fmt: skip
QUESTION: Final = [
    {
        "id": "07a13a5a-4a48-44a5-bb25-5ab37b79186c",
        "message": ["The following order size exceeds the Size Limit of 500. Are you sure?"],
        "isSuppressed": False,
        "messageIds": ["o383"],
    }
]
CANCELLED: Final = {"msg": "Request was submitted", "order_id": int(ORDER_ID), "conid": CONID, "account": ACCOUNT}
