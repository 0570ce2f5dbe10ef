"""What the service does without being asked: it makes up for a day that waited for the broker's session.

Must never end by itself, and never start a day that nobody has asked for.
"""

import asyncio
import logging

from fastapi import FastAPI

from app.agent import conduct
from app.desk.attempt import RunResult
from app.desk.catching_up import catch_up
from app.domain.errors import PortfolioError
from app.routes.running import kept
from app.wiring import Wiring

_logger = logging.getLogger(__name__)
WATCH_SECONDS = 30.0


async def watch_day(app: FastAPI, seconds: float) -> None:
    """Looks every so many seconds, until it is cancelled; a run that it began goes on to its end."""
    said = ""
    while True:
        await asyncio.sleep(seconds)
        try:
            await kept(app, _look(app.state.wiring))
            said = ""
        except PortfolioError as error:
            # Once, not twice a minute for a weekend.
            if str(error) != said:
                _logger.warning("the day's watch cannot see: %s", error)
            said = str(error)
        except Exception:
            # Supervised: tomorrow's run may need it.
            _logger.exception("the watch over the day failed; it goes on")


async def _look(wiring: Wiring) -> tuple[RunResult, ...]:
    desk = await asyncio.to_thread(wiring.desk)
    return await catch_up(desk, await desk.broker.session(), conduct)
