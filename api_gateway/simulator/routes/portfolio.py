"""Portfolio endpoints: accounts, positions, summary, ledger and allocation of the paper accounts."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.accounts import portfolio_view as view
from api_gateway.simulator.errors import refused
from api_gateway.simulator.routes.http import Here, account_list, answer, check_account, required
from api_gateway.simulator.wire import whole_number
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")

_PAGE, _ACCOUNT_PAGE = 100, 20


def _ready(world: World, account: str) -> None:
    world.session.require_portfolio_accounts()
    check_account(world, account)


@router.get("/portfolio/accounts")
@router.get("/portfolio/subaccounts")
async def accounts(world: Here) -> JSONResponse:
    world.session.portfolio_accounts_queried = True
    return answer([view.account_row(world, account) for account in world.accounts])


@router.get("/portfolio/subaccounts2")
async def paged_accounts(request: Request, world: Here) -> JSONResponse:
    """For logins with many accounts, in pages from page 0."""
    number = whole_number(required(request, "page"))
    if number is None:
        raise refused(400, "Bad Request: page must be a number")
    world.session.portfolio_accounts_queried = True
    listed = world.accounts[_ACCOUNT_PAGE * number : _ACCOUNT_PAGE * (number + 1)]
    return answer(
        {
            "metadata": {"total": len(world.accounts), "pageSize": _ACCOUNT_PAGE, "pageNum": number},
            "subaccounts": [view.account_row(world, account) for account in listed],
        }
    )


@router.get("/portfolio/positions/{conid}")
async def position_everywhere(conid: str, world: Here) -> JSONResponse:
    """An object keyed by account, unlike the documentation's list."""
    world.session.require_portfolio_accounts()
    return answer({account: _of_contract(world, account, conid) for account in world.accounts})


def _of_contract(world: World, account: str, conid: str) -> list[dict[str, Any]]:
    rows = view.positions(world, account, world.look(), complete=True)
    return [row for row in rows if str(row["conid"]) == conid]


@router.get("/portfolio/{account}/positions/{page}")
async def positions(account: str, page: str, world: Here) -> JSONResponse:
    """At most 100 per page from page 0, empty past the end; the first read lacks names and classification.

    The first page lacks them always where the broker is set so.
    """
    _ready(world, account)
    number = whole_number(page)
    if number is None:
        raise refused(400, "Bad Request: page must be a number")
    complete = not world.session.first_read("position_names") and not (number == 0 and world.rules.bare_first_page)
    page_slice = slice(_PAGE * number, _PAGE * (number + 1))
    return answer(view.positions(world, account, world.look(), complete, page_slice))


@router.get("/portfolio/{account}/combo/positions")
async def combinations(account: str, world: Here) -> JSONResponse:
    """None: only stocks are held, each by itself."""
    _ready(world, account)
    return answer([])


@router.post("/portfolio/{account}/positions/invalidate")
async def invalidate(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    world.cache.invalidate(account)
    return answer({"message": "success"})


@router.get("/portfolio2/{account}/positions")
async def near_real_time_positions(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(view.near_real_time_positions(world, account, world.look()))


@router.get("/portfolio/{account}/position/{conid}")
async def position(account: str, conid: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(_of_contract(world, account, conid))


@router.get("/portfolio/{account}/summary")
async def summary(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(view.summary(world, account, world.look()))


@router.get("/portfolio/{account}/ledger")
async def ledger(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(view.ledger(world, account, world.look()))


@router.get("/portfolio/{account}/allocation")
async def allocation(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(view.allocation(world, [account], world.look()))


@router.post("/portfolio/allocation")
async def allocation_of_several(request: Request, world: Here) -> JSONResponse:
    """The accounts' sum."""
    world.session.require_portfolio_accounts()
    return answer(view.allocation(world, await account_list(request, world), world.look()))


@router.get("/portfolio/{account}/meta")
async def meta(account: str, world: Here) -> JSONResponse:
    _ready(world, account)
    return answer(view.account_row(world, account))
