"""The whole examination: what does not hang on each other is looked at side by side, within fifteen seconds."""

import asyncio
from datetime import UTC, datetime

from app.commands.checks import gateway, ledger, local, mcp, names, sizes
from app.commands.checks.records import Check, Status, failure, ok
from app.commands.processes import DEFAULT_PORTS
from app.components.choosers import OFFLINE
from app.components.model_call import ask_once
from app.desk.desk import Progress, silent
from app.domain.errors import ModelError
from app.settings import Settings, provide_model_keys


async def examine(
    settings: Settings, url: str | None = None, ask_model: bool = False, tell: Progress = silent
) -> tuple[Check, ...]:
    """Every check in a fixed order, whatever is wrong."""
    policy, found = local.policy(settings)
    provide_model_keys(settings)
    async with asyncio.TaskGroup() as group:
        side = group.create_task(gateway.look())
        server = group.create_task(mcp.look(settings, side))
        stored = group.create_task(asyncio.to_thread(ledger.look, settings))
        calendar = group.create_task(asyncio.to_thread(local.calendar, datetime.now(UTC)))
        fitting = group.create_task(sizes.look(settings, found))
        service = group.create_task(local.service(settings, url))
        model = group.create_task(_model(settings, ask_model))
        ports = group.create_task(local.ports(DEFAULT_PORTS))
        side.add_done_callback(lambda _: tell("the gateway has been looked at"))
        server.add_done_callback(lambda _: tell("the MCP server has been looked at"))
        stored.add_done_callback(lambda _: tell("the database has been looked at"))
    universe = await names.look(settings, found, server.result())
    return (
        *side.result().checks,
        gateway.base_currency(side.result(), found.currency if found else None),
        *server.result(),
        service.result(),
        *stored.result(),
        ledger.disk(settings),
        local.settings_file(),
        policy,
        universe,
        fitting.result(),
        local.notifications(settings, found),
        calendar.result(),
        model.result(),
        local.state_directory(settings),
        local.secrets(settings),
        ports.result(),
        local.left_over(),
    )


async def _model(settings: Settings, ask: bool) -> Check:
    check = local.model(settings)
    if not ask or check.status is Status.FAILURE or settings.model_name == OFFLINE:
        return check
    try:
        said = await ask_once(settings.model_name)
    except ModelError as error:
        return failure("model", error.cause, error.remedy)
    return ok("model", f"{settings.model_name} answered {said!r}")
