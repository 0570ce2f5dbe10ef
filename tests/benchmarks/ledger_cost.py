"""What the ledger costs a run: runs of this process through the same MCP server, with every ledger call timed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, cast

from app.agent import perform_with_agents
from app.commands.processes import LOOPBACK
from app.desk.ports import Ledger
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.settings import Settings, load_settings, shipped_policy
from app.wiring import wire
from tests.benchmarks.world import MeasurementFailed, World


@dataclass(frozen=True, slots=True)
class LedgerSample:
    """One run's calls to the ledger and the milliseconds until they were committed; `orders` the run had."""

    calls: int
    milliseconds: float
    orders: int


class TimedLedger:
    """Passes every call on and keeps how long it took."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.milliseconds: list[float] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._ledger, name)

        def timed(*args: object, **kwargs: object) -> object:
            started = perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.milliseconds.append((perf_counter() - started) * 1000)

        return timed


async def ledger_samples(world: World, move: Callable[[], None], count: int) -> tuple[LedgerSample, ...]:
    """`count` runs, a new day each, in the book that the world's service writes too. The first warms up, uncounted."""
    wiring = await asyncio.to_thread(wire, _settings(world))
    samples: list[LedgerSample] = []
    try:
        for _ in range(count + 1):
            await asyncio.to_thread(move)
            desk = wiring.desk()
            ledger = TimedLedger(desk.ledger)
            timed = replace(desk, ledger=cast(Ledger, ledger))
            result = await run_daily(timed, RunRequest(), perform_with_agents)
            if result.report is None:
                raise MeasurementFailed(f"run {result.run_id} is another process's")
            samples.append(
                LedgerSample(len(ledger.milliseconds), sum(ledger.milliseconds), len(result.report["orders"]))
            )
    finally:
        await wiring.close()
    return tuple(samples[1:])


def _settings(world: World) -> Settings:
    return load_settings(
        state_dir=world.state,
        database_url=None,
        policy_file=shipped_policy(),
        model_name="offline/rules",
        trading_mode="paper",
        ibkr_account_id=None,
        mcp_url=f"http://{LOOPBACK}:{world.ports.mcp}/mcp",
        mcp_token=None,
        mcp_token_file=world.state / "mcp.token",
        ticket_key=None,
        ticket_key_file=world.state / "ticket.key",
    )
