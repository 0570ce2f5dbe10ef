"""What a run is to know of its account, read in one transaction: values of different moments may contradict."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, bindparam, select

from app.desk.account_record import AccountRecord
from app.desk.records import IntentRecord, Snapshot
from app.ledger import adoptions, controls, flow_plans, flows, intents, navs, run_memory
from app.ledger.schema import runs
from app.ledger.tax_basis import tax_basis

_STARTED = select(runs.c.started_at).where(runs.c.run_id == bindparam("run")).scalar_subquery()
_SINCE = select(runs.c.run_id).where(
    runs.c.run_id.in_(bindparam("among", expanding=True)), runs.c.started_at >= _STARTED
)


def account_record(connection: Connection, book: str, session_date: date, coids: Collection[str]) -> AccountRecord:
    """`coids`: which orders are looked up."""
    snapshot = run_memory.last_snapshot(connection, book)
    last = run_memory.last_evaluation(connection, book, session_date)
    taken_over = adoptions.load(connection, book)
    measured_since = taken_over is not None and last is not None and last[0] >= taken_over.adoption.session_date
    sent = intents.sent(connection, book)
    told = flows.load(connection, book)
    filled = tuple(intent for intent in sent if intent.filled_quantity > 0)
    return AccountRecord(
        snapshot=snapshot,
        adoption=taken_over.adoption if taken_over else None,
        adoption_mode=adoptions.chosen_mode(connection, book),
        inherited=taken_over.inherited if taken_over and not measured_since else None,
        evaluation=last[1] if last else None,
        navs=navs.load(connection, book),
        flows=tuple(flow for flow in told if not flow.is_income),
        quarantined=controls.quarantined(connection, book),
        filled=filled,
        filled_since=_since(connection, snapshot, filled),
        orders=_orders(connection, book, coids, sent),
        open_intents=tuple(each for each in sent if each.session_date == session_date and each.state in intents.OPEN),
        income=tuple(flow for flow in told if flow.is_income),
        plans=flow_plans.load(connection, book),
        tax_basis=tax_basis(connection, book, snapshot, filled),
        resumed=run_memory.resumed(connection, book, controls.resumed_at(connection, book)),
    )


def _since(
    connection: Connection, snapshot: Snapshot | None, filled: Sequence[IntentRecord]
) -> tuple[IntentRecord, ...]:
    """Those of the snapshot's run and of later ones."""
    recent = [intent for intent in filled if snapshot is not None and intent.session_date >= snapshot.session_date]
    if snapshot is None or not recent:
        return ()
    values = {"among": list({intent.run_id for intent in recent}), "run": snapshot.run_id}
    later = frozenset(connection.execute(_SINCE, values).scalars())
    return tuple(intent for intent in recent if intent.run_id in later)


def _orders(
    connection: Connection, book: str, coids: Collection[str], sent: Sequence[IntentRecord]
) -> Mapping[str, IntentRecord]:
    """What a broker shows was sent, and an id is sent once."""
    known = {intent.coid: intent for intent in sent}
    others = [coid for coid in coids if coid not in known]
    return {coid: known[coid] for coid in coids if coid in known} | intents.find(connection, book, others)
