"""Runs of the service: they go on when the caller hangs up, and their result becomes an answer."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from app.desk.records import RunStatus
from app.desk.report.standing import lease_facts
from app.desk.run.attempt import RunResult
from app.domain.errors import PortfolioError
from app.web.problems import documented

_logger = logging.getLogger(__name__)
Result = TypeVar("Result")
# What a call that works at the desk can be answered with besides 200; what another caller has begun is not waited for.
AT_THE_DESK = documented(500)
# With the report of a run that an earlier call made: this one did nothing.
MADE_BEFORE = "Made-Before"
RUN = {202: {"description": "in progress; see its address"}, **AT_THE_DESK}


async def run_to_end(app: FastAPI, work: Coroutine[Any, Any, Result]) -> Result:
    """The work's result. It goes on where the caller hangs up, and the service waits for it before it ends."""
    task = asyncio.create_task(work)
    app.state.runs.add(task)
    task.add_done_callback(app.state.runs.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_log_failure)
        raise


def _log_failure(task: asyncio.Task[Any]) -> None:
    """Of work that failed after its caller had hung up; what was foreseen is one line."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        foreseen = isinstance(error, PortfolioError)
        _logger.error("work that nobody waits for any more failed: %s", error, exc_info=None if foreseen else error)


def response_of(result: RunResult) -> Response:
    """200 with the report, or 202 with the address of a run in progress."""
    if result.report is None:
        address = f"/runs/{result.run_id}"
        body = {
            "run_id": result.run_id,
            "status": RunStatus.RUNNING.value,
            "address": address,
            **lease_facts(result.lease),
        }
        return JSONResponse(body, 202, {"Location": address})
    return JSONResponse(dict(result.report), headers={} if result.fresh else {MADE_BEFORE: "true"})
