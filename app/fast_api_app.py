"""The service: the daily run over HTTP, the runs on record, and whether it could work now."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from app.agent import perform_with_agents
from app.background import WATCH_SECONDS, watch_day
from app.desk.accounts import named
from app.desk.desk import Progress, silent
from app.desk.report.standing import overview, standing_of
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.desk.run_names import run_meant
from app.domain.errors import PortfolioError, UsageError
from app.domain.session import SessionState
from app.market.calendar import ExchangeCalendar
from app.settings import Settings, load_settings
from app.web import controls as control
from app.web import events, flows, front
from app.web.call_limits import CallLimits
from app.web.middleware import ANY_CALL, SERVED, add_middleware
from app.web.problems import documented, fault, problem, problem_of
from app.web.runs import AT_THE_DESK, MADE_BEFORE, RUN, response_of, run_to_end
from app.wiring import Wiring, wire

_logger = logging.getLogger(__name__)
NDJSON = "application/x-ndjson"


def create_app(settings: Settings | None = None, watch_seconds: float = WATCH_SECONDS) -> FastAPI:
    """The application; nothing is opened before it starts. Settings default to the environment's."""
    settings = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.wiring = await asyncio.to_thread(wire, settings)
        app.state.runs = set()
        app.state.growth = events.Growth(app.state.wiring.ledger)
        # The calendar takes half a second to load: now, while nobody waits.
        calendar = asyncio.create_task(asyncio.to_thread(ExchangeCalendar().is_session, datetime.now(UTC).date()))
        watch = asyncio.create_task(watch_day(app, settings, watch_seconds), name="watch")
        yield
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await calendar
        # A run is not cut off half way: an order on the wire needs its answer on record.
        await asyncio.gather(*app.state.runs, return_exceptions=True)
        await app.state.growth.close()
        await app.state.wiring.close()

    caller_token = settings.read_caller_token()
    token = caller_token.get_secret_value() if caller_token else None
    app = FastAPI(
        title="Portfolio manager",
        version="1",
        lifespan=lifespan,
        responses=ANY_CALL,
        swagger_ui_oauth2_redirect_url=None,
    )
    for each in (front.router, open_router, router, events.router, control.router, flows.router):
        app.include_router(each)
    add_middleware(app, token, CallLimits(settings.calls_per_minute), settings.body_seconds)
    return app


open_router = APIRouter()
router = APIRouter(responses=SERVED)


@router.post("/run/daily", responses=RUN)
async def daily(
    request: Request,
    account: str | None = None,
    slot: str = "daily",
    dry_run: bool = False,
    accept: Annotated[str, Header()] = "application/json",
) -> Response:
    """Run the day's slot, or give the result of the run that did. `Accept: application/x-ndjson` brings progress."""
    asked = RunRequest(account, slot, dry_run)
    if NDJSON in accept:
        return StreamingResponse(_progress_lines(request, asked), media_type=NDJSON)
    return response_of(await run_to_end(request.app, _run(request, asked, silent)))


@router.get("/runs")
async def runs(
    request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 20, account: str | None = None
) -> list[dict[str, Any]]:
    """The newest runs, newest first; of one account where it is named."""
    ledger = request.app.state.wiring.ledger
    return [overview(record) for record in await asyncio.to_thread(ledger.runs, limit, None, named(account))]


@router.get("/runs/{run_id}", responses=documented(404))
async def one_run(request: Request, run_id: str) -> Response:
    """The report of a run that has ended, or how far one has come. The beginning of an id is enough, and `last`."""
    ledger = request.app.state.wiring.ledger

    def told() -> Mapping[str, Any]:
        record = run_meant(ledger, run_id)
        return record.report or standing_of(ledger, record)

    try:
        return JSONResponse(dict(await asyncio.to_thread(told)))
    except UsageError as error:
        return problem(404, "Not Found", error.cause, "GET /runs lists them")


@open_router.get("/health")
async def health() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/ready", responses=AT_THE_DESK)
async def ready(request: Request) -> Response:
    """Whether a run could start now: the ledger can be written and the broker's session is READY."""
    wiring: Wiring = request.app.state.wiring
    await asyncio.to_thread(wiring.ledger.require_usable)
    session = await wiring.desk().broker.session()
    is_ready = session.state is SessionState.READY
    body = {
        "ready": is_ready,
        "broker_session": session.state.value,
        "message": session.message,
        "remedy": session.remedy,
        "source": session.source,
        "since": session.since.isoformat() if session.since else None,
        "login_url": session.login_url,
        "next_reset": session.next_reset.isoformat() if session.next_reset else None,
    }
    return JSONResponse(body, 200 if is_ready else 503)


async def _run(request: Request, asked: RunRequest, progress: Progress) -> RunResult:
    wiring: Wiring = request.app.state.wiring
    desk = await asyncio.to_thread(wiring.desk)
    return await run_daily(desk, asked, perform_with_agents, progress)


async def _progress_lines(request: Request, asked: RunRequest) -> AsyncIterator[str]:
    """Lines of JSON: `progress` while it works, then one with `status` and the `body` that a plain call would get.

    `made_before` is in it where the report is of a run that an earlier call made.
    """
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    async def work() -> RunResult:
        try:
            return await _run(request, asked, lines.put_nowait)
        finally:
            lines.put_nowait(None)

    running = asyncio.ensure_future(run_to_end(request.app, work()))
    try:
        while (line := await lines.get()) is not None:
            yield json.dumps({"progress": line}) + "\n"
        last = response_of(await running)
    except PortfolioError as error:
        last = problem_of(error)
    except Exception:
        # The answer has begun: its last line is where a caller still hears of a fault.
        _logger.exception("the run failed")
        last = fault()
    finally:
        # Where the caller has hung up nobody awaits it any more; the work itself goes on.
        running.cancel()
    told = {"status": last.status_code, "body": json.loads(bytes(last.body))}
    yield json.dumps(told | ({"made_before": True} if MADE_BEFORE in last.headers else {})) + "\n"
