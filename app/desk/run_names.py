"""Which run a person means: a whole id, the beginning of one that no other has, or the newest.

An act on the wrong run cannot be taken back: there more of the id must be named, and `last` names none.
"""

import re

from app.desk.ports import Record
from app.desk.records import RunRecord
from app.domain.errors import UsageError
from app.domain.spelling import shortened

LAST = "last"
# To act on a run; enough that no other of the ledger is likely to begin so.
SHORTEST_TO_ACT = 8
_PREFIX = "run_"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHOWN = 10
_WHERE = "`portfolio runs` lists them"


def run_meant(ledger: Record, text: str, account: str | None = None) -> RunRecord:
    """To look at: `last` is the newest, of that account where one is named. Raises UsageError."""
    if text == LAST:
        newest = ledger.runs(1, None, account)
        if not newest:
            raise UsageError("there is no run on record", "`portfolio run` makes one")
        return newest[0]
    return _only(ledger, text)


def run_to_act_on(ledger: Record, text: str) -> RunRecord:
    """Raises UsageError also where fewer characters are named than an act needs."""
    found = ledger.run(text) if _ID.fullmatch(text) else None
    if found is None and _ID.fullmatch(text) and len(text) < SHORTEST_TO_ACT:
        raise UsageError(f"{text} is too short to name a run", f"Give {SHORTEST_TO_ACT} characters at least; {_WHERE}")
    return found or _only(ledger, text)


def _only(ledger: Record, text: str) -> RunRecord:
    unknown = UsageError(f"there is no run {shortened(text)}", _WHERE)
    if not _ID.fullmatch(text):
        raise unknown
    found = ledger.run(text)
    if found is not None:
        return found
    # The first letters are the same of every run, and people leave them out.
    ids = ledger.run_ids(text, _SHOWN + 1) or ledger.run_ids(_PREFIX + text, _SHOWN + 1)
    if len(ids) > 1:
        more = " and more" if len(ids) > _SHOWN else ""
        raise UsageError(f"several runs begin with {text}: {', '.join(ids[:_SHOWN])}{more}", "Name one of them")
    only = ledger.run(ids[0]) if ids else None
    if only is None:
        raise unknown
    return only
