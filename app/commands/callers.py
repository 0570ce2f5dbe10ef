"""How the command line gets work done: by asking a service, or by doing it here with an MCP server of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from app.commands.asking import IN_PROGRESS, Call, Service, ServiceFailed, client
from app.commands.leftovers import settle
from app.commands.processes import free_ports, mcp_server, private_directory
from app.commands.signals import run_cancellable
from app.desk.desk import Desk, Progress
from app.desk.run.attempt import RunResult
from app.desk.run.notify import deliver
from app.desk.run.wait import Patience, lease_words, patiently
from app.desk.stages.pipeline import PerformStages
from app.domain.slots import DAILY_SLOT
from app.settings import Settings, load_settings

Job = Callable[[Desk, PerformStages, Progress], Awaitable[RunResult]]
Report = Mapping[str, Any]
WHILE_IT_TAKES, NOBODY_WAITS = Patience(turn=True), Patience()


def ask_service(
    settings: Settings,
    url: str,
    path: str,
    body: Mapping[str, Any] | None,
    tell: Progress,
    patience: Patience = WHILE_IT_TAKES,
) -> Report:
    """POST; progress goes to `tell`. A report, waiting for another caller's run to end where there is one.

    Raises UsageError where the request was wrong, OutOfTime when the caller's time is up, ServiceFailed for everything
    else that went wrong.
    """
    caller_token = settings.read_caller_token()
    token = caller_token.get_secret_value() if caller_token else None
    with client(url) as http:
        return Service(http, token, tell, patience).work(Call(path, body))


def work_here(
    settings: Settings, job: Job, tell: Progress, patience: Patience = NOBODY_WAITS, slot: str = DAILY_SLOT
) -> Report:
    """This process works as the app, against IBKR_GATEWAY_URL."""
    from app.agent import perform_with_agents
    from app.wiring import wire

    state = private_directory(settings.state_dir)
    settle(state, tell)
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
                return await patiently(desk, lambda: job(desk, perform_with_agents, tell), patience, tell, slot)
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
    return result.report
