"""The audit against heads that were put down elsewhere: what a chain by itself cannot show.

Somebody who can change the whole database can cut the newest events off, put an old backup back or write the chain
anew, and every hash agrees again. A head that was kept elsewhere does not.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from app.ledger.events import link_at
from app.ledger.schema import ledger_head
from app.record.anchors import Anchor


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
        elif link_at(connection, head.ledger_id, number) != link:
            yield f"{place}: is another event now, so the chain was written anew"
