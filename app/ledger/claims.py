"""Claims: who may work on a book, and what becomes of a run whose process has ended."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from app.desk.records import PROCESS_ENDED, Busy, Claim, Done, RunKey, RunStatus, new_run_id
from app.domain.errors import LedgerError, RunAtWork
from app.ledger import events
from app.ledger.events import OwnKind
from app.ledger.former_claims import require_as_told
from app.ledger.leases import NOBODY, Leases
from app.ledger.runs import owned, require_owned
from app.ledger.schema import runs
from app.ledger.transactions import number_if_absent

_OF_KEY = select(runs).where(runs.c.day_key == bindparam("key")).with_for_update()
_OTHERS_SEEN = (
    select(runs)
    .where(runs.c.book == bindparam("of"), runs.c.status == RunStatus.RUNNING, runs.c.day_key != bindparam("key"))
    .order_by(runs.c.number)
)
_OTHERS = _OTHERS_SEEN.with_for_update()
# Beside the key and who claims.
_TOLD = ("account", "session_date", "slot", "dry_run", "policy_hash")


def claim(
    connection: Connection, key: RunKey, owner: str, policy_hash: str, at: datetime, leases: Leases
) -> Claim | Busy | Done:
    """Insert the run or join the one that holds the key."""
    fresh = Claim(new_run_id(), key, owner, fence=1)
    _one_claim_at_a_time(connection, key.book)
    while True:
        held = connection.execute(_OF_KEY, {"key": key.text}).one_or_none()
        if held is not None and held.status != RunStatus.RUNNING:
            _clear(connection, _running_others(connection, fresh), fresh, at, leases)
            return _result(held)
        if held is not None and leases.holds(held):
            return _busy(connection, held, leases)
        at_work = _make_way(connection, fresh, at, leases)
        if at_work is not None:
            return at_work
        if held is not None:
            return _take_over(connection, held, replace(fresh, run_id=held.run_id), policy_hash, at, leases)
        if not key.dry_run:
            require_as_told(connection, key)
        # Runs end without this lock: another one may have had the key until a moment ago.
        if put_down(connection, fresh, policy_hash, at, leases):
            return fresh


def put_down(connection: Connection, fresh: Claim, policy_hash: str, at: datetime, leases: Leases) -> bool:
    """A new run, at work from now on; False where another one holds its key."""
    key = fresh.key
    values = {
        "run_id": fresh.run_id,
        "book": key.book,
        "account": key.account,
        "session_date": key.session_date,
        "slot": key.slot,
        "dry_run": key.dry_run,
        "day_key": key.text,
        "status": RunStatus.RUNNING,
        "owner": fresh.owner,
        "lease_until": leases.until,
        "fence": fresh.fence,
        "policy_hash": policy_hash,
        "started_at": at,
    }
    number = number_if_absent(connection, runs.c.number, values)
    if number is None:
        return False
    told = {name: values[name] for name in _TOLD}
    events.tell(connection, fresh, OwnKind.RUN_CLAIMED, {"key": key.text, "number": number, **told}, at)
    return True


def _one_claim_at_a_time(connection: Connection, book: str) -> None:
    # SQLite has one writer at a time as it is.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(book))))


def _busy(connection: Connection, held: Row[Any], leases: Leases) -> Busy:
    shorten(connection, held, leases)
    return Busy(held.run_id, leases.lease(held))


def shorten(connection: Connection, held: Row[Any], leases: Leases) -> None:
    """A lease that another clock wrote counts as one that begins when it is first seen, and not anew each time."""
    if leases.ends(held) < held.lease_until:
        _change(connection, held.run_id, lease_until=leases.ends(held))


def _make_way(connection: Connection, claimant: Claim, at: datetime, leases: Leases) -> Busy | None:
    """The book's other run that is at work, as one account's orders go one after the other, whatever their slot.

    One whose lease has lapsed is fenced or ended instead: whoever slept on it sends nothing beside the claimant. A dry
    run neither waits nor keeps others waiting.
    """
    others = _running_others(connection, claimant)
    real = [other for other in others if not other.dry_run and other.owner != NOBODY]
    if not claimant.key.dry_run:
        for other in real:
            if leases.holds(other):
                return _busy(connection, other, leases)
        for other in filter(_keeps_its_key, real):
            _fence(connection, other, claimant, at, leases)
    _clear(connection, others, claimant, at, leases)
    return None


def _clear(connection: Connection, others: Iterable[Row[Any]], claimant: Claim, at: datetime, leases: Leases) -> None:
    _end(connection, (other for other in others if not leases.holds(other)), claimant.owner, at)


def _running_others(connection: Connection, claimant: Claim) -> list[Row[Any]]:
    return list(connection.execute(_OTHERS, {"of": claimant.key.book, "key": claimant.key.text}))


def _keeps_its_key(row: Row[Any]) -> bool:
    """What was committed or reported is gone on with, or closed by somebody who knows what became of its orders."""
    return not row.dry_run and (row.plan is not None or row.sealed_seq is not None)


def _fence(connection: Connection, other: Row[Any], claimant: Claim, at: datetime, leases: Leases) -> None:
    fenced = replace(claimant, run_id=other.run_id, fence=other.fence + 1)
    ended = min(other.lease_until, leases.now)
    _change(connection, other.run_id, fence=fenced.fence, owner=NOBODY, lease_until=ended)
    payload = {"from_owner": other.owner, "by_run": claimant.key.text}
    events.tell(connection, fenced, OwnKind.RUN_FENCED, payload, at)


def _end(connection: Connection, left_behind: Iterable[Row[Any]], by: str, at: datetime) -> None:
    """Those of which nothing was committed end as failed and free their key."""
    for row in left_behind:
        if _keeps_its_key(row):
            continue
        key = RunKey(row.book, row.account, row.session_date, row.slot, row.dry_run)
        ended = Claim(row.run_id, key, by, row.fence + 1)
        values = {"status": RunStatus.FAILED, "day_key": None, "error": PROCESS_ENDED, "finished_at": at}
        _change(connection, row.run_id, fence=ended.fence, owner=NOBODY, **values)
        payload = {"from_owner": row.owner, "status": RunStatus.FAILED, "error": PROCESS_ENDED, "resumable": False}
        events.tell(connection, ended, OwnKind.RUN_ABANDONED, payload, at)


def _change(connection: Connection, run_id: str, **values: object) -> None:
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(**values))


def _result(held: Row[Any]) -> Done:
    if held.report is None:
        raise LedgerError(f"run {held.run_id} is {held.status} without a report", "Run `portfolio audit verify`")
    return Done(held.run_id, RunStatus(held.status), json.loads(held.report))


def _take_over(
    connection: Connection, held: Row[Any], claimant: Claim, policy_hash: str, at: datetime, leases: Leases
) -> Claim:
    taken = replace(claimant, fence=held.fence + 1, plan=None if held.plan is None else json.loads(held.plan))
    # A committed plan was made under its own policy, and that one stays on record with it.
    policy_hash = policy_hash if taken.plan is None else held.policy_hash
    values = {"owner": taken.owner, "fence": taken.fence, "lease_until": leases.until, "policy_hash": policy_hash}
    _change(connection, held.run_id, **values)
    payload = {"from_owner": held.owner, "policy_hash": policy_hash, "plan_hash": held.plan_hash}
    events.tell(connection, taken, OwnKind.RUN_TAKEN_OVER, payload, at)
    return taken


def reopen(connection: Connection, run_id: str, owner: str, at: datetime, leases: Leases) -> Claim:
    """The report that asked for approval stays until the run is closed again."""
    book = connection.execute(select(runs.c.book).where(runs.c.run_id == run_id)).scalar_one_or_none()
    if book is not None:
        _one_claim_at_a_time(connection, book)
    row = connection.execute(select(runs).where(runs.c.run_id == run_id).with_for_update()).one_or_none()
    if row is None:
        raise LedgerError(f"run {run_id} is not in the ledger", "`portfolio runs` lists those that are")
    if row.status != RunStatus.AWAITING_APPROVAL or row.day_key is None:
        raise LedgerError(f"run {run_id} is {row.status} and waits for no approval")
    key = RunKey(row.book, row.account, row.session_date, row.slot, row.dry_run)
    claim = Claim(run_id, key, owner, row.fence + 1, None if row.plan is None else json.loads(row.plan))
    at_work = _make_way(connection, claim, at, leases)
    if at_work is not None:
        raise RunAtWork(at_work.run_id, at_work.lease.seconds if at_work.lease else 0.0)
    values = {"status": RunStatus.RUNNING, "owner": owner, "fence": claim.fence, "lease_until": leases.until}
    _change(connection, run_id, **values, finished_at=None)
    payload = {"from_owner": row.owner, "plan_hash": row.plan_hash}
    events.tell(connection, claim, OwnKind.RUN_REOPENED, payload, at)
    return claim


def adopt(connection: Connection, claim: Claim, at: datetime, leases: Leases, *, same_day: bool) -> tuple[Claim, ...]:
    """The book's runs of earlier sessions that nobody can go on with, for the claim's owner to close."""
    owned(connection, claim)
    adopted = []
    for row in _running_others(connection, claim):
        if _is_to_adopt(row, claim, leases, same_day=same_day):
            key = RunKey(row.book, row.account, row.session_date, row.slot)
            taken = replace(claim, run_id=row.run_id, key=key)
            adopted.append(_take_over(connection, row, taken, row.policy_hash, at, leases))
    return tuple(adopted)


def any_to_adopt(connection: Connection, claim: Claim, leases: Leases, *, same_day: bool) -> bool:
    """Whether `adopt` has something to do; takes no lock. Fenced when the claim no longer holds."""
    require_owned(connection, claim)
    rows = connection.execute(_OTHERS_SEEN, {"of": claim.key.book, "key": claim.key.text})
    return any(_is_to_adopt(row, claim, leases, same_day=same_day) for row in rows)


def _is_to_adopt(row: Row[Any], claim: Claim, leases: Leases, *, same_day: bool) -> bool:
    last = claim.key.session_date
    late = row.session_date < last or (same_day and row.session_date == last)
    return late and _keeps_its_key(row) and not leases.holds(row)


def any_left_behind(connection: Connection, leases: Leases) -> bool:
    """Whether `put_to_rest` has something to do; takes no lock."""
    running = connection.execute(select(runs).where(runs.c.status == RunStatus.RUNNING)).all()
    return any(leases.ends(row) < row.lease_until or _is_left_behind(row, leases) for row in running)


def put_to_rest(connection: Connection, owner: str, leases: Leases) -> int:
    """End what was left behind in any book, where no order can hang on it. How many runs that were."""
    running = select(runs.c.book).where(runs.c.status == RunStatus.RUNNING).distinct().order_by(runs.c.book)
    count = 0
    for book in connection.execute(running).scalars().all():
        _one_claim_at_a_time(connection, book)
        query = select(runs).where(runs.c.book == book, runs.c.status == RunStatus.RUNNING).order_by(runs.c.number)
        rows = connection.execute(query.with_for_update()).all()
        for row in rows:
            shorten(connection, row, leases)
        left = [row for row in rows if _is_left_behind(row, leases)]
        # Nobody knows the market's time here.
        _end(connection, left, owner, leases.now)
        count += len(left)
    return count


def _is_left_behind(row: Row[Any], leases: Leases) -> bool:
    return leases.is_left_behind(row) and not _keeps_its_key(row)
