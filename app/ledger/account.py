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
    filled = intents.filled(connection, book)
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
        orders=_orders(connection, book, coids, filled),
        open_intents=intents.open_of_book(connection, book, session_date),
    )


def _orders(
    connection: Connection, book: str, coids: Collection[str], filled: Sequence[IntentRecord]
) -> Mapping[str, IntentRecord]:
    """Most of what a broker shows has filled, and an id is sent once."""
    known = {intent.coid: intent for intent in filled}
    others = [coid for coid in coids if coid not in known]
    return {coid: known[coid] for coid in coids if coid in known} | intents.find(connection, book, others)
