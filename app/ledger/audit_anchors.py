"""The audit against heads that were put down elsewhere: what a chain by itself cannot show.

Somebody who can change the whole database can cut the newest events off, put an old backup back or write the chain
anew, and every hash agrees again. A head that was kept elsewhere does not.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, bindparam, select

from app.ledger.events import first_link
from app.ledger.schema import events, ledger_head
from app.record.anchors import Anchor

_LINK = select(events.c.link).where(events.c.number == bindparam("at"))


def check_anchors(connection: Connection, anchors: Sequence[Anchor]) -> Iterator[str]:
    """What is missing or different of the events that were the newest then."""
    head = connection.execute(select(ledger_head)).one_or_none()
    for anchor in anchors:
        _, number, link = anchor.head
        place = f"anchor of {anchor.at.isoformat(timespec='seconds')}, event {number}"
        if head is None:
            yield f"{place}: the ledger was emptied"
        elif head.ledger_id != anchor.head.ledger_id:
            yield f"{place}: is of another ledger"
        elif number > head.number:
            yield f"{place}: the newest event is {head.number}, so the tail was cut off or an older copy put back"
        elif _link(connection, head.ledger_id, number) != link:
            yield f"{place}: is another event now, so the chain was written anew"


def _link(connection: Connection, ledger_id: str, number: int) -> str | None:
    if number == 0:
        return first_link(ledger_id)
    return connection.execute(_LINK, {"at": number}).scalar_one_or_none()
