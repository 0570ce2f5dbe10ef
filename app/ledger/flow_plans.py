"""Withdrawals that a person announced. Each is written once, and so is what ended it."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from app.desk.records import Event, FlowPlan, PlanEnd
from app.domain.errors import LedgerError
from app.domain.flows import impossible
from app.ledger import events
from app.ledger.events import OwnKind
from app.ledger.schema import flow_plans

_ENDED = select(flow_plans.c.plan).where(flow_plans.c.book == bindparam("of"), flow_plans.c.plan.is_not(None))
_OPEN = (
    select(flow_plans)
    .where(flow_plans.c.book == bindparam("of"), flow_plans.c.plan.is_(None), flow_plans.c.seq.not_in(_ENDED))
    .order_by(flow_plans.c.due, flow_plans.c.seq)
)


def add(connection: Connection, book: str, plan: FlowPlan, at: datetime) -> FlowPlan:
    """With the number of its event."""
    problem = impossible(plan.amount, plan.due)
    if problem is not None or plan.amount < 0:
        raise LedgerError(problem or f"{plan.amount} is no amount that can be withdrawn")
    values = {
        "amount": plan.amount,
        "due": plan.due,
        "planned_on": plan.planned_on,
        "note": plan.note,
        "actor": plan.actor,
    }
    seq = events.append(connection, book, None, (Event(OwnKind.FLOW_PLANNED, values),), at)
    connection.execute(insert(flow_plans).values(book=book, seq=seq, **values))
    return FlowPlan(seq, plan.amount, plan.due, plan.note, plan.actor, plan.planned_on)


def end(connection: Connection, book: str, number: int, ending: PlanEnd, note: str, actor: str, at: datetime) -> None:
    """Nothing where it has ended already."""
    if number not in {plan.number for plan in load(connection, book)}:
        return
    values = {"plan": number, "ending": ending.value, "note": note, "actor": actor}
    seq = events.append(connection, book, None, (Event(OwnKind.FLOW_PLAN_ENDED, values),), at)
    connection.execute(insert(flow_plans).values(book=book, seq=seq, **values))


def load(connection: Connection, book: str) -> tuple[FlowPlan, ...]:
    """The open ones, earliest due first."""
    rows = connection.execute(_OPEN, {"of": book})
    return tuple(FlowPlan(row.seq, row.amount, row.due, row.note, row.actor, row.planned_on) for row in rows)
