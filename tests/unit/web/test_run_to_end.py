"""Work whose caller hangs up goes on, and its failure is one line in the log."""

import asyncio
import gc

import pytest
from fastapi import FastAPI

from app.domain.errors import BrokerUnavailable
from app.web.runs import run_to_end


@pytest.mark.parametrize(("error", "traced"), [(BrokerUnavailable("the broker is away"), False), (KeyError("x"), True)])
async def test_what_fails_after_its_caller_hung_up_is_told_to_the_log(
    caplog: pytest.LogCaptureFixture, error: Exception, traced: bool
) -> None:
    app, told = FastAPI(), asyncio.Event()
    app.state.runs = set()

    async def work() -> None:
        await told.wait()
        raise error

    caller = asyncio.create_task(run_to_end(app, work()))
    await asyncio.sleep(0)
    (running,) = app.state.runs
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    told.set()
    await asyncio.wait([running])
    del running, caller
    gc.collect()
    await asyncio.sleep(0)
    (record,) = caplog.records
    assert record.getMessage() == f"work that nobody waits for any more failed: {error}"
    assert bool(record.exc_info) is traced
    assert app.state.runs == set()
