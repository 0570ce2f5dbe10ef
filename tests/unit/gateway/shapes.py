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
    "cps": {"data": [{"idType": "acctid", "id": ACCOUNT, "returns": [0, 0.00632, 0.01]}], "freq": "D", "dates": DATES},
    "id": "getPerformanceData",
    "included": [ACCOUNT],
    "pm": "TWR",
}
TRANSACTIONS: Final = {
    "rc": 0,
    "nd": 45,
    "currency": "USD",
    "id": "getTransactions",
    "includesRealTime": True,
    "transactions": [
        {
            "cur": "USD", "date": "Fri Nov 14 00:00:00 EST 2025", "rawDate": "20251114", "fxRate": 1, "pr": 31.5,
            "qty": 4, "acctid": ACCOUNT, "amt": -126, "conid": 265598, "type": "Buy", "desc": "APPLE INC",
        },
        {
            "cur": "USD", "date": "Fri Nov 14 00:00:00 EST 2025", "rawDate": "20251114", "fxRate": 1,
            "acctid": ACCOUNT, "amt": 3.5, "conid": 265598, "type": "Dividend Payment", "desc": "APPLE DIVIDEND",
        },
        {
            "cur": "EUR", "date": "Mon Nov 17 00:00:00 EST 2025", "fxRate": 1.16,
            "acctid": ACCOUNT, "amt": 700, "conid": 0, "type": "Deposit", "desc": "TRANSFER OF FUNDS",
        },
    ],
}  # fmt: skip
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
