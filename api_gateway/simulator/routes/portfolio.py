"""Portfolio endpoints: accounts, positions, summary, ledger and allocation of the one paper account."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api_gateway.simulator import portfolio_view as view
from api_gateway.simulator.errors import refused
from api_gateway.simulator.web import Here, answer, check_account
from api_gateway.simulator.wire import whole_number
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")


def _ready(world: World, account: str) -> None:
    world.session.require_portfolio_accounts()
    check_account(world, account)


@router.get("/portfolio/accounts")
@router.get("/portfolio/subaccounts")
async def accounts(world: Here) -> JSONResponse:
    world.session.portfolio_accounts_queried = True
    return answer([view.account_row(world)])


@router.get("/portfolio/positions/{conid}")
async def position_everywhere(conid: str, world: Here) -> JSONResponse:
    """An object keyed by account, unlike the documentation's list."""
    world.session.require_portfolio_accounts()
    rows = view.positions(world, world.look(), complete=True)
    return answer({world.account: [row for row in rows if str(row["conid"]) == conid]})


@router.get("/portfolio/{account}/positions/{page}")
async def positions(account: str, page: str, world: Here) -> JSONResponse:
    """At most 100 per page from page 0, empty past the end; the first read lacks names and classification."""
    _ready(world, account)
    number = whole_number(page)
    if number is None:
        raise refused(400, "Bad Request: page must be a number")
    complete = not world.session.first_read("position_names")
    rows = view.positions(world, world.look(), complete)
    start = 100 * number
    return answer(rows[start : start + 100])


@router.post("/portfolio/{account}/positions/invalidate")
async def invalidate(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer({"message": "success"})


@router.get("/portfolio2/{account}/positions")
async def near_real_time_positions(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(view.near_real_time_positions(world, world.look()))


@router.get("/portfolio/{account}/position/{conid}")
async def position(account: str, conid: str, world: Here) -> JSONResponse:
    _ready(world, account)
    rows = view.positions(world, world.look(), complete=True)
    return answer([row for row in rows if str(row["conid"]) == conid])


@router.get("/portfolio/{account}/summary")
async def summary(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(view.summary(world, world.look()))


@router.get("/portfolio/{account}/ledger")
async def ledger(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(view.ledger(world, world.look()))


@router.get("/portfolio/{account}/allocation")
async def allocation(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(view.allocation(world, world.look()))


@router.get("/portfolio/{account}/meta")
async def meta(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(view.account_row(world))
