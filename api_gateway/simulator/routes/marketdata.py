"""Market data endpoints: snapshots with their pre-flight, historical bars, unsubscribing."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.contracts import Contract
from api_gateway.simulator.errors import refused
from api_gateway.simulator.history_bars import chart_of, empty_envelope, envelope, window_of
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


@router.get("/iserver/marketdata/snapshot")
async def snapshot(request: Request, world: Here) -> JSONResponse:
    world.session.require_accounts()
    contracts = _conids(world, request.query_params.get("conids"))
    fields = frozenset(part.strip() for part in request.query_params.get("fields", "").split(",") if part.strip())
    if len(fields) > _MAXIMUM_FIELDS:
        raise refused(400, f"Bad Request: at most {_MAXIMUM_FIELDS} fields")
    moment = world.look()
    rows = [
        snapshot_row(
            world.market,
            one,
            moment,
            fields,
            world.session.snapshot_read(one.conid),
            halted=one.tradable and one.symbol in world.rules.halted,
        )
        for one in contracts
    ]
    return answer(rows)


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


@router.get("/iserver/marketdata/history")
async def history(request: Request, world: Here) -> JSONResponse:
    query = request.query_params
    conid, period = whole_number(query.get("conid", "")), query.get("period", "")
    contract = world.universe.by_conid.get(conid) if conid is not None else None
    if contract is None or not contract.has_prices:
        raise refused(500, "Chart data unavailable")
    end = _window_end(world, query.get("startTime"))
    moment = _moment_at(world, end)
    window = window_of(period, query.get("bar"), world.market, moment or world.moment())
    if moment is None:
        return answer(empty_envelope(world.market, contract, period, window, end))
    return answer(envelope(world.market, contract, period, window, chart_of(world.market, contract, window, moment)))


@router.post("/iserver/marketdata/unsubscribe")
async def unsubscribe(request: Request, world: Here) -> JSONResponse:
    conid = (await json_object(request)).get("conid")
    if not isinstance(conid, int) or conid not in world.session.snapshot_reads:
        raise refused(404, "Bad Request: no such subscription")
    del world.session.snapshot_reads[conid]
    return answer({"success": True})


@router.get("/iserver/marketdata/unsubscribeall")
async def unsubscribe_all(world: Here) -> JSONResponse:
    world.session.snapshot_reads.clear()
    return answer({"unsubscribed": True})
