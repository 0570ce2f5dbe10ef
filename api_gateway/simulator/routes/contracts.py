"""Contract look-ups. A ticker has several listings; the order of an answer says nothing about the right one."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.errors import refused
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.hours import NEW_YORK
from api_gateway.simulator.exchange.market import to_decimal
from api_gateway.simulator.orders.validation import increment_at, increment_rules
from api_gateway.simulator.routes.http import Here, answer, contract_of, json_object, required
from api_gateway.simulator.wire import whole_number
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")

_SCHEDULE_DAYS = 7


def _asked(request: Request, name: str) -> list[str]:
    return [part.strip() for part in required(request, name).split(",") if part.strip()]


@router.get("/trsrv/stocks")
async def stocks(request: Request, world: Here) -> JSONResponse:
    """An object keyed by symbol; a symbol without a stock has an empty list."""
    found: dict[str, list[dict[str, Any]]] = {}
    for symbol in _asked(request, "symbols"):
        shares = [one for one in world.universe.listings(symbol) if one.security_type == "STK"]
        found[symbol] = [
            {
                "name": one.name,
                "chineseName": one.name,
                "assetClass": "STK",
                "contracts": [{"conid": one.conid, "exchange": one.exchange, "isUS": one.is_us}],
            }
            for one in shares
        ]
    return answer(found)


def _definition(contract: Contract) -> dict[str, Any]:
    return {
        "conid": contract.conid,
        "currency": contract.currency,
        "time": 1,
        "chineseName": contract.name,
        "allExchanges": f"SMART,{contract.exchange}",
        "listingExchange": contract.exchange,
        "countryCode": "US" if contract.is_us else "MX",
        "name": contract.name,
        "assetClass": contract.security_type,
        "expiry": None,
        "lastTradingDay": None,
        "putOrCall": None,
        "strike": "0",
        "ticker": contract.symbol,
        "undConid": 0,
        "multiplier": 0.0,
        "hasOptions": False,
        "fullName": contract.symbol,
        "isUS": contract.is_us,
        "incrementRules": increment_rules(),
        **contract.definition,
    }


@router.get("/trsrv/secdef")
async def definitions(request: Request, world: Here) -> JSONResponse:
    asked = _asked(request, "conids")
    known = world.universe.by_conid
    found = [known[conid] for conid in map(whole_number, asked) if conid in known]
    return answer({"secdef": [_definition(one) for one in found]})


@router.api_route("/iserver/secdef/search", methods=["GET", "POST"])
async def search(request: Request, world: Here) -> JSONResponse:
    query = dict(request.query_params) or await json_object(request)
    symbol, kind = str(query.get("symbol", "")), query.get("secType")
    if not symbol:
        raise refused(400, "Bad Request: symbol is required")
    by_name = str(query.get("name", "")).lower() == "true"
    universe = world.universe
    named = universe.called(symbol) if by_name else universe.listings(symbol)
    found = [one for one in named if kind is None or one.security_type == kind]
    if not by_name:
        # A search by company name opens no definitions (documented).
        world.session.searched |= {one.symbol for one in found}
    if not found:
        return answer({"error": "No symbol found"})  # with status 200
    return answer(
        [
            {
                "conid": str(one.conid),
                "companyHeader": f"{one.name} - {one.exchange}",
                "companyName": one.name,
                "symbol": one.symbol,
                "description": one.exchange,
                "restricted": None,
                "sections": [{"secType": one.security_type}],
            }
            for one in found
        ]
    )


def _info(contract: Contract) -> dict[str, Any]:
    """Snake case, despite the documentation."""
    return {
        "cfi_code": "",
        "symbol": contract.symbol,
        "cusip": None,
        "expiry_full": None,
        "con_id": contract.conid,
        "maturity_date": None,
        "instrument_type": contract.security_type,
        "trading_class": contract.exchange,
        "valid_exchanges": f"SMART,{contract.exchange}",
        "allow_sell_long": False,
        "is_zero_commission_security": False,
        "local_symbol": contract.symbol,
        "contract_clarification_type": None,
        "classifier": None,
        "currency": contract.currency,
        "text": None,
        "underlying_con_id": 0,
        "r_t_h": True,
        "multiplier": None,
        "underlying_issuer": None,
        "contract_month": None,
        "company_name": contract.name,
        "smart_available": contract.tradable,
        "exchange": "SMART" if contract.tradable else contract.exchange,
        **contract.description,
    }


def _rules(world: World, contract: Contract) -> dict[str, Any]:
    if not contract.has_prices:
        return {"error": "No trading permissions", "canTradeAcctIds": [], "orderTypes": []}
    last = to_decimal(world.market.last_price(contract.conid, world.look()))
    tick = increment_at(last)
    return {
        "algoEligible": False,
        "overnightEligible": False,
        "costReport": False,
        "canTradeAcctIds": list(world.accounts) if contract.tradable else [],
        "error": None,
        "orderTypes": ["limit", "market"] if contract.tradable else [],
        "fraqTypes": [],
        "cqtTypes": [],
        "forceOrderPreview": False,
        "orderDefaults": {"LMT": {"LP": str(last)}},
        "tifTypes": ["DAY/o,a", "GTC/o,a", "IOC/MARKET,LIMIT,a"],
        "tifDefaults": {"TIF": "DAY"},
        # The steps of the broker's order window, as its documented examples have them: shares trade in ones.
        "defaultSize": 100,
        "sizeIncrement": 100,
        "fraqInt": 4,
        "limitPrice": float(last),
        "stopprice": float(last),
        "preview": True,
        "cashCcy": contract.currency,
        "priceMagnifier": None,
        "cashQtyIncr": 500,
        "negativeCapable": False,
        "incrementType": 1,
        "incrementRules": increment_rules(),
        "hasSecondary": True,
        "increment": float(tick),
        "incrementDigits": -int(tick.normalize().as_tuple().exponent),
    }


@router.get("/iserver/contract/{conid}/info")
async def info(conid: str, world: Here) -> JSONResponse:
    return answer(_info(contract_of(world, conid)))


@router.get("/iserver/contract/{conid}/info-and-rules")
async def info_and_rules(conid: str, world: Here) -> JSONResponse:
    contract = contract_of(world, conid)
    return answer(_info(contract) | {"rules": _rules(world, contract)})


@router.post("/iserver/contract/rules")
async def rules(request: Request, world: Here) -> JSONResponse:
    body = await json_object(request)
    return answer(_rules(world, contract_of(world, str(body.get("conid", "")))))


@router.get("/contract/trading-schedule")
async def trading_schedule(request: Request, world: Here) -> JSONResponse:
    """The sessions of the coming week, epoch seconds; never more than the price history knows."""
    contract_of(world, request.query_params.get("conid", ""))
    calendar, now = world.market.calendar, world.clock.now()
    today = now.astimezone(NEW_YORK).date()
    schedules: dict[str, Any] = {}
    for row, day in enumerate(calendar.sessions):
        shut = world.rules.closed and day == today
        if today <= day < today + timedelta(days=_SCHEDULE_DAYS) and not shut:
            hours = {"opening": int(calendar.opens[row]), "closing": int(calendar.closes[row])}
            schedules[f"{day:%Y%m%d}"] = {
                "liquid_hours": [hours],
                "extended_hours": [hours | {"cancel_daily_orders": True}],
            }
    return answer({"exchange_time_zone": "US/Eastern", "schedules": schedules})
