"""The brokerage side of the account: the primer, daily profit and loss, performance history, exchange rates."""

from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.errors import refused
from api_gateway.simulator.web import Here, answer, check_account, json_object
from api_gateway.simulator.wire import day_text
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")

# Sessions a period reaches back, with the one it starts from.
_PERIODS = {"1D": 2, "7D": 6, "1M": 22, "3M": 64, "6M": 127, "1Y": 253}


@router.get("/iserver/accounts")
async def accounts(world: Here) -> JSONResponse:
    world.session.accounts_queried = True
    account = world.account
    return answer(
        {
            "accounts": [account],
            "acctProps": {
                account: {
                    "hasChildAccounts": False,
                    "supportsCashQty": False,
                    "supportsFractions": False,
                    "liteUnderPro": False,
                    "noFXConv": False,
                    "isProp": False,
                    "allowCustomerTime": False,
                }
            },
            "aliases": {account: account},
            "allowFeatures": {"showGFIS": False, "allowFXConv": True, "allowTypeAhead": True, "research": False},
            "chartPeriods": {"STK": ["*"], "IND": ["*"]},
            "groups": [],
            "profiles": [],
            "selectedAccount": account,
            "serverInfo": {"serverName": "SIMULATOR", "serverVersion": "Build 0.0.0, simulated"},
            "sessionId": f"{world.seed:08x}.00000001",
            "isFT": False,
            "isPaper": True,
        }
    )


@router.get("/iserver/account/pnl/partitioned")
async def profit_and_loss(world: Here) -> JSONResponse:
    world.session.require_accounts()
    if world.session.first_read("pnl"):
        return answer({"upnl": {}})
    moment = world.look()
    valuation = world.desk.valuation(moment)
    prior_close = world.book.close_values(world.market, moment.session - 1)[-1]
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
    return answer({"upnl": {f"{world.account}.Core": row}})


def _performance(world: World, period: str) -> dict[str, Any]:
    """Net asset values at the closes before the session that runs, from the session the account was funded in."""
    moment = world.look()
    last = moment.session - 1 if moment.is_open else moment.completed
    count = _PERIODS[period]
    values, flows = world.book.close_values(world.market, last)[-count:], world.book.external_flows(last)[-count:]
    rows = range(last - len(values) + 1, last + 1)
    dates = [f"{world.market.session_date(row):%Y%m%d}" for row in rows]
    common = {
        "idType": "acctid",
        "id": world.account,
        "start": dates[0],
        "end": dates[-1],
        "baseCurrency": world.scenario.currency,
    }
    navs = [round(float(value), 2) for value in values]
    start = {"date": dates[0], "val": navs[0]}
    # Time-weighted: what was paid in or out on a day is taken off before the day's growth is measured.
    growth = np.concatenate(([1.0], (values[1:] - flows[1:]) / values[:-1]))
    returns = [round(float(total) - 1.0, 6) for total in np.cumprod(growth)]
    return {
        "currencyType": "base",
        "rc": 0,
        "nd": len(navs) - 1,
        "nav": {"data": [common | {"navs": navs, "startNAV": start}], "freq": "D", "dates": dates},
        "cps": {"data": [common | {"returns": returns}], "freq": "D", "dates": dates},
        "id": "getPerformanceData",
        "included": [world.account],
        "pm": "TWR",
    }


@router.post("/pa/performance")
async def performance(request: Request, world: Here) -> JSONResponse:
    body = await json_object(request)
    accounts, period = body.get("acctIds"), body.get("period", "1Y")
    if not isinstance(accounts, list) or not accounts:
        raise refused(400, "Bad Request: acctIds is required")
    for account in accounts:
        check_account(world, account)
    if not isinstance(period, str) or period not in _PERIODS:
        raise refused(400, f"Bad Request: period must be one of {', '.join(_PERIODS)}")
    return answer(_performance(world, period))


@router.get("/iserver/exchangerate")
async def exchange_rate(request: Request, world: Here) -> JSONResponse:
    source, target = request.query_params.get("source"), request.query_params.get("target")
    if source != target or source != world.scenario.currency:
        # No foreign prices are simulated, and none are invented.
        raise refused(500, f"No exchange rate from {source} to {target} for {day_text(world.clock.now())}")
    return answer({"rate": 1.0})
