"""Before a day is claimed: are the runs that claimed it before as their events say?

By a row alone a day that has traded looks free once somebody has changed it by hand. Only the newest events of the book
are looked at, which is quick; `audit.verify` looks at all of them.
"""

import json

from sqlalchemy import Connection, bindparam, or_, select

from app.desk.records import RunKey
from app.domain.errors import LedgerUnavailable
from app.ledger.audit_rows import differing, stored_rows
from app.ledger.audit_told import Account, Told
from app.ledger.events import OwnKind
from app.ledger.schema import chain, events, runs

_NEWEST = 1000
_SEQ = select(chain.c.seq).where(chain.c.book == bindparam("of")).scalar_subquery()
_RECENT = (events.c.book == bindparam("of"), events.c.seq > _SEQ - _NEWEST)
_CLAIMS = select(events.c.run_id, events.c.payload).where(*_RECENT, events.c.kind == OwnKind.RUN_CLAIMED)
_STORY = (
    select(events)
    .where(*_RECENT, or_(events.c.run_id == bindparam("run"), events.c.kind == OwnKind.COLUMNS_FOUND))
    .order_by(events.c.seq)
)


def require_as_told(connection: Connection, key: RunKey) -> None:
    """LedgerUnavailable where a run that claimed the key before was altered or removed."""
    for run_id, payload in connection.execute(_CLAIMS, {"of": key.book}).all():
        if json.loads(payload)["key"] == key.text and (wrong := _wrong(connection, key.book, run_id)):
            raise LedgerUnavailable(
                f"run {run_id} claimed {key.slot} of {key.session_date} before, and its record {wrong}",
                "Nothing was begun: run `portfolio audit verify`, and restore the newest backup",
            )


def _wrong(connection: Connection, book: str, run_id: str) -> str | None:
    account = Account()
    for row in connection.execute(_STORY, {"of": book, "run": run_id}):
        if row.kind in set(OwnKind):
            account.note(Told(row.book, row.seq, row.run_id, row.kind, row.at, json.loads(row.payload)))
    for stored in stored_rows(connection, runs, {"run_id": run_id}):
        names = differing(runs, stored, account.tables[runs][(run_id,)])
        return f"is not what its events say ({', '.join(names)})" if names else None
    return "is not there any more"
