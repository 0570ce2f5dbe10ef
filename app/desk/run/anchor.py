"""The ledger's newest head, put down elsewhere: after each closed run where a place is set, and when a person asks."""

import logging
from datetime import datetime
from importlib.metadata import version

from app.desk.desk import Desk
from app.desk.records import RunKey
from app.desk.run.notify import put_down
from app.domain.errors import PortfolioError
from app.record.anchors import Anchor, Head, line_of

_logger = logging.getLogger(__name__)
_TITLE = "the ledger's head could not be put down elsewhere"


async def anchor_run(desk: Desk, key: RunKey) -> None:
    """Where it cannot be, the log says so and a person is told; it fails nothing."""
    if desk.anchor_place is None:
        return
    try:
        newest = await desk.in_thread(desk.ledger.head)
        await desk.anchor_place.put(anchor_line(newest, desk.now()))
    except PortfolioError as error:
        _logger.error("%s: %s", _TITLE, error)
        if desk.policy.notifications.urls:
            await put_down(desk, key, ("anchor",), _TITLE, str(error))


def anchor_line(newest: Head, at: datetime) -> str:
    """As this version writes it."""
    return line_of(Anchor(newest, at, version("portfolio-manager")))
