"""Runs: who may work on a session, and what became of it. A run's key is held by one run at a time, by constraint.

Leases are on the real clock and only say when somebody else may step in; what keeps two writers apart is the fence.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, not_, or_, select, update

from app.desk.records import HOLDS_KEY, Book, Busy, Claim, Done, Event, RunKey, RunRecord, RunStatus
from app.domain.errors import Fenced, LedgerError
from app.domain.navs import NavPoint
from app.domain.order import OrderState
from app.ledger import events, navs, questions
from app.ledger.canonical import canonical, digest
from app.ledger.events import OwnKind
from app.ledger.schema import intents, runs
from app.ledger.transactions import insert_if_absent

# Owns a run that was fenced and that nobody has taken over yet.
NOBODY = "nobody"
_IN_DOUBT = (OrderState.SENDING, OrderState.UNKNOWN)
_UNSETTLED = {
    RunStatus.DONE: (OrderState.PLANNED, *_IN_DOUBT),
    RunStatus.REJECTED: (OrderState.PLANNED, *_IN_DOUBT),
    RunStatus.FAILED: (OrderState.PLANNED, *_IN_DOUBT),
    RunStatus.AWAITING_APPROVAL: _IN_DOUBT,
}


def claim(
    connection: Connection,
    key: RunKey,
    owner: str,
    policy_hash: str,
    at: datetime,
    *,
    now: datetime,
    lease_until: datetime,
) -> Claim | Busy | Done:
    """Insert the run or join the one that holds the key."""
    fresh = Claim(run_id="run_" + secrets.token_hex(8), key=key, owner=owner, fence=1)
    values = {
        "run_id": fresh.run_id,
        "book": key.book,
        "account": key.account,
        "session_date": key.session_date,
        "slot": key.slot,
        "dry_run": key.dry_run,
        "day_key": key.text,
        "status": RunStatus.RUNNING,
        "owner": owner,
        "lease_until": lease_until,
        "fence": fresh.fence,
        "policy_hash": policy_hash,
        "started_at": at,
    }
    _one_claim_at_a_time(connection, key.book)
    while True:
        held = connection.execute(select(runs).where(runs.c.day_key == key.text).with_for_update()).one_or_none()
        if held is not None and held.status != RunStatus.RUNNING:
            return _result(held)
        if held is not None and held.lease_until > now:
            return Busy(held.run_id)
        at_work = None if key.dry_run else _put_to_rest(connection, fresh, at, now)
        if at_work is not None:
            return Busy(at_work)
        if held is not None:
            return _take_over(connection, held, replace(fresh, run_id=held.run_id), policy_hash, at, lease_until)
        # Runs end without this lock: another one may have had the key until a moment ago.
        if insert_if_absent(connection, runs, values):
            _tell(connection, fresh, OwnKind.RUN_CLAIMED, {"key": key.text, "policy_hash": policy_hash}, at)
            return fresh


def _one_claim_at_a_time(connection: Connection, book: str) -> None:
    # SQLite has one writer at a time as it is.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(book))))


def _put_to_rest(connection: Connection, claimant: Claim, at: datetime, now: datetime) -> str | None:
    """The book's other run that is at work, as one account's orders go one after the other, whatever their slot.

    One whose lease has lapsed is fenced instead: whoever slept on it sends nothing beside the claimant.
    """
    key = claimant.key
    others = connection.execute(
        select(runs)
        .where(runs.c.book == key.book, runs.c.status == RunStatus.RUNNING, runs.c.dry_run.is_(False))
        .where(runs.c.day_key != key.text, runs.c.owner != NOBODY)
        .order_by(runs.c.number)
        .with_for_update()
    ).all()
    for other in others:
        if other.lease_until > now:
            return str(other.run_id)
    for other in others:
        fenced = replace(claimant, run_id=other.run_id, fence=other.fence + 1)
        connection.execute(update(runs).where(runs.c.run_id == other.run_id).values(fence=fenced.fence, owner=NOBODY))
        _tell(connection, fenced, OwnKind.RUN_FENCED, {"from_owner": other.owner, "by_run": key.text}, at)
    return None


def _result(held: Row[Any]) -> Done:
    if held.report is None:
        raise LedgerError(f"run {held.run_id} is {held.status} without a report", "Run `portfolio audit verify`")
    return Done(held.run_id, RunStatus(held.status), json.loads(held.report))


def _take_over(
    connection: Connection, held: Row[Any], claimant: Claim, policy_hash: str, at: datetime, lease_until: datetime
) -> Claim:
    taken = replace(claimant, fence=held.fence + 1, plan=None if held.plan is None else json.loads(held.plan))
    # A committed plan was made under its own policy, and that one stays on record with it.
    policy_hash = policy_hash if taken.plan is None else held.policy_hash
    connection.execute(
        update(runs)
        .where(runs.c.run_id == held.run_id)
        .values(owner=taken.owner, fence=taken.fence, lease_until=lease_until, policy_hash=policy_hash)
    )
    payload = {"from_owner": held.owner, "policy_hash": policy_hash, "plan_hash": held.plan_hash}
    _tell(connection, taken, OwnKind.RUN_TAKEN_OVER, payload, at)
    return taken


def reopen(
    connection: Connection, run_id: str, owner: str, at: datetime, *, now: datetime, lease_until: datetime
) -> Claim:
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
    at_work = _put_to_rest(connection, claim, at, now)
    if at_work is not None:
        raise LedgerError(f"run {at_work} is at work on the same account", "Try again when it has ended")
    connection.execute(
        update(runs)
        .where(runs.c.run_id == run_id)
        .values(status=RunStatus.RUNNING, owner=owner, fence=claim.fence, lease_until=lease_until, finished_at=None)
    )
    payload = {"from_owner": row.owner, "plan_hash": row.plan_hash}
    _tell(connection, claim, OwnKind.RUN_REOPENED, payload, at)
    return claim


def owned(connection: Connection, claim: Claim) -> Row[Any]:
    """The run's row, locked; Fenced when the claim no longer holds. The first statement of every write of a run."""
    row = connection.execute(select(runs).where(runs.c.run_id == claim.run_id).with_for_update()).one_or_none()
    if row is None:
        raise LedgerError(f"run {claim.run_id} is not in the ledger", "Check that DATABASE_URL names the same database")
    if (row.fence, row.owner) != (claim.fence, claim.owner):
        raise Fenced(f"run {claim.run_id} was taken over (fence {row.fence}, this claim has {claim.fence})")
    if row.status != RunStatus.RUNNING:
        raise Fenced(f"run {claim.run_id} has ended as {row.status}")
    return row


def renew(connection: Connection, claim: Claim, lease_until: datetime) -> None:
    """Extend the lease."""
    owned(connection, claim)
    connection.execute(update(runs).where(runs.c.run_id == claim.run_id).values(lease_until=lease_until))


def record(connection: Connection, claim: Claim, batch: Sequence[Event], at: datetime) -> None:
    """Append events of the run."""
    owned(connection, claim)
    events.refuse_own_kinds(batch)
    events.append(connection, claim.key.book, claim.run_id, batch, at)


def close(
    connection: Connection,
    claim: Claim,
    status: RunStatus,
    report: Mapping[str, Any],
    batch: Sequence[Event],
    at: datetime,
    nav: NavPoint | None,
) -> None:
    """Everything that ends a run; the sealing event is its last."""
    row = owned(connection, claim)
    if status is RunStatus.RUNNING:
        raise LedgerError(f"run {claim.run_id} cannot be closed as running")
    if nav is not None and row.dry_run:
        raise LedgerError(f"run {claim.run_id} is a dry run and writes no NAV point")
    if not row.dry_run:
        _check_settled(connection, claim, status)
    events.refuse_own_kinds(batch)
    text = canonical(report)
    seal: dict[str, Any] = {"status": status, "report_hash": digest(text), "plan_hash": row.plan_hash}
    if nav is not None:
        navs.add(connection, claim.key.book, (nav,))
        seal["nav"] = navs.as_payload(nav)
    seq = events.append(connection, claim.key.book, claim.run_id, (*batch, _event(claim, OwnKind.RUN_SEALED, seal)), at)
    failed = status is RunStatus.FAILED
    # What failed after its orders had gone must not be followed by a second plan for the same day.
    held = (status in HOLDS_KEY or (failed and row.plan is not None)) and not row.dry_run
    connection.execute(
        update(runs)
        .where(runs.c.run_id == claim.run_id)
        .values(
            status=status,
            day_key=row.day_key if held else None,
            report=text,
            report_hash=seal["report_hash"],
            # That of an earlier attempt is in the trail.
            error=report.get("note") if failed else None,
            finished_at=at,
            sealed_seq=seq,
        )
    )


def _check_settled(connection: Connection, claim: Claim, status: RunStatus) -> None:
    # A run that holds the day for good is never looked at again, and neither would its orders be.
    unsettled = _UNSETTLED.get(status, ())
    query = select(intents.c.coid, intents.c.state).where(
        intents.c.run_id == claim.run_id, intents.c.state.in_(unsettled)
    )
    # Of an order that waits for an answer nothing is under way, and every later run of the book looks for it.
    query = query.where(or_(intents.c.state != OrderState.UNKNOWN, not_(questions.is_waiting())))
    left = [f"{row.coid} {row.state}" for row in connection.execute(query.order_by(intents.c.position))]
    if left:
        raise LedgerError(
            f"run {claim.run_id} cannot be closed as {status} with {', '.join(left)}",
            "Run again: the next attempt reconciles first",
        )


def abandon(
    connection: Connection, claim: Claim, status: RunStatus, error: str, at: datetime, *, now: datetime
) -> None:
    """Free the key; a run with a committed plan keeps it and may be taken over at once."""
    row = owned(connection, claim)
    if status in HOLDS_KEY:
        raise LedgerError(f"run {claim.run_id} cannot be abandoned as {status}: that status needs a report, close it")
    resumable = row.plan is not None and not row.dry_run
    if resumable:
        values: dict[str, Any] = {"lease_until": now, "error": error}
    else:
        values = {"status": status, "day_key": None, "error": error, "finished_at": at}
    connection.execute(update(runs).where(runs.c.run_id == claim.run_id).values(**values))
    payload = {"status": status, "error": error, "resumable": resumable}
    _tell(connection, claim, OwnKind.RUN_ABANDONED, payload, at)


def find(connection: Connection, run_id: str) -> RunRecord | None:
    """One run."""
    row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
    return None if row is None else _as_record(row)


def newest(connection: Connection, limit: int, book: str | None, account: str | None) -> tuple[RunRecord, ...]:
    """In the reverse order of their making."""
    query = select(runs).order_by(runs.c.number.desc()).limit(limit)
    for column, wanted in ((runs.c.book, book), (runs.c.account, account)):
        if wanted is not None:
            query = query.where(column == wanted)
    return tuple(_as_record(row) for row in connection.execute(query))


def books(connection: Connection) -> tuple[Book, ...]:
    """Those of which a run began: what only waited for the broker's session may bear a name that no broker knows."""
    began = runs.c.status.not_in((RunStatus.NOT_READY, RunStatus.MISSED))
    query = select(runs.c.book, runs.c.account).where(began).group_by(runs.c.book, runs.c.account)
    return tuple(
        Book(row.book, row.account) for row in connection.execute(query.order_by(func.max(runs.c.number).desc()))
    )


def held_up(connection: Connection, session_date: date, slot: str, *, previews: bool) -> tuple[RunKey, ...]:
    """By the newest run of each book; one that somebody asked to be dry is nobody's day."""
    columns = (runs.c.run_id, runs.c.book, runs.c.account, runs.c.dry_run, runs.c.status, runs.c.error)
    query = select(*columns).where(runs.c.session_date == session_date, runs.c.slot == slot)
    if not previews:
        query = query.where(runs.c.dry_run.is_(False))
    newest = {row.book: row for row in connection.execute(query.order_by(runs.c.number))}
    return tuple(
        RunKey(row.book, row.account, session_date, slot)
        for row in newest.values()
        if not row.dry_run and _was_not_ready(connection, row.run_id, row.status, row.error)
    )


def _was_not_ready(connection: Connection, run_id: str, status: str, error: str | None) -> bool:
    if status != RunStatus.RUNNING or error is None:
        return status == RunStatus.NOT_READY
    # Given up with a committed plan: it keeps its key, and why it was given up is in the trail.
    payload = events.newest_payload(connection, run_id, OwnKind.RUN_ABANDONED)
    return str(payload["status"]) == RunStatus.NOT_READY


def last_evaluation(connection: Connection, book: str, before: date) -> Mapping[str, Any] | None:
    """Of the newest done report that has one; the close slot's reports need not."""
    done = (
        select(runs.c.run_id)
        .where(runs.c.book == book, runs.c.session_date < before, runs.c.status == RunStatus.DONE)
        .where(runs.c.dry_run.is_(False))
        .order_by(runs.c.session_date.desc(), runs.c.number.desc())
    )
    # One report at a time: they are large, and the first nearly always has it.
    for run_id in connection.execute(done).scalars().all():
        report = json.loads(connection.execute(select(runs.c.report).where(runs.c.run_id == run_id)).scalar_one())
        evaluation: Mapping[str, Any] | None = report.get("evaluation")
        if evaluation is not None:
            return evaluation
    return None


def last_report(connection: Connection, book: str) -> Mapping[str, Any] | None:
    """Newest by its seal."""
    sealed = select(runs.c.run_id).where(runs.c.book == book, runs.c.dry_run.is_(False), runs.c.sealed_seq.is_not(None))
    for run_id in connection.execute(sealed.order_by(runs.c.sealed_seq.desc())).scalars().all():
        report: Mapping[str, Any] = json.loads(
            connection.execute(select(runs.c.report).where(runs.c.run_id == run_id)).scalar_one()
        )
        if report.get("portfolio") is not None:
            return report
    return None


def _tell(connection: Connection, claim: Claim, kind: OwnKind, payload: Mapping[str, Any], at: datetime) -> None:
    events.append(connection, claim.key.book, claim.run_id, (_event(claim, kind, payload),), at)


def _event(claim: Claim, kind: OwnKind, payload: Mapping[str, Any]) -> Event:
    return Event(kind, {"owner": claim.owner, "fence": claim.fence, **payload})


def _as_record(row: Row[Any]) -> RunRecord:
    return RunRecord(
        run_id=row.run_id,
        key=RunKey(row.book, row.account, row.session_date, row.slot, row.dry_run),
        status=RunStatus(row.status),
        policy_hash=row.policy_hash,
        started_at=row.started_at,
        finished_at=row.finished_at,
        report=None if row.report is None else json.loads(row.report),
        error=row.error,
    )
