"""The five stages in their order. Whoever performs them, with or without agents, takes the order from here."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from app.desk.desk import Desk
from app.desk.records import Event
from app.desk.stages.decide import decide, evaluate
from app.desk.stages.execute import execute
from app.desk.stages.read import read_account, read_market
from app.desk.states import AccountRead, Decided, Evaluated, Executed, MarketRead, Run

Needed = TypeVar("Needed", bound=Run)
Given = TypeVar("Given", bound=Run)
PerformStages = Callable[[Desk, Run], Awaitable[Executed]]


@dataclass(frozen=True, slots=True)
class Stage(Generic[Needed, Given]):
    """One step of the day: `work` takes a run in the state that it `needs` and gives back one that knows more."""

    name: str
    description: str
    needs: type[Needed]
    work: Callable[[Desk, Needed], Awaitable[Given]]


READ_ACCOUNT: Stage[Run, AccountRead] = Stage(
    "ibkr_reader_agent", "Reads positions, cash and open orders from the broker.", Run, read_account
)
READ_MARKET: Stage[AccountRead, MarketRead] = Stage(
    "market_reader_agent", "Reads quotes, price histories and the market's state.", AccountRead, read_market
)
EVALUATE: Stage[MarketRead, Evaluated] = Stage(
    "portfolio_evaluator_agent", "Measures the portfolio against the policy's limits.", MarketRead, evaluate
)
DECIDE: Stage[Evaluated, Decided] = Stage(
    "decision_maker_agent", "Works out the plans that the policy allows and chooses one.", Evaluated, decide
)
EXECUTE: Stage[Decided, Executed] = Stage(
    "order_executor_agent",
    "Previews the plan's orders, and sends each once where the mode allows.",
    Decided,
    execute,
)
STAGES: tuple[Stage[Any, Any], ...] = (READ_ACCOUNT, READ_MARKET, EVALUATE, DECIDE, EXECUTE)


async def perform_stage(stage: Stage[Needed, Given], desk: Desk, run: Needed) -> Given:
    """One stage, timed, its calls on record; it raises what the stage raises."""
    started = time.perf_counter()
    with run.journal.listening(stage.name):
        done = await stage.work(desk, run)
    milliseconds = (time.perf_counter() - started) * 1000
    done.journal.add(Event("stage", {"name": stage.name, "milliseconds": f"{milliseconds:.1f}"}))
    # A claimed run's events are committed with its plan, before a send, and with its close. A preview has none of them.
    if done.claim is None:
        await done.journal.flush()
    return replace(done, timings={**done.timings, stage.name: milliseconds})


async def perform_stages(desk: Desk, run: Run) -> Executed:
    """All stages, one after the other, without an agent framework."""
    account_read = await perform_stage(READ_ACCOUNT, desk, run)
    market_read = await perform_stage(READ_MARKET, desk, account_read)
    evaluated = await perform_stage(EVALUATE, desk, market_read)
    decided = await perform_stage(DECIDE, desk, evaluated)
    return await perform_stage(EXECUTE, desk, decided)
