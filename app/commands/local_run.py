"""Work at a desk of this process, with an MCP server of its own, where no service is asked."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.commands.leftovers import end_leftovers
from app.commands.processes import free_ports, mcp_server, private_directory
from app.commands.service_client import IN_PROGRESS, MadeBefore, Report, ServiceFailed
from app.commands.signals import run_cancellable
from app.desk.desk import Desk, Progress
from app.desk.run.attempt import RunResult
from app.desk.run.notify import deliver
from app.desk.run.wait import Patience, lease_words, wait_and_start
from app.desk.stages.pipeline import PerformStages
from app.domain.slots import DAILY_SLOT
from app.settings import Settings, load_settings

Job = Callable[[Desk, PerformStages, Progress], Awaitable[RunResult]]
NOBODY_WAITS = Patience()


def run_locally(
    settings: Settings, job: Job, tell: Progress, patience: Patience = NOBODY_WAITS, slot: str = DAILY_SLOT
) -> Report:
    """The report of the job, against IBKR_GATEWAY_URL. Raises ServiceFailed where it was stopped or is another's."""
    from app.agent import perform_with_agents
    from app.wiring import wire

    state = private_directory(settings.state_dir)
    end_leftovers(state, tell)
    tell("starting the MCP server")
    with mcp_server(state, free_ports().mcp, settings.ibkr_gateway_url, settings.trading_mode) as variables:
        here = load_settings(
            state_dir=state,
            mcp_url=variables["MCP_URL"],
            mcp_token_file=Path(variables["MCP_TOKEN_FILE"]),
            ticket_key_file=Path(variables["TICKET_KEY_FILE"]),
        )

        async def work() -> RunResult:
            wiring = wire(here)
            desk = wiring.desk()
            try:
                return await wait_and_start(desk, lambda: job(desk, perform_with_agents, tell), patience, tell, slot)
            finally:
                await deliver(desk)
                await wiring.close()

        try:
            # An order on the wire gets its answer on record before the process ends, which an exit would not leave.
            result = run_cancellable(work())
        except asyncio.CancelledError:
            raise ServiceFailed("the run was stopped", "Run again: the next run goes on where it stopped") from None
    if result.report is None:
        seconds = result.lease.seconds if result.lease else 0.0
        raise ServiceFailed(f"run {result.run_id} is in progress elsewhere; {lease_words(seconds)}", IN_PROGRESS)
    return result.report if result.fresh else MadeBefore(result.report)
