"""Sends notices to the addresses of the settings, apart from the watchdog, which never waits for a mail server.

Must never raise, and never write an address to the log: it holds a password.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from api_gateway.clientportal.notices import Notice

_logger = logging.getLogger(__name__)
# What takes the gateway's network down often takes the notice's down as well.
_PAUSES: Final = (0.0, 30.0, 300.0)
_WAITING: Final = 20


class Notifier:
    """`addresses` are Apprise's: mailto://, tgram://, json:// for an HTTP hook. Without any only the log is told."""

    def __init__(self, addresses: tuple[str, ...], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._addresses = addresses
        self._sleep = sleep
        self._waiting: asyncio.Queue[Notice] = asyncio.Queue(_WAITING)

    async def tell(self, notice: Notice) -> None:
        """Takes the notice and returns; of too many that wait the newest is dropped."""
        _logger.warning("%s. %s", notice.title, notice.text)
        if not self._addresses:
            return
        try:
            self._waiting.put_nowait(notice)
        except asyncio.QueueFull:
            _logger.error("too many notices wait; this one is not sent: %s", notice.title)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        sender = asyncio.create_task(self._send_all(), name="notifier")
        try:
            yield
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send_all(self) -> None:
        while True:
            notice = await self._waiting.get()
            for pause in _PAUSES:
                await self._sleep(pause)
                if await self._send(notice):
                    break
            else:
                _logger.error("given up, not delivered: %s", notice.title)

    async def _send(self, notice: Notice) -> bool:
        try:
            return await asyncio.to_thread(_deliver, self._addresses, notice)
        except Exception as error:  # noqa: BLE001 - supervised: the next notice goes out whatever this one met
            # Its text and traceback may hold the address.
            _logger.error("a notice failed with %s: %s", type(error).__name__, notice.title)
            return False


def _deliver(addresses: tuple[str, ...], notice: Notice) -> bool:
    # Imported when there is something to send: it takes a third of a second and most servers send nothing.
    from apprise import Apprise, NotifyType

    courier = Apprise()
    known = [courier.add(address) for address in addresses]
    if not all(known):
        _logger.error("%d of %d notification addresses are not understood", known.count(False), len(known))
    kind = NotifyType.WARNING if notice.needs_person else NotifyType.SUCCESS
    # Each service by itself: all at once they would leave threads behind in the process.
    told = [service.notify(body=notice.text, title=notice.title, notify_type=kind) for service in courier]
    return bool(told) and all(told)
