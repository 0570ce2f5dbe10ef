"""Definitions beyond stocks, and trading hours by symbol.

Options, futures, bonds, currencies and event contracts are not simulated: their look-ups answer as for a name that has
none, and nothing is invented.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.errors import refused
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.hours import CLOSING, OPENING
from api_gateway.simulator.routes.http import Here, answer, contract_of, required
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")

# The weekly schedule is written as if for the first days of 2000, a Saturday being the first (documented).
_WEEKEND, _WEEK = ("20000101", "20000102"), ("20000103", "20000104", "20000105", "20000106", "20000107")


def _underlying(request: Request, world: World) -> Contract:
    """The parameter is `sectype`, all lower case; `secType` is none (documented)."""
    contract = contract_of(world, required(request, "conid"))
    required(request, "sectype")
    return contract


@router.get("/iserver/secdef/info")
async def information(request: Request, world: Here) -> JSONResponse:
    """Empty until the symbol has been searched for (documented)."""
    contract = _underlying(request, world)
    same_type = request.query_params["sectype"].upper() == contract.security_type
    if contract.symbol not in world.session.searched or not same_type:
        return answer([])
    row: dict[str, Any] = {
        "conid": contract.conid,
        "ticker": contract.symbol,
        "secType": contract.security_type,
        "listingExchange": contract.exchange,
        "exchange": "SMART" if contract.tradable else contract.exchange,
        "companyName": contract.name,
        "currency": contract.currency,
        "validExchanges": f"SMART,{contract.exchange}",
        "priceRendering": None,
        "maturityDate": None,
        "right": "?",
        "strike": 0.0,
    }
    return answer([row])


@router.get("/iserver/secdef/strikes")
async def strikes(request: Request, world: Here) -> JSONResponse:
    _underlying(request, world)
    required(request, "month")
    return answer({"call": [], "put": []})


@router.get("/iserver/secdef/bond-filters")
async def bond_filters(request: Request) -> JSONResponse:
    required(request, "issuerId")
    return answer({"bondFilters": []})


@router.get("/iserver/currency/pairs")
async def currency_pairs(request: Request) -> JSONResponse:
    return answer({required(request, "currency"): []})


@router.get("/trsrv/futures")
async def futures(request: Request) -> JSONResponse:
    symbols = [part.strip() for part in required(request, "symbols").split(",") if part.strip()]
    return answer({symbol: [] for symbol in symbols})


@router.get("/iserver/contract/{conid}/algos")
async def algorithms(conid: str, world: Here) -> JSONResponse:
    """None: no order here is worked by an algorithm."""
    contract_of(world, conid)
    return answer({"algos": []})


@router.get("/trsrv/secdef/schedule")
async def schedule(request: Request, world: Here) -> JSONResponse:
    """By listing exchange; `SMART` is none and answers with an empty list (recorded)."""
    kind, symbol = required(request, "assetClass"), required(request, "symbol")
    exchange = request.query_params.get("exchange")
    found = [one for one in world.universe.listings(symbol) if one.security_type == kind and one.has_prices]
    return answer([_venue(one) for one in found if exchange in (None, one.exchange)])


def _venue(contract: Contract) -> dict[str, Any]:
    hours = {"openingTime": f"{OPENING:%H%M}", "closingTime": f"{CLOSING:%H%M}"}

    def day(date: str, open_that_day: bool) -> dict[str, Any]:
        return {
            "clearingCycleEndTime": "0000",
            "tradingScheduleDate": date,
            "sessions": [hours | {"prop": "LIQUID"}] if open_that_day else [],
            "tradingtimes": [hours | {"cancelDayOrders": "Y"}] if open_that_day else [],
        }

    days = [day(date, False) for date in _WEEKEND] + [day(date, True) for date in _WEEK]
    return {
        "id": f"p{contract.conid}",
        "tradeVenueId": contract.exchange,
        "exchange": contract.exchange,
        "description": contract.exchange,
        "timezone": "America/New_York",
        "schedules": days,
    }


# Older event pages: 404 on live gateways (recorded). Their successors know no event contract here.
@router.get("/events/contracts")
@router.get("/events/show")
async def events() -> JSONResponse:
    raise refused(404, "Resource not found")


@router.get("/forecast/contract/details")
@router.get("/forecast/contract/rules")
@router.get("/forecast/contract/schedules")
async def event_contract(request: Request) -> JSONResponse:
    required(request, "conid")
    raise refused(404, "Resource not found")


@router.get("/forecast/contract/market")
async def event_market(request: Request) -> JSONResponse:
    required(request, "underlyingConid")
    raise refused(404, "Resource not found")
