"""Notices to the user ("FYI"), which need a login and no brokerage session. Keys of one or two letters (documented)."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.accounts.user_data import KINDS, Notice
from api_gateway.simulator.errors import refused
from api_gateway.simulator.routes.http import Here, answer, json_object
from api_gateway.simulator.wire import epoch_s, whole_number
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api/fyi")

_MOST_NOTICES = 10
_DONE = {"V": 1, "T": 10}
_DISCLAIMER = "This is a simulated gateway. Nothing it says is a recommendation, and no money moves."


@router.get("/unreadnumber")
async def unread(world: Here) -> JSONResponse:
    return answer({"BN": sum(not one.read for one in world.user_data.notices.values())})


@router.get("/notifications")
async def notices(request: Request, world: Here) -> JSONResponse:
    """Newest first, ten at most."""
    return answer([_row(one) for one in world.user_data.newest()[: _most(request)]])


@router.get("/notifications/more")
async def more_notices(request: Request, world: Here) -> JSONResponse:
    """Those that are older than the one whose `id` is given."""
    newest = world.user_data.newest()
    last = _found(world, request.query_params.get("id", ""))
    return answer([_row(one) for one in newest[newest.index(last) + 1 :][: _most(request)]])


@router.put("/notifications/{notice_id}")
async def mark_read(notice_id: str, world: Here) -> JSONResponse:
    notice = world.user_data.mark_read(_found(world, notice_id))
    return answer(_DONE | {"P": {"R": int(notice.read), "ID": notice.notice_id}})


@router.get("/settings")
async def settings(world: Here) -> JSONResponse:
    """`A` is whether notices of the kind are wanted, `H` whether its disclaimer was read."""
    kept = world.user_data
    return answer(
        [
            {
                "FC": kind,
                "H": int(kind in kept.accepted),
                "A": int(kind not in kept.silenced),
                "FD": text,
                "FN": name,
            }
            for kind, (name, text) in KINDS.items()
        ]
    )


@router.post("/settings/{kind}")
async def change_setting(kind: str, request: Request, world: Here) -> JSONResponse:
    enabled = (await json_object(request)).get("enabled")
    if not isinstance(enabled, bool):
        raise refused(400, "Bad Request: enabled must be true or false")
    kept = world.user_data
    kept.silenced = kept.silenced - {kind} if enabled else kept.silenced | {_known(kind)}
    return answer(_DONE)


@router.get("/disclaimer/{kind}")
async def disclaimer(kind: str) -> JSONResponse:
    return answer({"FC": _known(kind), "DT": _DISCLAIMER})


@router.put("/disclaimer/{kind}")
async def accept_disclaimer(kind: str, world: Here) -> JSONResponse:
    world.user_data.accepted |= {_known(kind)}
    return answer(_DONE)


@router.get("/deliveryoptions")
async def delivery(world: Here) -> JSONResponse:
    """No device is registered."""
    return answer({"E": [], "M": int(world.user_data.email)})


@router.put("/deliveryoptions/email")
async def deliver_by_email(request: Request, world: Here) -> JSONResponse:
    enabled = request.query_params.get("enabled")
    if enabled not in ("true", "false"):
        raise refused(400, "Bad Request: enabled must be true or false")
    world.user_data.email = enabled == "true"
    return answer(_DONE)


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise refused(500, "unknown")
    return kind


def _most(request: Request) -> int:
    number = whole_number(request.query_params.get("max", str(_MOST_NOTICES)))
    if number is None:
        raise refused(400, "Bad Request: max must be a number")
    return min(number, _MOST_NOTICES)


def _found(world: World, notice_id: str) -> Notice:
    found = world.user_data.notices.get(notice_id)
    if found is None:
        raise refused(500, "unknown")
    return found


def _row(notice: Notice) -> dict[str, Any]:
    return {
        "R": int(notice.read),
        "D": f"{epoch_s(notice.at)}.0",
        "MS": notice.title,
        "MD": notice.text,
        "ID": notice.notice_id,
        "HT": 0,
        "FC": notice.kind,
    }
