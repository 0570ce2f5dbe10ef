"""Runs as they are read: nothing here changes one."""

import json
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, func, select

from app.desk.records import Book, RunKey, RunRecord, RunStatus
from app.ledger import events
from app.ledger.events import OwnKind
from app.ledger.leases import Leases
from app.ledger.schema import runs


def find(connection: Connection, run_id: str, leases: Leases) -> RunRecord | None:
    """One run."""
    row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
    return None if row is None else _as_record(row, leases)


def beginning_with(connection: Connection, prefix: str, limit: int) -> tuple[str, ...]:
    """Ids of runs, newest first."""
    start = func.substr(runs.c.run_id, 1, len(prefix))
    query = select(runs.c.run_id).where(start == prefix).order_by(runs.c.number.desc()).limit(limit)
    return tuple(connection.execute(query).scalars())


def newest(
    connection: Connection, limit: int, book: str | None, account: str | None, leases: Leases
) -> tuple[RunRecord, ...]:
    """In the reverse order of their making."""
    query = select(runs).order_by(runs.c.number.desc()).limit(limit)
    for column, wanted in ((runs.c.book, book), (runs.c.account, account)):
        if wanted is not None:
            query = query.where(column == wanted)
    return tuple(_as_record(row, leases) for row in connection.execute(query))


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


def _as_record(row: Row[Any], leases: Leases) -> RunRecord:
    return RunRecord(
        run_id=row.run_id,
        key=RunKey(row.book, row.account, row.session_date, row.slot, row.dry_run),
        status=RunStatus(row.status),
        policy_hash=row.policy_hash,
        started_at=row.started_at,
        finished_at=row.finished_at,
        report=None if row.report is None else json.loads(row.report),
        error=row.error,
        lease=leases.lease(row) if row.status == RunStatus.RUNNING else None,
    )
