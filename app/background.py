"""What the service does without being asked: it ends what processes that were killed left behind, makes up for a day
that waited for the broker's session, reminds of a login that is missing, and delivers what runs have to tell.

Must never end by itself, and never start a day that nobody has asked for.
"""

import asyncio
import logging

from fastapi import FastAPI

from app.agent import perform_with_agents
from app.desk.run.catch_up import catch_up, login_missing
from app.desk.run.notify import deliver
from app.domain.errors import PortfolioError
from app.settings import Settings
from app.web.runs import run_to_end
from app.wiring import Wiring

_logger = logging.getLogger(__name__)
WATCH_SECONDS = 30.0


async def watch_day(app: FastAPI, settings: Settings, seconds: float) -> None:
    """Looks every so many seconds, until it is cancelled; a run that it began goes on to its end."""
    said, pause = "", 0.0
    while True:
        await asyncio.sleep(pause)
        try:
            await asyncio.to_thread(_put_to_rest, app.state.wiring)
            # At the start only what the service before left behind is looked at.
            if pause:
                await run_to_end(app, _look(app.state.wiring, settings))
            said = ""
        except PortfolioError as error:
            # Once, not twice a minute for a weekend.
            if str(error) != said:
                _logger.warning("the day's watch cannot see: %s", error)
            said = str(error)
        except Exception:
            # Supervised: tomorrow's run may need it.
            _logger.exception("the watch over the day failed; it goes on")
        pause = seconds


def _put_to_rest(wiring: Wiring) -> None:
    count = wiring.ledger.put_to_rest(wiring.owner)
    if count:
        _logger.warning("%d runs whose process has ended are put down as failed", count)


async def _look(wiring: Wiring, settings: Settings) -> None:
    desk = await asyncio.to_thread(wiring.desk)
    try:
        session = await desk.broker.session()
        await login_missing(desk, session, settings.login_reminder_minutes)
        if settings.catch_up:
            await catch_up(desk, session, perform_with_agents)
    finally:
        await deliver(desk)
