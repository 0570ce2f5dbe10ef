"""The accounts as the brokerage tier writes them; balances are texts such as "994,831 USD", without decimals.

Field names follow a recording of a paper account. What exists in one segment only is zero in the others.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from api_gateway.simulator.accounts.account_book import Balance, Valuation
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.world import World

_EMPTY_SEGMENTS = ("Crypto at Paxos", "commodities")
_PROPERTIES = {
    "hasChildAccounts": False,
    "supportsCashQty": False,
    "supportsFractions": False,
    "liteUnderPro": False,
    "noFXConv": False,
    "isProp": False,
    "allowCustomerTime": False,
}
SERVER = {"serverName": "SIMULATOR", "serverVersion": "Build 0.0.0, simulated"}


def brokerage_accounts(world: World) -> dict[str, Any]:
    return {
        "accounts": [*world.scenario.groups, *world.accounts],
        "acctProps": dict.fromkeys(world.accounts, _PROPERTIES)
        | dict.fromkeys(world.scenario.groups, _PROPERTIES | {"hasChildAccounts": True}),
        "aliases": {name: name for name in (*world.scenario.groups, *world.accounts)},
        "allowFeatures": {"showGFIS": False, "allowFXConv": True, "allowTypeAhead": True, "research": False},
        "chartPeriods": {"STK": ["*"], "IND": ["*"]},
        "groups": [],
        "profiles": [],
        "selectedAccount": world.selected,
        "serverInfo": SERVER,
        "sessionId": f"{world.seed:08x}.00000001",
        "isFT": False,
        "isPaper": True,
    }


def profit_and_loss(world: World, moment: Moment) -> dict[str, dict[str, float]]:
    """Of the selected account, in base currency."""
    account = world.selected
    valuation = world.accounting.valuation(account, moment)
    prior_close = world.accounting.close_values(account, moment.session - 1)[-1]
    now = float(valuation.net_liquidation)
    row = {
        "rowType": 1,
        "dpl": round(now - float(prior_close), 2),
        "nl": round(now, 2),
        "upl": round(float(valuation.unrealized), 2),
        "uel": round(float(valuation.excess_liquidity), 2),
        "el": round(float(valuation.excess_liquidity), 2),
        "mv": round(float(valuation.stock_value), 2),
    }
    return {f"{account}.Core": row}


def _whole(value: Decimal | float) -> Decimal:
    return Decimal(value).quantize(Decimal(1), ROUND_HALF_UP)


def _cash_row(currency: str, balance: Balance) -> dict[str, Any]:
    cash, settled = float(_whole(balance.cash)), float(_whole(balance.settled_cash))
    return {"currency": currency, "balance": cash, "settledCash": settled}


def overview(valuation: Valuation, base: str, balances: Mapping[str, Balance]) -> dict[str, Any]:
    """`balances` by currency; with several, their sum is a row of its own (documented)."""
    rows = [_cash_row(currency, balance) for currency, balance in balances.items()]
    if len(rows) > 1:
        rows.append(_cash_row(f"Total (in {base})", valuation))
    cash = float(_whole(valuation.cash))
    return {
        "accountType": "",
        "status": "",
        "balance": float(_whole(valuation.net_liquidation)),
        "SMA": float(_whole(valuation.available_funds)),
        "buyingPower": float(_whole(valuation.buying_power)),
        "availableFunds": float(_whole(valuation.available_funds)),
        "excessLiquidity": float(_whole(valuation.excess_liquidity)),
        "netLiquidationValue": float(_whole(valuation.net_liquidation)),
        "equityWithLoanValue": float(_whole(valuation.net_liquidation)),
        "regTLoan": 0.0,
        "securitiesGVP": float(_whole(valuation.stock_value)),
        "totalCashValue": cash,
        "accruedInterest": 0.0,
        "regTMargin": float(_whole(valuation.initial_margin)),
        "initialMargin": float(_whole(valuation.initial_margin)),
        "maintenanceMargin": float(_whole(valuation.maintenance_margin)),
        "cashBalances": rows,
    }


def available_funds(valuation: Valuation) -> dict[str, Decimal | str]:
    return {
        "current_available": valuation.available_funds,
        "current_excess": valuation.excess_liquidity,
        "buying_power": valuation.buying_power,
        "leverage": f"{valuation.stock_value / valuation.net_liquidation:.2f}",
        "look_ahead_available": valuation.available_funds,
        "look_ahead_excess": valuation.excess_liquidity,
    }


def cash_balances(valuation: Valuation, previous_close: float) -> dict[str, Decimal | str]:
    return {
        "net_liquidation": valuation.net_liquidation,
        "equity_with_loan": valuation.net_liquidation,
        "cash": valuation.cash,
        "MTD Interest": Decimal(0),
        "previous_day_equity_with_loan": _whole(previous_close),
    }


def margins(valuation: Valuation) -> dict[str, Decimal | str]:
    return {
        "current_initial": valuation.initial_margin,
        "current_maint": valuation.maintenance_margin,
        "look_ahead_initial": valuation.initial_margin,
        "look_ahead_maint": valuation.maintenance_margin,
        "RegT Margin": valuation.initial_margin,
    }


def market_value(balance: Balance) -> dict[str, str]:
    amounts = {
        "total_cash": balance.cash,
        "settled_cash": balance.settled_cash,
        "stock": balance.stock_value,
        "options": Decimal(0),
        "futures": Decimal(0),
        "net_liquidation": balance.net_liquidation,
        "unrealized_pnl": balance.unrealized,
        "realized_pnl": balance.realized,
    }
    return {name: f"{_whole(amount):,}" for name, amount in amounts.items()}


def segments(fields: dict[str, Decimal | str], currency: str) -> dict[str, dict[str, str]]:
    """The same fields for the whole and for each segment; securities are all there is."""
    texts = {
        name: value if isinstance(value, str) else f"{_whole(value):,} {currency}" for name, value in fields.items()
    }
    zeros = {name: "0.00" if isinstance(value, str) else f"0 {currency}" for name, value in fields.items()}
    return {"total": texts, **dict.fromkeys(_EMPTY_SEGMENTS, zeros), "securities": texts}
