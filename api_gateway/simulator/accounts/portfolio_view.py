"""An account as the portfolio endpoints write it. Formatting of a valuation; nothing is decided here.

Field names and the two shapes of a position follow recordings of paper accounts; all numbers are the book's.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from api_gateway.simulator.accounts.account_book import Balance, Position, Valuation
from api_gateway.simulator.accounts.carried import definition
from api_gateway.simulator.accounts.carried import row as carried_row
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.orders.validation import increment_rules
from api_gateway.simulator.orders.visibility import Holdings
from api_gateway.simulator.wire import epoch_ms, epoch_s
from api_gateway.simulator.world import World


def _position(account: str, position: Position, price: Decimal) -> dict[str, Any]:
    contract = position.contract
    value = position.quantity * price
    return {
        "acctId": account,
        "conid": contract.conid,
        "contractDesc": contract.symbol,
        "position": float(position.quantity),
        "mktPrice": float(price),
        "mktValue": float(value),
        "currency": contract.currency,
        "avgCost": float(position.average_cost),
        "avgPrice": float(position.average_cost),
        "realizedPnl": float(position.realized),
        "unrealizedPnl": float(value - position.quantity * position.average_cost),
        "exchs": None,
        "expiry": None,
        "putOrCall": None,
        "multiplier": None,
        "strike": 0.0,
        "exerciseStyle": None,
        "conExchMap": [],
        "assetClass": contract.security_type,
        "undConid": 0,
        "model": "",
    }


_OTHERS = "Others"
_IN_BASE = ("mktValue", "mktPrice", "avgCost", "avgPrice", "realizedPnl", "unrealizedPnl")


def _in_base(row: dict[str, Any], rate: float) -> dict[str, float]:
    """Everything at the present rate, costs included."""
    return {f"base{name[0].upper()}{name[1:]}": row[name] * rate for name in _IN_BASE}


def _completed(world: World, row: dict[str, Any], position: Position, rate: float) -> dict[str, Any]:
    """The later reads: names and classification appear and `strike` turns into a string (observed, 3 of 3)."""
    contract = position.contract
    return row | {
        "strike": "0",
        "multiplier": 0.0,
        **_in_base(row, rate),
        "incrementRules": increment_rules(),
        "displayRule": {
            "magnification": 0,
            "displayRuleStep": [{"decimalDigits": 2, "lowerEdge": 0.0, "wholeDigits": 4}],
        },
        "time": epoch_s(world.clock.now()),
        "chineseName": contract.name,
        "allExchanges": f"SMART,{contract.exchange}",
        "listingExchange": contract.exchange,
        "countryCode": "US",
        "name": contract.name,
        "lastTradingDay": None,
        "ticker": contract.symbol,
        **contract.definition,
        "hasOptions": False,
        "fullName": contract.symbol,
        "isUS": True,
        "isEventContract": False,
        "pageSize": 100,
    }


def _holdings(world: World, account: str, moment: Moment, live: bool) -> Holdings:
    def now() -> Holdings:
        marks = world.accounting.marks(account, moment)
        return tuple((one, marks[one.contract.conid]) for one in world.books[account].positions())

    return world.cache.seen(account, now) if world.rules.cached_positions and not live else now()


def positions(
    world: World, account: str, moment: Moment, complete: bool, page: slice = slice(None), live: bool = False
) -> list[dict[str, Any]]:
    """`live` looks past the cache of a broker that keeps one."""
    rows: list[dict[str, Any]] = []
    for position, price in _holdings(world, account, moment, live):
        row = _position(account, position, price)
        rate = float(world.rates.rate(position.contract.currency, moment))
        rows.append(_completed(world, row, position, rate) if complete else row)
    for line, mark in world.accounting.lines(account, moment):
        listed = world.universe.by_conid.get(line.conid)
        rows.append(carried_row(account, line, mark) | (definition(line, listed) if complete else {}))
    return rows[page]


def near_real_time_positions(world: World, account: str, moment: Moment) -> list[dict[str, Any]]:
    """The uncached endpoint: other names, and the conid as a string."""
    return [
        {
            "position": row["position"],
            "conid": str(row["conid"]),
            "avgCost": row["avgCost"],
            "avgPrice": row["avgPrice"],
            "currency": row["currency"],
            "description": row["contractDesc"],
            "isLastToLoq": False,
            "marketPrice": row["mktPrice"],
            "marketValue": row["mktValue"],
            "realizedPnl": row["realizedPnl"],
            "secType": row["assetClass"],
            "timestamp": epoch_s(moment.now),
            "unrealizedPnl": row["unrealizedPnl"],
            "assetClass": row["assetClass"],
            "sector": row.get("sector"),
            "group": row.get("group"),
            "model": row["model"],
        }
        for row in positions(world, account, moment, complete=True, live=True)
    ]


def _trading_type(world: World) -> str:
    """Of the documented words the one of a cash account, and that of a margin account that may trade options."""
    return "STKCASH" if world.rules.account_type == "cash" else "STKNOPT"


def _amounts(valuation: Valuation) -> dict[str, Decimal]:
    return {
        "accruedcash": valuation.carried.get("interest", Decimal(0)),
        "accrueddividend": valuation.carried.get("dividends", Decimal(0)),
        "availablefunds": valuation.available_funds,
        "buyingpower": valuation.buying_power,
        "equitywithloanvalue": valuation.net_liquidation,
        "excessliquidity": valuation.excess_liquidity,
        "fullavailablefunds": valuation.available_funds,
        "fullexcessliquidity": valuation.excess_liquidity,
        "fullinitmarginreq": valuation.initial_margin,
        "fullmaintmarginreq": valuation.maintenance_margin,
        "grosspositionvalue": valuation.stock_value,
        "initmarginreq": valuation.initial_margin,
        "lookaheadavailablefunds": valuation.available_funds,
        "lookaheadexcessliquidity": valuation.excess_liquidity,
        "lookaheadinitmarginreq": valuation.initial_margin,
        "lookaheadmaintmarginreq": valuation.maintenance_margin,
        "netliquidation": valuation.net_liquidation,
        "regtequity": valuation.net_liquidation,
        "regtmargin": valuation.initial_margin,
        "sma": valuation.available_funds,
        "totalcashvalue": valuation.cash,
    }


def summary(world: World, account: str, moment: Moment) -> dict[str, Any]:
    """Lower-case keys; the suffix -s is the securities segment, -c the empty commodities segment."""
    valuation = world.accounting.valuation(account, moment)
    stamp = epoch_ms(moment.now)

    def entry(amount: Decimal | None, value: str | None, currency: str | None) -> dict[str, Any]:
        number = 0.0 if amount is None else round(float(amount), 2)
        return {
            "amount": number,
            "currency": currency,
            "isNull": False,
            "timestamp": stamp,
            "value": value,
            "severity": 0,
        }

    currency = world.scenario.currency
    cushion = valuation.excess_liquidity / valuation.net_liquidation
    leverage = valuation.stock_value / valuation.net_liquidation
    answer: dict[str, Any] = {
        "accountcode": entry(None, account, None),
        "accountready": entry(None, "true", None),
        "accounttype": entry(None, "INDIVIDUAL", None),
        "cushion": entry(None, f"{cushion:.6f}", None),
        "leverage-s": entry(None, f"{leverage:.2f}", None),
        "daytradesremaining": entry(None, "-1", None),
        "tradingtype-s": entry(None, _trading_type(world), None),
    }
    for key, amount in _amounts(valuation).items():
        answer[key] = entry(amount, None, currency)
        answer[f"{key}-s"] = entry(amount, None, currency)
        answer[f"{key}-c"] = entry(Decimal(0), None, currency)
    return answer


def _ledger_row(account: str, moment: Moment, balance: Balance, rate: float) -> dict[str, Any]:
    return {
        "commoditymarketvalue": 0.0,
        "futuremarketvalue": 0.0,
        "settledcash": float(balance.settled_cash),
        "exchangerate": rate,
        "sessionid": 1,
        "cashbalance": float(balance.cash),
        "corporatebondsmarketvalue": 0.0,
        "warrantsmarketvalue": 0.0,
        "netliquidationvalue": float(balance.net_liquidation),
        "interest": 0.0,
        "unrealizedpnl": float(balance.unrealized),
        "stockmarketvalue": float(balance.stock_value),
        "moneyfunds": 0.0,
        "realizedpnl": float(balance.realized),
        "funds": 0.0,
        "acctcode": account,
        "issueroptionsmarketvalue": 0.0,
        "key": "LedgerList",
        "timestamp": epoch_s(moment.now),
        "severity": 0,
        "stockoptionmarketvalue": 0.0,
        "futuresonlypnl": 0.0,
        "tbondsmarketvalue": 0.0,
        "futureoptionmarketvalue": 0.0,
        "cashbalancefxsegment": 0.0,
        "tbillsmarketvalue": 0.0,
        "dividends": 0.0,
        "cryptocurrencyvalue": 0.0,
    } | _carried(balance)


def _carried(balance: Balance) -> dict[str, float]:
    """What stands in the ledger's other fields; beside the stocks it may stand in their own."""
    parts = dict(balance.carried)
    if "stockmarketvalue" in parts:
        parts["stockmarketvalue"] += balance.stock_value
    return {name: float(amount) for name, amount in parts.items()}


def ledger(world: World, account: str, moment: Moment) -> dict[str, Any]:
    """By currency; BASE is their sum."""
    rows: dict[str, Any] = {}
    for currency, balance in world.accounting.balances(account, moment).items():
        if currency == world.rates.base:
            rows[currency] = _ledger_row(account, moment, balance, 1) | {"secondkey": currency}
        else:
            rate = float(world.rates.rate(currency, moment))
            invented = {"secondkey": currency, "simulator": {"fictional": ["exchangerate"]}}
            rows[currency] = _ledger_row(account, moment, balance, rate) | invented
    total = world.accounting.valuation(account, moment)
    return rows | {"BASE": _ledger_row(account, moment, total, 1) | {"secondkey": "BASE"}}


def allocation(world: World, accounts: Iterable[str], moment: Moment) -> dict[str, Any]:
    """Over one account or the sum of several, in base currency; funds, which have no levels, are Others (recorded)."""
    sectors: dict[str, float] = {}
    groups: dict[str, float] = {}
    cash = Decimal(0)
    for account in accounts:
        marks = world.accounting.marks(account, moment)
        cash += world.accounting.valuation(account, moment).cash
        for position in world.books[account].positions():
            if position.quantity:
                contract = position.contract
                price = marks[contract.conid] * world.rates.rate(contract.currency, moment)
                value = float(position.quantity * price)
                for kept, level in ((sectors, contract.sector), (groups, contract.industry)):
                    kept[level or _OTHERS] = kept.get(level or _OTHERS, 0.0) + value
    assets = {"STK": sum(sectors.values()), "CASH": float(cash)}
    return {
        "assetClass": {"long": assets, "short": {}},
        "sector": {"long": sectors, "short": {}},
        "group": {"long": groups, "short": {}},
    }


def account_row(world: World, account: str) -> dict[str, Any]:
    return {
        "id": account,
        "PrepaidCrypto-Z": False,
        "PrepaidCrypto-P": False,
        "brokerageAccess": True,
        "accountId": account,
        "accountVan": account,
        "accountTitle": "Simulated Account",
        "displayName": "Simulated Account",
        "accountAlias": None,
        "accountStatus": 1_577_836_800_000,
        "currency": world.scenario.currency,
        "type": "DEMO",
        "tradingType": _trading_type(world),
        "businessType": "INDEPENDENT",
        "ibEntity": "IBLLC-US",
        "faclient": False,
        "clearingStatus": "O",
        "covestor": False,
        "noClientTrading": False,
        "trackVirtualFXPortfolio": False,
        "acctCustType": "INDIVIDUAL",
        "parent": {"mmc": [], "accountId": "", "isMParent": False, "isMChild": False, "isMultiplex": False},
        "desc": account,
    }
