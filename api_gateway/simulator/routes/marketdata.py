"""Market data endpoints: snapshots with their pre-flight, historical bars, unsubscribing."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.errors import refused
from api_gateway.simulator.exchange.charts import asked_chart, chart_envelope
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.history_bars import legacy_envelope
from api_gateway.simulator.exchange.snapshot import snapshot_row
from api_gateway.simulator.routes.http import Here, answer, json_object
from api_gateway.simulator.wire import whole_number
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")

_MAXIMUM_CONIDS, _MAXIMUM_FIELDS = 100, 50


def _conids(world: World, text: str | None) -> list[Contract]:
    """Unknown contracts are left out of a snapshot without a word."""
    wanted = [part.split("@")[0].strip() for part in (text or "").split(",") if part.strip()]
    numbers = [whole_number(part) for part in wanted]
    if not numbers or None in numbers:
        raise refused(400, "Bad Request: conids is required")
    if len(numbers) > _MAXIMUM_CONIDS:
        raise refused(400, f"Bad Request: at most {_MAXIMUM_CONIDS} conids")
    known = world.universe.by_conid
    return [known[number] for number in numbers if number in known]


def _fields(request: Request) -> frozenset[str]:
    fields = frozenset(part.strip() for part in request.query_params.get("fields", "").split(",") if part.strip())
    if len(fields) > _MAXIMUM_FIELDS:
        raise refused(400, f"Bad Request: at most {_MAXIMUM_FIELDS} fields")
    return fields


@router.get("/iserver/marketdata/snapshot")
async def snapshot(request: Request, world: Here) -> JSONResponse:
    world.session.require_accounts()
    contracts = _conids(world, request.query_params.get("conids"))
    return answer(_snapshots(world, contracts, _fields(request)))


@router.get("/md/snapshot")
async def legacy_snapshot(request: Request, world: Here) -> JSONResponse:
    """The beta pages' endpoint of the first tier, no longer documented; answers like the other one."""
    return answer(_snapshots(world, _conids(world, request.query_params.get("conids")), _fields(request)))


def _snapshots(world: World, contracts: list[Contract], fields: frozenset[str]) -> list[dict[str, Any]]:
    moment, session = world.look(), world.session
    return [
        snapshot_row(world.market, one, moment, fields, session.snapshot_read(one.conid), world.rules)
        for one in contracts
    ]


@router.get("/iserver/marketdata/history")
async def history(request: Request, world: Here) -> JSONResponse:
    return answer(chart_envelope(world, asked_chart(world, request.query_params)))


@router.get("/hmds/history")
async def legacy_history(request: Request, world: Here) -> JSONResponse:
    """404 before `/hmds/auth/init` (documented for the legacy scanner; the shape is the one of the beta pages)."""
    if not world.session.history_service:
        raise refused(404, "Resource not found")
    asked = asked_chart(world, request.query_params)
    return answer(legacy_envelope(asked.chart, asked.end))


@router.post("/iserver/marketdata/unsubscribe")
async def unsubscribe(request: Request, world: Here) -> JSONResponse:
    conid = (await json_object(request)).get("conid")
    if not isinstance(conid, int) or conid not in world.session.snapshot_reads:
        raise refused(500, "unknown")  # documented, for a feed that is not open
    del world.session.snapshot_reads[conid]
    return answer({"success": True})


@router.get("/iserver/marketdata/unsubscribeall")
async def unsubscribe_all(world: Here) -> JSONResponse:
    world.session.snapshot_reads.clear()
    return answer({"unsubscribed": True})
