"""What a run is to know of its account, read in one transaction: values of different moments may contradict."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, bindparam, select

from app.desk.records import AccountRecord, IntentRecord
from app.ledger import controls, flows, intents, navs, run_memory
from app.ledger.schema import runs

_STARTED = select(runs.c.started_at).where(runs.c.run_id == bindparam("run")).scalar_subquery()
_SINCE = select(runs.c.run_id).where(runs.c.book == bindparam("of"), runs.c.started_at >= _STARTED)


def account_record(connection: Connection, book: str, session_date: date, coids: Collection[str]) -> AccountRecord:
    """`coids`: which orders are looked up."""
    snapshot = run_memory.last_snapshot(connection, book)
    sent = intents.sent(connection, book)
    filled = tuple(intent for intent in sent if intent.filled_quantity > 0)
    later: frozenset[str] = frozenset()
    if snapshot is not None and filled:
        later = frozenset(connection.execute(_SINCE, {"of": book, "run": snapshot.run_id}).scalars())
    return AccountRecord(
        snapshot=snapshot,
        evaluation=run_memory.last_evaluation(connection, book, session_date),
        navs=navs.load(connection, book),
        flows=flows.load(connection, book),
        quarantined=controls.quarantined(connection, book),
        filled=filled,
        filled_since=tuple(
            intent
            for intent in filled
            if snapshot and intent.run_id in later and intent.session_date >= snapshot.session_date
        ),
        orders=_orders(connection, book, coids, sent),
        open_intents=tuple(each for each in sent if each.session_date == session_date and each.state in intents.OPEN),
    )


def _orders(
    connection: Connection, book: str, coids: Collection[str], sent: Sequence[IntentRecord]
) -> Mapping[str, IntentRecord]:
    """What a broker shows was sent, and an id is sent once."""
    known = {intent.coid: intent for intent in sent}
    others = [coid for coid in coids if coid not in known]
    return {coid: known[coid] for coid in coids if coid in known} | intents.find(connection, book, others)
