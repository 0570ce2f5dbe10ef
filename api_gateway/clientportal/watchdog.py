"""Keeps the session alive and follows it, from the start of the process to its end.

A gateway without requests for five minutes logs itself out, so this must not end, whatever happens to it. It never logs
in: a login is a person's, and one that is repeated by a machine locks the account.
"""

import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from api_gateway.clientportal.errors import State
from api_gateway.clientportal.notices import Episodes, Notice
from api_gateway.clientportal.pacing import Pacer
from api_gateway.clientportal.session import Session

_logger = logging.getLogger(__name__)
_BEAT_SECONDS: Final = 60.0
Tell = Callable[[Notice], Awaitable[None]]


async def to_the_log(notice: Notice) -> None:
    _logger.warning("%s. %s", notice.title, notice.text)


class Watchdog:
    """One for each gateway: `tell` gets every notice and must not wait for whoever reads it."""

    def __init__(self, session: Session, pacer: Pacer, tell: Tell = to_the_log, login_url: str | None = None) -> None:
        self._session = session
        self._pacer = pacer
        self._tell = tell
        self._episodes = Episodes(login_url)

    async def run(self) -> None:
        """Looks every minute while the session is ready, and soon and then ever less often while it is not."""
        delay = 1.0
        while True:
            try:
                ready = await self._beat()
            except Exception:
                # Supervised: a watchdog that ends by itself lets the session die overnight.
                _logger.exception("the session watchdog failed; it goes on")
                ready = False
            delay = 1.0 if ready else min(delay * 2, _BEAT_SECONDS)
            # Jitter spreads the beats of several servers; nothing secret depends on it.
            await self._pacer.sleep((_BEAT_SECONDS if ready else delay) * random.uniform(0.9, 1.0))  # noqa: S311

    async def _beat(self) -> bool:
        health = await self._session.health(max_age=0.0)
        notice = self._episodes.consider(health)
        if notice is not None:
            await self._tell(notice)
        return health.state is State.READY
