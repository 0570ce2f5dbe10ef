"""Cash flows. One is written once; one that was wrong is answered by another, never changed."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from app.desk.records import Event, Flow
from app.domain.errors import LedgerError
from app.domain.flows import MOST, impossible
from app.ledger import events
from app.ledger.events import OwnKind
from app.ledger.schema import flows

_OF_BOOK = select(flows).where(flows.c.book == bindparam("of")).order_by(flows.c.session_date, flows.c.seq)


def add(connection: Connection, book: str, flow: Flow, at: datetime) -> None:
    """The row has the number of its event."""
    problem = impossible(flow.amount, flow.session_date)
    if problem is not None:
        raise LedgerError(problem)
    if not (flow.note.strip() and flow.actor.strip()):
        raise LedgerError("a flow cannot be recorded without a note and who says so", "Give both")
    values = {
        "session_date": flow.session_date,
        "amount": flow.amount,
        "note": flow.note,
        "actor": flow.actor,
    }
    seq = events.append(connection, book, None, (Event(OwnKind.FLOW_ADDED, values),), at)
    connection.execute(insert(flows).values(book=book, seq=seq, **values))


def load(connection: Connection, book: str) -> tuple[Flow, ...]:
    """Oldest session first, and within one in the order of recording."""
    stored = connection.execute(_OF_BOOK, {"of": book})
    found = (Flow(row.session_date, row.amount, row.note, row.actor) for row in stored)
    # Earlier versions recorded 1e400, which nobody could answer any more: it stays in the trail alone.
    return tuple(flow for flow in found if abs(flow.amount) < MOST)
