"""The brokerage side of the account: the primer, daily profit and loss, performance history, exchange rates."""

from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.errors import refused
from api_gateway.simulator.sessions import NEW_YORK
from api_gateway.simulator.web import Here, account_list, answer, check_account, json_object
from api_gateway.simulator.wire import day_text
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")

# Sessions a period reaches back, with the one it starts from.
_PERIODS = {"1D": 2, "7D": 6, "1M": 22, "3M": 64, "6M": 127, "1Y": 253}


_PROPERTIES = {
    "hasChildAccounts": False,
    "supportsCashQty": False,
    "supportsFractions": False,
    "liteUnderPro": False,
    "noFXConv": False,
    "isProp": False,
    "allowCustomerTime": False,
}


@router.get("/iserver/accounts")
async def accounts(world: Here) -> JSONResponse:
    world.session.accounts_queried = True
    return answer(
        {
            "accounts": list(world.accounts),
            "acctProps": dict.fromkeys(world.accounts, _PROPERTIES),
            "aliases": {account: account for account in world.accounts},
            "allowFeatures": {"showGFIS": False, "allowFXConv": True, "allowTypeAhead": True, "research": False},
            "chartPeriods": {"STK": ["*"], "IND": ["*"]},
            "groups": [],
            "profiles": [],
            "selectedAccount": world.selected,
            "serverInfo": {"serverName": "SIMULATOR", "serverVersion": "Build 0.0.0, simulated"},
            "sessionId": f"{world.seed:08x}.00000001",
            "isFT": False,
            "isPaper": True,
        }
    )


@router.post("/iserver/account")
async def switch_account(request: Request, world: Here) -> JSONResponse:
    """For the brokerage session: lists of orders and trades show the account that is selected."""
    world.session.require_accounts()
    account = (await json_object(request)).get("acctId")
    check_account(world, account)
    if account == world.selected:
        return answer({"success": "Account already set"})
    world.session.selected = account
    return answer({"set": True, "acctId": account})


@router.get("/iserver/account/pnl/partitioned")
async def profit_and_loss(world: Here) -> JSONResponse:
    world.session.require_accounts()
    if world.session.first_read("pnl"):
        return answer({"upnl": {}})
    moment, account = world.look(), world.selected
    valuation = world.desk.valuation(account, moment)
    prior_close = world.books[account].close_values(world.market, moment.session - 1)[-1]
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
    return answer({"upnl": {f"{account}.Core": row}})


def _rows(world: World, account: str, first: int, last: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Net asset values and returns at the closes of session rows first..last."""
    book, count = world.books[account], last + 1 - first
    values, flows = book.close_values(world.market, last)[-count:], book.external_flows(last)[-count:]
    days = [f"{world.market.session_date(row):%Y%m%d}" for row in (first, last)]
    common = {
        "idType": "acctid",
        "id": account,
        "start": days[0],
        "end": days[1],
        "baseCurrency": world.scenario.currency,
    }
    navs = [round(float(value), 2) for value in values]
    # Time-weighted: what was paid in or out on a day is taken off before the day's growth is measured.
    growth = np.concatenate(([1.0], (values[1:] - flows[1:]) / values[:-1]))
    returns = [round(float(total) - 1.0, 6) for total in np.cumprod(growth)]
    return common | {"navs": navs, "startNAV": {"date": days[0], "val": navs[0]}}, common | {"returns": returns}


def _performance(world: World, accounts: list[str], period: str) -> dict[str, Any]:
    """Net asset values at the closes before today's, from the session the accounts were funded in.

    Today's close comes with the night's statement, not in the evening.
    """
    moment = world.look()
    last = moment.session - (world.market.session_date(moment.session) == moment.now.astimezone(NEW_YORK).date())
    first = max(last + 1 - _PERIODS[period], world.book.since)
    rows = [_rows(world, account, first, last) for account in accounts]
    dates = [f"{world.market.session_date(row):%Y%m%d}" for row in range(first, last + 1)]
    return {
        "currencyType": "base",
        "rc": 0,
        "nd": len(dates) - 1,
        "nav": {"data": [navs for navs, _ in rows], "freq": "D", "dates": dates},
        "cps": {"data": [returns for _, returns in rows], "freq": "D", "dates": dates},
        "id": "getPerformanceData",
        "included": accounts,
        "pm": "TWR",
    }


@router.post("/pa/performance")
async def performance(request: Request, world: Here) -> JSONResponse:
    accounts = await account_list(request, world)
    period = (await json_object(request)).get("period", "1Y")
    if not isinstance(period, str) or period not in _PERIODS:
        raise refused(400, f"Bad Request: period must be one of {', '.join(_PERIODS)}")
    return answer(_performance(world, accounts, period))


@router.get("/iserver/exchangerate")
async def exchange_rate(request: Request, world: Here) -> JSONResponse:
    source, target = request.query_params.get("source"), request.query_params.get("target")
    if source != target or source != world.scenario.currency:
        # No foreign prices are simulated, and none are invented.
        raise refused(500, f"No exchange rate from {source} to {target} for {day_text(world.clock.now())}")
    return answer({"rate": 1.0})
