"""The five stages in their order. Whoever runs them, with or without agents, takes the order from here."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from app.desk.desk import Desk, Run
from app.desk.records import Event
from app.desk.stages.decide import decide, evaluate
from app.desk.stages.execute import execute
from app.desk.stages.read import read_account, read_market


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the day: `work` takes what the run knows and gives back more."""

    name: str
    description: str
    work: Callable[[Desk, Run], Awaitable[Run]]


STAGES = (
    Stage("ibkr_reader_agent", "Reads positions, cash and open orders from the broker.", read_account),
    Stage("market_reader_agent", "Reads quotes, price histories and the market's state.", read_market),
    Stage("portfolio_evaluator_agent", "Measures the portfolio against the policy's limits.", evaluate),
    Stage("decision_maker_agent", "Works out the plans that the policy allows and chooses one.", decide),
    Stage("order_executor_agent", "Previews the plan's orders, and sends each once where the mode allows.", execute),
)


async def perform(stage: Stage, desk: Desk, run: Run) -> Run:
    """One stage, timed, its calls on record, its events committed; it raises what the stage raises."""
    started = time.perf_counter()
    with run.journal.listening():
        done = await stage.work(desk, run)
    milliseconds = (time.perf_counter() - started) * 1000
    done.journal.add(Event("stage", {"name": stage.name, "milliseconds": f"{milliseconds:.1f}"}))
    await done.journal.flush()
    return replace(done, timings={**done.timings, stage.name: milliseconds})


async def in_order(desk: Desk, run: Run) -> Run:
    """All stages, one after the other, without an agent framework."""
    for stage in STAGES:
        run = await perform(stage, desk, run)
    return run
