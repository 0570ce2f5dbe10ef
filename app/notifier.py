"""Messages to people through Apprise, an address a channel. Never writes an address to the log: it holds a password."""

import asyncio
import logging
from collections.abc import Sequence

_logger = logging.getLogger(__name__)


class AppriseNotifier:
    """See `Notifier`."""

    async def send(self, addresses: Sequence[str], title: str, text: str) -> bool:
        """See `Notifier.send`."""
        try:
            return await asyncio.to_thread(_send, addresses, title, text)
        except Exception as error:  # noqa: BLE001 - a hundred services fail in a hundred ways, and none may harm a run
            # Its text and traceback may hold the address.
            _logger.error("a message failed with %s: %s", type(error).__name__, title)
            return False


def _send(addresses: Sequence[str], title: str, text: str) -> bool:
    # Imported when there is something to send: most services send nothing.
    from apprise import Apprise

    courier = Apprise()
    for number, address in enumerate(addresses):
        if not courier.add(address):
            _logger.error("notifications.urls.%d is not an address that Apprise knows", number)
    # Each service by itself: all at once they would leave threads behind in the process.
    told = [service.notify(body=text, title=title) for service in courier]
    return bool(told) and all(told)
