"""Watchlists: those of the user, which clients of every kind share. The broker's own lists are none here."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.accounts.user_data import Watchlist
from api_gateway.simulator.errors import refused
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.routes.http import Here, answer, contract_of, json_object, required
from api_gateway.simulator.wire import epoch_ms, whole_number
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")


@router.get("/iserver/watchlists")
async def watchlists(world: Here) -> JSONResponse:
    rows = [
        {
            "is_open": False,
            "read_only": False,
            "name": one.name,
            "modified": epoch_ms(one.modified),
            "id": one.list_id,
            "type": "watchlist",
        }
        for one in world.user_data.watchlists.values()
    ]
    data = {"scanners_only": False, "show_scanners": False, "bulk_delete": False, "user_lists": rows}
    return answer({"data": data, "action": "content", "MID": world.user_data.ask()})


@router.get("/iserver/watchlist")
async def watchlist(request: Request, world: Here) -> JSONResponse:
    """The first read of a session says of each contract what it is called and no more (documented)."""
    found = _found(world, required(request, "id"))
    complete = not world.session.first_read("watchlist")
    known = world.universe.by_conid
    rows = [_instrument(known[conid], complete) if conid is not None else {"H": ""} for conid in found.conids]
    return answer(_head(found) | {"instruments": rows})


@router.post("/iserver/watchlist")
async def create(request: Request, world: Here) -> JSONResponse:
    """A list of the same id is replaced. The answer names no contract (documented)."""
    body = await json_object(request)
    list_id, name, rows = body.get("id"), body.get("name"), body.get("rows")
    if whole_number(str(list_id)) is None:
        raise refused(400, "Bad Request: id must be a number")
    if not isinstance(name, str) or not name.strip() or not isinstance(rows, list):
        raise refused(400, "Bad Request: name and rows are required")
    conids = tuple(_conid(world, row) for row in rows)
    world.user_data.watchlists[str(list_id)] = Watchlist(str(list_id), name, conids, world.clock.now())
    return answer(_head(world.user_data.watchlists[str(list_id)]) | {"instruments": []})


@router.delete("/iserver/watchlist")
async def delete(request: Request, world: Here) -> JSONResponse:
    found = _found(world, required(request, "id"))
    del world.user_data.watchlists[found.list_id]
    return answer({"data": {"deleted": found.list_id}, "action": "context", "MID": world.user_data.ask()})


def _found(world: World, list_id: str) -> Watchlist:
    found = world.user_data.watchlists.get(list_id)
    if found is None:
        raise refused(503, "Service Unavailable")
    return found


def _conid(world: World, row: object) -> int | None:
    """Of a row like {"C": 8314}; {"H": ""} is a blank one."""
    if isinstance(row, dict) and "C" in row:
        return contract_of(world, str(row["C"])).conid
    if isinstance(row, dict) and "H" in row:
        return None
    raise refused(400, "Bad Request: a row has C or H")


def _head(found: Watchlist) -> dict[str, Any]:
    return {
        "id": found.list_id,
        "hash": str(epoch_ms(found.modified)),
        "name": found.name,
        "readOnly": False,
    }


def _instrument(contract: Contract, complete: bool) -> dict[str, Any]:
    row = {"C": str(contract.conid), "conid": contract.conid, "name": contract.name}
    if not complete:
        return row
    kind = contract.security_type
    more = {"fullName": contract.symbol, "assetClass": kind, "ticker": contract.symbol, "chineseName": contract.name}
    return {"ST": kind} | row | more
