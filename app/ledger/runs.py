"""What the owner of a run writes of it, and how it ends. A run's key is held by one run at a time, by constraint.

What keeps two writers apart is the fence: every write begins by asking whether the claim still holds.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, not_, or_, select, update

from app.desk.records import HOLDS_KEY, Claim, Event, RunMemory, RunStatus
from app.domain.errors import Fenced, LedgerError
from app.domain.navs import NavPoint
from app.domain.order import OrderState
from app.ledger import events, navs, questions, run_memory
from app.ledger.chunks import keep
from app.ledger.events import OwnKind
from app.ledger.schema import intents, runs
from app.ledger.way_back import Value, turns
from app.record.canonical import canonical, digest
from app.record.chunks import KeptInputs

_OF_CLAIM = select(runs).where(runs.c.run_id == bindparam("of"))
_OF_CLAIM_LOCKED = _OF_CLAIM.with_for_update()
_RENEW = update(runs).where(runs.c.run_id == bindparam("of")).values(lease_until=bindparam("until"))
_IN_DOUBT = (OrderState.SENDING, OrderState.UNKNOWN)
_UNSETTLED = {
    RunStatus.DONE: (OrderState.PLANNED, *_IN_DOUBT),
    RunStatus.REJECTED: (OrderState.PLANNED, *_IN_DOUBT),
    RunStatus.FAILED: (OrderState.PLANNED, *_IN_DOUBT),
    RunStatus.AWAITING_APPROVAL: _IN_DOUBT,
}

_LEFT = (
    select(intents.c.coid, intents.c.state)
    .where(intents.c.run_id == bindparam("of"), intents.c.state.in_(bindparam("states", expanding=True)))
    # Of an order that waits for an answer nothing is under way, and every later run of the book looks for it.
    .where(or_(intents.c.state != OrderState.UNKNOWN, not_(questions.is_waiting())))
    .order_by(intents.c.position)
)
_CLOSE = (
    update(runs)
    .where(runs.c.run_id == bindparam("of"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("status", "day_key", "report", "report_hash", "error", "finished_at", "sealed_seq")
        }
    )
)


def owned(connection: Connection, claim: Claim) -> Row[Any]:
    """The run's row, locked; Fenced when the claim no longer holds. The first statement of every write of a run."""
    return _require_owned(connection.execute(_OF_CLAIM_LOCKED, {"of": claim.run_id}).one_or_none(), claim)


def require_owned(connection: Connection, claim: Claim) -> None:
    """As `owned`, without a lock: for what only reads."""
    _require_owned(connection.execute(_OF_CLAIM, {"of": claim.run_id}).one_or_none(), claim)


def _require_owned(row: Row[Any] | None, claim: Claim) -> Row[Any]:
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
    connection.execute(_RENEW, {"of": claim.run_id, "until": lease_until})


def record(connection: Connection, claim: Claim, batch: Sequence[Event], at: datetime, lease_until: datetime) -> None:
    """Append events of the run, and extend the lease."""
    renew(connection, claim, lease_until)
    note(connection, claim, batch, at)


def note(connection: Connection, claim: Claim, batch: Sequence[Event], at: datetime) -> None:
    """Append events of a run that is `owned`, before what else its transaction says."""
    events.refuse_own_kinds(batch)
    if batch:
        events.append(connection, claim.key.book, claim.run_id, batch, at)


def close(
    connection: Connection,
    claim: Claim,
    status: RunStatus,
    report: Mapping[str, Any],
    batch: Sequence[Event],
    at: datetime,
    nav: NavPoint | None,
    memory: RunMemory,
    inputs: KeptInputs | None = None,
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
    left = run_memory.texts(memory)
    turned = _turns(connection, claim, memory) if status is RunStatus.DONE and not row.dry_run else ()
    run_memory.replace(connection, claim.run_id, left)
    seal: dict[str, Any] = {
        "status": status,
        "report_hash": digest(text),
        "plan_hash": row.plan_hash,
        "memory": {kind: digest(content) for kind, content in left.items()},
    }
    if nav is not None:
        navs.add(connection, claim.key.book, (nav,))
        seal["nav"] = navs.as_payload(nav)
    failed = status is RunStatus.FAILED
    # What failed after its orders had gone must not be followed by a second plan for the same day.
    held = (status in HOLDS_KEY or (failed and row.plan is not None)) and not row.dry_run
    # That of an earlier attempt is in the trail.
    error = report.get("note") if failed else None
    seal |= {"holds_key": held, **({} if error is None else {"error": error})}
    batch = (*batch, *turned, *keep(connection, inputs), events.by_owner(claim, OwnKind.RUN_SEALED, seal))
    seq = events.append(connection, claim.key.book, claim.run_id, batch, at)
    ended = {
        "new_status": status,
        "new_day_key": row.day_key if held else None,
        "new_report": text,
        "new_report_hash": seal["report_hash"],
        "new_error": error,
        "new_finished_at": at,
        "new_sealed_seq": seq,
    }
    connection.execute(_CLOSE, {"of": claim.run_id, **ended})


def _turns(connection: Connection, claim: Claim, memory: RunMemory) -> tuple[Event, ...]:
    """What this run changed on the way back from a fall; of several runs of a session the first that did tells it."""
    account, today = memory.account, claim.key.session_date
    if memory.evaluation is None or account is None:
        return ()
    before = run_memory.last_evaluation(connection, claim.key.book, today + timedelta(days=1))
    value = Value(today, account.nav, account.currency, memory.drawdown)
    return tuple(turns(before[1] if before else None, memory.evaluation, value))


def _check_settled(connection: Connection, claim: Claim, status: RunStatus) -> None:
    # A run that holds the day for good is never looked at again, and neither would its orders be.
    values = {"of": claim.run_id, "states": _UNSETTLED.get(status, ())}
    left = [f"{row.coid} {row.state}" for row in connection.execute(_LEFT, values)]
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
    events.tell(connection, claim, OwnKind.RUN_ABANDONED, payload, at)
