"""The brokerage side of the accounts: the primer, which one is selected, daily profit and loss, balances, rates."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.accounts import balances_view as balances
from api_gateway.simulator.accounts.account_book import Valuation
from api_gateway.simulator.errors import refused
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.routes.http import Here, answer, check_account, json_object
from api_gateway.simulator.wire import day_text
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")


@router.get("/iserver/accounts")
async def accounts(world: Here) -> JSONResponse:
    world.session.accounts_queried = True
    return answer(balances.brokerage_accounts(world))


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
    return answer({"upnl": balances.profit_and_loss(world, world.look())})


@router.get("/iserver/exchangerate")
async def exchange_rate(request: Request, world: Here) -> JSONResponse:
    source, target = request.query_params.get("source"), request.query_params.get("target")
    known = world.rates.currencies
    if source not in known or target not in known:
        # No foreign prices are simulated for an account in dollars, and none are invented.
        raise refused(500, f"No exchange rate from {source} to {target} for {day_text(world.clock.now())}")
    rate = {"rate": float(world.rates.cross(source, target, world.moment()))}
    return answer(rate if source == target else rate | {"simulator": {"fictional": ["rate"]}})


def _summary(world: World, account: str) -> tuple[Moment, Valuation]:
    moment = _looked(world, account)
    return moment, world.accounting.valuation(account, moment)


def _looked(world: World, account: str) -> Moment:
    world.session.require_accounts()
    check_account(world, account)
    return world.look()


@router.get("/iserver/account/{account}/summary")
async def summary(account: str, world: Here) -> JSONResponse:
    """Whole numbers, unlike its four parts, which are texts with a currency."""
    moment, valuation = _summary(world, account)
    return answer(balances.overview(valuation, world.scenario.currency, world.accounting.balances(account, moment)))


@router.get("/iserver/account/{account}/summary/available_funds")
async def available_funds(account: str, world: Here) -> JSONResponse:
    _, valuation = _summary(world, account)
    return answer(balances.segments(balances.available_funds(valuation), world.scenario.currency))


@router.get("/iserver/account/{account}/summary/balances")
async def balances_of(account: str, world: Here) -> JSONResponse:
    moment, valuation = _summary(world, account)
    previous = world.accounting.close_values(account, moment.session - 1)[-1]
    return answer(balances.segments(balances.cash_balances(valuation, float(previous)), world.scenario.currency))


@router.get("/iserver/account/{account}/summary/margins")
async def margins(account: str, world: Here) -> JSONResponse:
    _, valuation = _summary(world, account)
    return answer(balances.segments(balances.margins(valuation), world.scenario.currency))


@router.get("/iserver/account/{account}/summary/market_value")
async def market_value(account: str, world: Here) -> JSONResponse:
    """By currency, and the one part whose texts carry none."""
    held = world.accounting.balances(account, _looked(world, account))
    return answer({currency: balances.market_value(one) for currency, one in held.items()})
