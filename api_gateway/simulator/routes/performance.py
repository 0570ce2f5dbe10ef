"""Performance endpoints: net asset values and returns by period, and transactions."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.accounts import performance_view as view
from api_gateway.simulator.errors import refused
from api_gateway.simulator.routes.http import Here, account_list, answer, json_object

router = APIRouter(prefix="/v1/api")

_DEFAULT_DAYS, _MAXIMUM_DAYS = 90, 36_500


@router.post("/pa/performance")
async def performance(request: Request, world: Here) -> JSONResponse:
    accounts = await account_list(request, world)
    period = (await json_object(request)).get("period", "1Y")
    if not isinstance(period, str) or period not in view.PERIODS:
        raise refused(400, f"Bad Request: period must be one of {', '.join(view.PERIODS)}")
    return answer(view.performance(world, accounts, period, world.look()))


@router.post("/pa/allperiods")
async def all_periods(request: Request, world: Here) -> JSONResponse:
    accounts = await account_list(request, world)
    return answer(view.all_periods(world, accounts, world.look()))


@router.post("/pa/transactions")
async def transactions(request: Request, world: Here) -> JSONResponse:
    """Of the first account named (documented: one account and one contract at a time)."""
    accounts, body = await account_list(request, world), await json_object(request)
    conids, days = _conids(body.get("conids")), body.get("days", _DEFAULT_DAYS)
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= _MAXIMUM_DAYS:
        raise refused(400, "Bad Request: days must be a positive number")
    return answer(view.transactions(world, accounts[0], conids, days, world.look()))


def _conids(given: object) -> frozenset[int]:
    """As numbers or as text (documented)."""
    found = given if isinstance(given, list) else []
    if not found or not all(type(one) is int or (isinstance(one, str) and one.isdecimal()) for one in found):
        raise refused(400, "Bad Request: conids is required")
    return frozenset(int(one) for one in found)
