"""Market data endpoints: snapshots with their pre-flight, historical bars, unsubscribing."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.contracts import Contract
from api_gateway.simulator.errors import refused
from api_gateway.simulator.history_bars import (
    Chart,
    Window,
    chart_of,
    check_step,
    empty_envelope,
    envelope,
    legacy_envelope,
    window_of,
)
from api_gateway.simulator.sessions import Moment
from api_gateway.simulator.snapshot import snapshot_row
from api_gateway.simulator.web import Here, answer, json_object
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


def _window_end(world: World, text: str | None) -> datetime:
    """`startTime` is the END of the window (default direction); UTC, as YYYYMMDD-HH:mm:ss."""
    now = world.clock.now()
    if text is None:
        return now
    try:
        asked = datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise refused(400, "Bad Request: startTime must be YYYYMMDD-HH:mm:ss") from error
    return min(asked, now)


def _moment_at(world: World, end: datetime) -> Moment | None:
    """None where no bar can exist: the first session has no prior close to start from."""
    if end.timestamp() < int(world.market.calendar.opens[1]):
        return None
    return world.market.calendar.moment(end)


@dataclass(frozen=True)
class _Asked:
    """A request for bars; `chart` is None where there is none."""

    contract: Contract
    period: str
    window: Window
    end: datetime
    chart: Chart | None


def _charted(request: Request, world: World) -> _Asked:
    query = request.query_params
    conid, period = whole_number(query.get("conid", "")), query.get("period", "")
    contract = world.universe.by_conid.get(conid) if conid is not None else None
    if contract is None or not contract.has_prices:
        raise refused(500, "Chart data unavailable")
    if query.get("direction", "-1") != "-1":
        raise refused(400, "Bad Request: the simulated history knows direction -1 alone")
    cold = contract.conid not in world.session.charted
    world.session.charted.add(contract.conid)
    if cold and world.rules.cold_history:
        raise refused(500, "Chart data unavailable")
    if world.rules.step_table:
        check_step(period, query.get("bar"))
    end = _window_end(world, query.get("startTime"))
    moment = _moment_at(world, end)
    window = window_of(period, query.get("bar"), world.market, moment or world.moment())
    chart = chart_of(world.market, contract, window, moment) if moment is not None else None
    return _Asked(contract, period, window, end, chart)


@router.get("/iserver/marketdata/history")
async def history(request: Request, world: Here) -> JSONResponse:
    asked = _charted(request, world)
    if asked.chart is None:
        return answer(empty_envelope(world.market, asked.contract, asked.period, asked.window, asked.end))
    return answer(envelope(world.market, asked.contract, asked.period, asked.window, asked.chart))


@router.get("/hmds/history")
async def legacy_history(request: Request, world: Here) -> JSONResponse:
    """404 before `/hmds/auth/init` (documented for the legacy scanner; the shape is the one of the beta pages)."""
    if not world.session.history_service:
        raise refused(404, "Resource not found")
    asked = _charted(request, world)
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
