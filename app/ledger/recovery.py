"""What was lost with a ledger that an older copy replaced, taken over from the broker: one transaction.

It goes through the same statements as the days that it stands for, so that the audit covers it like them, and says
beside them who decided. It sends nothing and loosens nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from app.desk.records import NOTHING_LEFT, Claim, Event, RunKey, RunStatus
from app.desk.recovery import Adopted, RecoveredRun, Recovery
from app.domain.errors import LedgerError
from app.domain.order import OrderState
from app.ledger import claims, controls, events
from app.ledger.events import OwnKind
from app.ledger.intents import commit_plan, is_intent, tell
from app.ledger.leases import Leases
from app.ledger.runs import close, owned
from app.ledger.schema import intents, runs

_LOOK_AGAIN = "Look again: `portfolio recover`"
_STOPPED = "orders of its run were found at the broker after a restore: it sends no others"
_ABANDONED = "a person said that the broker's order is not ours"


def holders(connection: Connection, keys: Collection[RunKey]) -> dict[RunKey, str]:
    """The ids of the runs that hold them."""
    named = {key.text: key for key in keys}
    held = connection.execute(select(runs.c.day_key, runs.c.run_id).where(runs.c.day_key.in_(list(named))))
    return {named[row.day_key]: row.run_id for row in held}


def recover(
    connection: Connection,
    claim: Claim,
    found: Recovery,
    report: Mapping[str, Any],
    batch: Sequence[Event],
    at: datetime,
    leases: Leases,
    *,
    now: datetime,
) -> None:
    """`now` is the real time, by which absence is judged."""
    policy_hash = owned(connection, claim).policy_hash
    by = {"actor": found.actor, "reason": found.reason}
    for run in found.runs:
        _put_down(connection, claim, run, policy_hash, by, at, leases, now)
    touched = {_adopt(connection, claim, order, by, at, now) for order in found.known}
    _stop(connection, claim, touched | _planners(connection, claim, found), at)
    if found.abandoned:
        commit_plan(connection, claim, found.plan, found.abandoned, at)
    for intent in found.abandoned:
        row = _of_run(connection, claim.run_id, intent.coid)
        _move(connection, claim, row, OrderState.NOT_SENT, {"reason": _ABANDONED}, at)
        events.tell(connection, claim, OwnKind.RECOVERY_ABANDONED, {**by, "coid": intent.coid}, at)
    for name in found.quarantines:
        controls.quarantine(connection, claim.key.book, name, at)
    close(connection, claim, RunStatus.RECONCILED, report, batch, at, None, NOTHING_LEFT)


def _put_down(
    connection: Connection,
    claim: Claim,
    run: RecoveredRun,
    policy_hash: str,
    by: Mapping[str, str],
    at: datetime,
    leases: Leases,
    now: datetime,
) -> None:
    """Done, so that its day does not trade again."""
    fresh = Claim(run.run_id, run.key, claim.owner, fence=1)
    if not claims.put_down(connection, fresh, policy_hash, at, leases):
        raise LedgerError(f"another run holds {run.key.slot} of {run.key.session_date}", _LOOK_AGAIN)
    commit_plan(connection, fresh, run.plan, run.intents, at)
    for order in run.adopted:
        _take(connection, fresh, _of_run(connection, run.run_id, order.coid), order, by, at, now)
    close(connection, fresh, RunStatus.DONE, run.report, (), at, None, NOTHING_LEFT)


def _adopt(
    connection: Connection, claim: Claim, order: Adopted, by: Mapping[str, str], at: datetime, now: datetime
) -> str:
    """The run that planned it."""
    query = select(intents).join(runs, runs.c.run_id == intents.c.run_id)
    query = query.where(intents.c.book == claim.key.book, intents.c.coid == order.coid, runs.c.dry_run.is_(False))
    rows = connection.execute(query.order_by(intents.c.sends.desc(), runs.c.number.desc()).with_for_update()).all()
    if not rows:
        raise LedgerError(f"no run has planned order {order.coid}", _LOOK_AGAIN)
    _take(connection, claim, rows[0], order, by, at, now)
    return str(rows[0].run_id)


def _take(
    connection: Connection,
    claim: Claim,
    row: Row[Any],
    order: Adopted,
    by: Mapping[str, str],
    at: datetime,
    now: datetime,
) -> None:
    """As the broker has it: sent, and whatever has become of it."""
    before = row.state
    if row.sends == 0:
        sent = {"quantity": order.quantity, "limit_price": order.limit_price, "value": order.value, "sent_at": now}
        _move(connection, claim, row, OrderState.SENDING, sent, at, sends=1)
        row = _of_run(connection, row.run_id, row.coid)
    known = {
        "broker_order_id": order.broker_order_id,
        "filled_quantity": order.filled_quantity,
        "average_price": order.average_price,
    }
    _move(connection, claim, row, order.state, known, at)
    told = {**by, "coid": order.coid, "planned_by": row.run_id, "was": before, "order_id": order.broker_order_id}
    events.tell(connection, claim, OwnKind.RECOVERY_ADOPTED, told, at)


def _planners(connection: Connection, claim: Claim, found: Recovery) -> set[str]:
    """Runs that would still send what a person has abandoned."""
    coids = [intent.coid for intent in found.abandoned]
    query = select(intents.c.run_id).where(intents.c.book == claim.key.book, intents.c.coid.in_(coids))
    return set(connection.execute(query).scalars())


def _stop(connection: Connection, claim: Claim, run_ids: Iterable[str], at: datetime) -> None:
    query = select(intents).where(intents.c.run_id.in_(list(run_ids)), intents.c.state == OrderState.PLANNED)
    for row in connection.execute(query.order_by(intents.c.run_id, intents.c.position).with_for_update()).all():
        _move(connection, claim, row, OrderState.NOT_SENT, {"reason": _STOPPED}, at)


def _move(
    connection: Connection,
    claim: Claim,
    row: Row[Any],
    state: OrderState,
    known: Mapping[str, Any],
    at: datetime,
    **untold: int,
) -> None:
    told = {name: value for name, value in known.items() if value is not None}
    changed = update(intents).where(is_intent(row), intents.c.state == row.state)
    connection.execute(changed.values(state=state, fence=claim.fence, **told, **untold))
    tell(connection, claim, row, state, told, at)


def _of_run(connection: Connection, run_id: str, coid: str) -> Row[Any]:
    query = select(intents).where(intents.c.run_id == run_id, intents.c.coid == coid)
    return connection.execute(query.with_for_update()).one()
