"""Cash that executions do not explain. A row is written once; a wrong one is answered by another, never changed."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, or_, select

from app.desk.records import Event, Flow, RunStatus, ToldFlow
from app.domain.cash import CashKind
from app.domain.errors import LedgerError
from app.domain.flows import MOST, impossible
from app.ledger import events
from app.ledger.events import OwnKind
from app.ledger.run_memory import Kind
from app.ledger.schema import events as recorded
from app.ledger.schema import flows, run_memory, runs

_OF_BOOK = select(flows).where(flows.c.book == bindparam("of")).order_by(flows.c.session_date, flows.c.seq)
_OF_ROW = select(flows.c.seq).where(flows.c.book == bindparam("of"), flows.c.external_id == bindparam("row"))


# How the row that takes another back names it.
TAKEN_BACK = "taken-back-"
_NEWEST_COUNTED = (
    select(func.max(recorded.c.seq))
    .outerjoin(runs, runs.c.run_id == recorded.c.run_id)
    .outerjoin(run_memory, and_(run_memory.c.run_id == runs.c.run_id, run_memory.c.kind == Kind.ACCOUNT))
    .where(
        recorded.c.book == bindparam("of"),
        or_(
            recorded.c.kind == OwnKind.NAVS_ADDED,
            and_(recorded.c.kind == OwnKind.RUN_SEALED, runs.c.dry_run.is_(False), run_memory.c.run_id.is_not(None)),
        ),
    )
)
_AT_WORK = select(runs.c.number).where(
    runs.c.book == bindparam("of"), runs.c.status == RunStatus.RUNNING, runs.c.dry_run.is_(False)
)


def add(connection: Connection, book: str, flow: Flow, at: datetime) -> int | None:
    """The row has the number of its event. What a row of the broker tells is written once, however often it is told."""
    problem = impossible(flow.amount, flow.session_date)
    if problem is not None:
        raise LedgerError(problem)
    if not (flow.note.strip() and flow.actor.strip()):
        raise LedgerError("a flow cannot be recorded without a note and who says so", "Give both")
    if flow.external_id is not None and connection.execute(_OF_ROW, {"of": book, "row": flow.external_id}).first():
        return None
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
    return seq


def take_back(connection: Connection, book: str, number: int, reason: str, actor: str, at: datetime) -> bool:
    """By a row of its own, which leaves both out of every sum. False where that could make a gain or a loss of it."""
    # The chain's head is the book's lock: no run may begin to reckon with it meanwhile.
    events.head(connection, book)
    found = next((one for one in told(connection, book) if one.number == number), None)
    if found is None or found.counted or found.taken_back is not None:
        return False
    flow = found.flow
    answer = replace(flow, amount=-flow.amount, note=reason, actor=actor, external_id=f"{TAKEN_BACK}{number}")
    return add(connection, book, answer, at) is not None


def told(connection: Connection, book: str) -> tuple[ToldFlow, ...]:
    """In the order of `load`, with what was taken back."""
    rows = connection.execute(_OF_BOOK, {"of": book}).all()
    answers = {row.external_id: row.note for row in rows if _takes_back(row)}
    newest = connection.execute(_NEWEST_COUNTED, {"of": book}).scalar_one() or 0
    at_work = connection.execute(_AT_WORK, {"of": book}).first() is not None
    return tuple(
        ToldFlow(row.seq, _flow(row), at_work or row.seq < newest, answers.get(f"{TAKEN_BACK}{row.seq}"))
        for row in rows
        if not _takes_back(row) and abs(row.amount) < MOST
    )


def load(connection: Connection, book: str) -> tuple[Flow, ...]:
    """Oldest session first, and within one in the order of recording; income among them, what was taken back not."""
    rows = connection.execute(_OF_BOOK, {"of": book}).all()
    gone = {row.external_id for row in rows if _takes_back(row)}
    # Earlier versions recorded 1e400, which nobody could answer any more: it stays in the trail alone.
    return tuple(
        _flow(row)
        for row in rows
        if not _takes_back(row) and f"{TAKEN_BACK}{row.seq}" not in gone and abs(row.amount) < MOST
    )


def _takes_back(row: Row[Any]) -> bool:
    return row.external_id is not None and row.external_id.startswith(TAKEN_BACK)


def _flow(row: Row[Any]) -> Flow:
    kind = CashKind(row.kind) if row.kind is not None else None
    return Flow(row.session_date, row.amount, row.note, row.actor, kind, row.external_id)


def paid(connection: Connection, book: str) -> tuple[Flow, ...]:
    """What was paid in and out."""
    return tuple(flow for flow in load(connection, book) if not flow.is_income)
