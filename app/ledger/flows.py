"""Cash that executions do not explain. A row is written once; a wrong one is answered by another, never changed."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from app.desk.records import Event, Flow
from app.domain.cash import CashKind
from app.domain.errors import LedgerError
from app.domain.flows import MOST, impossible
from app.ledger import events
from app.ledger.events import OwnKind
from app.ledger.schema import flows

_OF_BOOK = select(flows).where(flows.c.book == bindparam("of")).order_by(flows.c.session_date, flows.c.seq)
_OF_ROW = select(flows.c.seq).where(flows.c.book == bindparam("of"), flows.c.external_id == bindparam("row"))


def add(connection: Connection, book: str, flow: Flow, at: datetime) -> None:
    """The row has the number of its event. What a row of the broker tells is written once, however often it is told."""
    problem = impossible(flow.amount, flow.session_date)
    if problem is not None:
        raise LedgerError(problem)
    if not (flow.note.strip() and flow.actor.strip()):
        raise LedgerError("a flow cannot be recorded without a note and who says so", "Give both")
    if flow.external_id is not None and connection.execute(_OF_ROW, {"of": book, "row": flow.external_id}).first():
        return
    values = {
        "session_date": flow.session_date,
        "amount": flow.amount,
        "note": flow.note,
        "actor": flow.actor,
    }
    if flow.kind is not None:
        values["kind"] = flow.kind.value
    if flow.external_id is not None:
        values["external_id"] = flow.external_id
    seq = events.append(connection, book, None, (Event(OwnKind.FLOW_ADDED, values),), at)
    connection.execute(insert(flows).values(book=book, seq=seq, **values))


def load(connection: Connection, book: str) -> tuple[Flow, ...]:
    """Oldest session first, and within one in the order of recording; income among them."""
    stored = connection.execute(_OF_BOOK, {"of": book})
    found = (
        Flow(
            row.session_date,
            row.amount,
            row.note,
            row.actor,
            CashKind(row.kind) if row.kind is not None else None,
            row.external_id,
        )
        for row in stored
    )
    # Earlier versions recorded 1e400, which nobody could answer any more: it stays in the trail alone.
    return tuple(flow for flow in found if abs(flow.amount) < MOST)


def paid(connection: Connection, book: str) -> tuple[Flow, ...]:
    """What was paid in and out."""
    return tuple(flow for flow in load(connection, book) if not flow.is_income)
