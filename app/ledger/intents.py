"""Intents: every order the ledger knows of, from the plan to its end. No arrow leads back to PLANNED or SENDING.

An intent is sent once, and every change of its state has its event in the same transaction.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, insert, or_, select, update

from app.desk.records import Claim, Event, Intent, IntentRecord, TakenOver
from app.domain.errors import LedgerError
from app.domain.order import OrderRule, OrderState, Side
from app.domain.questions import Question
from app.domain.ruling import DayUse
from app.ledger import adoptions, events, questions
from app.ledger.chunks import keep
from app.ledger.events import OwnKind
from app.ledger.runs import note, owned
from app.ledger.schema import intents, runs
from app.record.canonical import canonical, digest
from app.record.chunks import KeptInputs

_S = OrderState
TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = {
    _S.PLANNED: frozenset({_S.SENDING, _S.NOT_SENT}),
    _S.SENDING: frozenset({_S.ACKED, _S.PARTIAL, _S.FILLED, _S.REJECTED, _S.NOT_SENT, _S.UNKNOWN, _S.CANCELLED}),
    _S.ACKED: frozenset({_S.PARTIAL, _S.FILLED, _S.CANCELLED, _S.REJECTED}),
    _S.PARTIAL: frozenset({_S.FILLED, _S.CANCELLED}),
    _S.UNKNOWN: frozenset({_S.ACKED, _S.PARTIAL, _S.FILLED, _S.CANCELLED, _S.REJECTED, _S.ABANDONED}),
    _S.ABANDONED: frozenset({_S.ACKED, _S.PARTIAL, _S.FILLED, _S.CANCELLED, _S.REJECTED}),
    _S.FILLED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.NOT_SENT: frozenset(),
}
# States in which more may be learned without a transition: a preview, a broker's id, a larger fill.
MAY_STAY = frozenset({_S.PLANNED, _S.ACKED, _S.PARTIAL, _S.UNKNOWN})
OPEN = (_S.SENDING, _S.ACKED, _S.PARTIAL, _S.UNKNOWN, _S.ABANDONED)
_WITH_FILL = (_S.PARTIAL, _S.FILLED)
_UNUSED = (_S.REJECTED, _S.NOT_SENT)


class _Query(NamedTuple):
    """Some intents, in the order in which they were made, and what was asked about them."""

    intents: Select[Any]
    questions: Select[Any]


def _query(*conditions: ColumnElement[bool]) -> _Query:
    chosen = select(intents).join(runs, runs.c.run_id == intents.c.run_id).where(*conditions)
    ordered = chosen.order_by(intents.c.session_date, runs.c.number, intents.c.position)
    return _Query(ordered, questions.about(*conditions))


_OF_BOOK = intents.c.book == bindparam("of")
_OF_DAY = (_OF_BOOK, intents.c.session_date == bindparam("day"))
_BY_KEY = (intents.c.run_id == bindparam("run"), intents.c.coid == bindparam("id"))
_COMMIT = (
    update(runs)
    .where(runs.c.run_id == bindparam("run"))
    .values(plan=bindparam("new_plan"), plan_hash=bindparam("new_hash"))
)
_PLAN = insert(intents)
_OF_RUN = _query(intents.c.run_id == bindparam("run"))
_ONE = _query(*_BY_KEY)
# Not `in_`, which is rendered anew with every execution.
_IS_OPEN = or_(*(intents.c.state == state for state in OPEN))
_OPEN_OF_BOOK = _query(_OF_BOOK, _IS_OPEN)
_OPEN_OF_DAY = _query(*_OF_DAY, _IS_OPEN)
_BY_COID = _query(_OF_BOOK, intents.c.coid.in_(bindparam("coids", expanding=True)))
_SENT = _query(_OF_BOOK, intents.c.sends == 1)
_ASKED_ABOUT = _query(questions.was_asked())
_USED = select(intents).where(*_OF_DAY, intents.c.sends == 1, *(intents.c.state != state for state in _UNUSED))
_OWN = select(intents).where(*_BY_KEY).with_for_update()
_SENT_AS = select(intents).where(_OF_BOOK, intents.c.coid == bindparam("id"), intents.c.sends == 1).with_for_update()


@dataclass(frozen=True, slots=True)
class News:
    """What is now known of an intent beside its state; None leaves what is stored."""

    broker_order_id: str | None = None
    filled_quantity: Decimal | None = None
    average_price: Decimal | None = None
    reason: str | None = None
    what_if: Mapping[str, Any] | None = None
    questions: tuple[Question, ...] = ()

    @property
    def known(self) -> dict[str, Any]:
        """Column → value."""
        values = {
            "broker_order_id": self.broker_order_id,
            "filled_quantity": self.filled_quantity,
            "average_price": self.average_price,
            "reason": self.reason,
            "what_if": self.what_if,
        }
        return {name: value for name, value in values.items() if value is not None}


def commit_plan(
    connection: Connection,
    claim: Claim,
    plan: Mapping[str, Any],
    planned: Sequence[Intent],
    at: datetime,
    before: Sequence[Event] = (),
    inputs: KeptInputs | None = None,
    taken_over: TakenOver | None = None,
) -> None:
    """The first plan wins; one without orders counts, or HOLD would be decided twice. `before`: events up to then."""
    row = owned(connection, claim)
    events.refuse_own_kinds(before)
    if row.plan is not None:
        raise LedgerError(f"run {claim.run_id} has committed a plan already", "Resume it from the claim's plan")
    if "action" not in plan:
        raise LedgerError(f"the plan of run {claim.run_id} does not name its action")
    text = canonical(plan)
    connection.execute(_COMMIT, {"run": claim.run_id, "new_plan": text, "new_hash": digest(text)})
    rows = [_planned(claim, plan["action"], position, intent) for position, intent in enumerate(planned)]
    if rows:
        connection.execute(_PLAN, rows)
    payload = {
        "fence": claim.fence,
        "action": plan["action"],
        "plan_hash": digest(text),
        "policy_hash": row.policy_hash,
        "intents": [_told(values) for values in rows],
    }
    batch = (*before, *keep(connection, inputs), Event(OwnKind.PLAN_COMMITTED, payload))
    events.append(connection, claim.key.book, claim.run_id, batch, at)
    if taken_over is not None:
        adoptions.add(connection, claim, taken_over, at)


def _planned(claim: Claim, action: str, position: int, intent: Intent) -> dict[str, Any]:
    order = intent.order
    if not is_positive(order.quantity):
        raise LedgerError(f"intent {intent.coid} has quantity {order.quantity}")
    return {
        "run_id": claim.run_id,
        "coid": intent.coid,
        "book": claim.key.book,
        "session_date": claim.key.session_date,
        "position": position,
        "action": action,
        "rule": order.reason,
        "rules": "+".join(order.rules),
        "conid": order.instrument.conid,
        "symbol": order.instrument.symbol,
        "side": order.side,
        "leg": order.leg,
        "quantity": order.quantity,
        "reference_price": order.reference_price,
        "mandatory": order.mandatory,
        "exit": order.exit,
        "state": _S.PLANNED,
        "sends": 0,
        "fence": claim.fence,
        "limit_price": order.limit_price,
        "filled_quantity": Decimal(0),
    }


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    told = (
        "coid",
        "rule",
        "rules",
        "conid",
        "symbol",
        "side",
        "leg",
        "quantity",
        "reference_price",
        "limit_price",
        "mandatory",
        "exit",
    )
    return {name: values[name] for name in told}


def settle(
    connection: Connection,
    claim: Claim,
    coid: str,
    state: OrderState,
    news: News,
    at: datetime,
    said: Sequence[Event] = (),
) -> None:
    """Also for intents of the book's earlier runs: the run that reconciles settles what another one sent."""
    owned(connection, claim)
    intent = own_intent(connection, claim, coid) or sent_intent(connection, claim.key.book, coid)
    if intent is None:
        raise LedgerError(f"book {claim.key.book} has no intent {coid} that was sent")
    before = OrderState(intent.state)
    stays = state is before and state in MAY_STAY
    if state is _S.SENDING or not (stays or state in TRANSITIONS[before]):
        raise LedgerError(f"intent {coid} cannot go from {before} to {state}")
    known = news.known
    filled = known.get("filled_quantity", intent.filled_quantity)
    if not is_positive(filled) and (state in _WITH_FILL or filled != 0):
        raise LedgerError(f"intent {coid} cannot be {state} with {filled} filled")
    stored = dict(known)
    if news.what_if is not None:
        stored["what_if"] = canonical(news.what_if)
    is_news = any(value != getattr(intent, name) for name, value in stored.items())
    if is_news or not stays:
        changed = update(intents).where(is_intent(intent), intents.c.state == before)
        connection.execute(changed.values(state=state, fence=claim.fence, **stored))
    questions.add(connection, intent, news.questions)
    note(connection, claim, said, at)
    if is_news or news.questions or not stays:
        asked = {"questions": questions.as_told(news.questions)} if news.questions else {}
        tell(connection, claim, intent, state, {**known, **asked}, at)


def absent(connection: Connection, claim: Claim, coid: str, at: datetime) -> IntentRecord:
    """Counts only for an order of unknown outcome: of any other the ledger knows more than an absence can say."""
    owned(connection, claim)
    intent = own_intent(connection, claim, coid) or sent_intent(connection, claim.key.book, coid)
    if intent is None:
        raise LedgerError(f"book {claim.key.book} has no intent {coid} that was sent")
    if intent.state != _S.UNKNOWN:
        raise LedgerError(f"intent {coid} is {intent.state}: only an UNKNOWN order is looked for")
    reads = intent.absent_reads + 1
    connection.execute(update(intents).where(is_intent(intent)).values(absent_reads=reads, fence=claim.fence))
    payload = {"fence": claim.fence, "coid": coid, "planned_by": intent.run_id, "absent_reads": reads}
    events.append(connection, claim.key.book, claim.run_id, (Event(OwnKind.INTENT_ABSENT, payload),), at)
    (record,) = _records(connection, _ONE, {"run": intent.run_id, "id": intent.coid})
    return record


def of_run(connection: Connection, run_id: str) -> tuple[IntentRecord, ...]:
    """In the order of the plan."""
    return _records(connection, _OF_RUN, {"run": run_id})


def open_of_book(connection: Connection, book: str, session_date: date | None) -> tuple[IntentRecord, ...]:
    """Those that may still change at the broker; of every session where none is named."""
    if session_date is None:
        return _records(connection, _OPEN_OF_BOOK, {"of": book})
    return _records(connection, _OPEN_OF_DAY, {"of": book, "day": session_date})


def find(connection: Connection, book: str, coids: Collection[str]) -> dict[str, IntentRecord]:
    """Of each id the one that was sent; where none was, the newest that was planned."""
    found: dict[str, IntentRecord] = {}
    for record in _records(connection, _BY_COID, {"of": book, "coids": list(coids)}) if coids else ():
        if record.coid not in found or record.sends >= found[record.coid].sends:
            found[record.coid] = record
    return found


def asked_about(connection: Connection, limit: int) -> tuple[IntentRecord, ...]:
    """The newest orders about which the broker asked anything, newest first."""
    return _records(connection, _ASKED_ABOUT)[::-1][:limit]


def sent(connection: Connection, book: str) -> tuple[IntentRecord, ...]:
    """Every intent that was sent, oldest first; one that may still change at the broker was."""
    return _records(connection, _SENT, {"of": book})


def day_use(connection: Connection, book: str, session_date: date) -> DayUse:
    """What was or may have been sent; only a refusal gives its share back, and a cancel the turnover that it spared.

    A cancelled order still was one of the day's orders.
    """
    used = connection.execute(_USED, {"of": book, "day": session_date}).all()
    return DayUse(orders=len(used), turnover=sum((_value(row) for row in used), Decimal(0)))


def _value(row: Row[Any]) -> Decimal:
    # Intents of before the ledger knew base currency have no value of their own.
    value: Decimal = row.quantity * (row.limit_price or row.reference_price) if row.value is None else row.value
    return value * row.filled_quantity / row.quantity if row.state == _S.CANCELLED else value


def tell(
    connection: Connection,
    claim: Claim,
    intent: Row[Any],
    state: OrderState,
    known: Mapping[str, Any],
    at: datetime,
) -> None:
    """The event of one transition."""
    payload = {
        "fence": claim.fence,
        "coid": intent.coid,
        "planned_by": intent.run_id,
        "from": intent.state,
        "to": state,
        **known,
    }
    events.append(connection, claim.key.book, claim.run_id, (Event(OwnKind.INTENT_MOVED, payload),), at)


def own_intent(connection: Connection, claim: Claim, coid: str) -> Row[Any] | None:
    """The run's own, locked."""
    return connection.execute(_OWN, {"run": claim.run_id, "id": coid}).one_or_none()


def sent_intent(connection: Connection, book: str, coid: str) -> Row[Any] | None:
    """The one that went out under this id, locked."""
    return connection.execute(_SENT_AS, {"of": book, "id": coid}).one_or_none()


def is_positive(amount: Decimal) -> bool:
    """Above zero and finite."""
    return amount.is_finite() and amount > 0


def is_intent(intent: Row[Any]) -> ColumnElement[bool]:
    """Selects this row."""
    return and_(intents.c.run_id == intent.run_id, intents.c.coid == intent.coid)


def _records(
    connection: Connection, query: _Query, values: Mapping[str, Any] | None = None
) -> tuple[IntentRecord, ...]:
    rows = connection.execute(query.intents, values).all()
    asked = questions.of_intents(connection, query.questions, values) if rows else {}
    return tuple(_as_record(row, asked.get((row.run_id, row.coid), ())) for row in rows)


def _as_record(row: Row[Any], asked: tuple[Question, ...]) -> IntentRecord:
    return IntentRecord(
        coid=row.coid,
        run_id=row.run_id,
        session_date=row.session_date,
        action=row.action,
        rule=row.rule,
        conid=row.conid,
        symbol=row.symbol,
        side=Side(row.side),
        quantity=row.quantity,
        reference_price=row.reference_price,
        leg=row.leg,
        exit=row.exit,
        mandatory=row.mandatory,
        state=OrderState(row.state),
        limit_price=row.limit_price,
        filled_quantity=row.filled_quantity,
        average_price=row.average_price,
        broker_order_id=row.broker_order_id,
        sends=row.sends,
        sent_at=row.sent_at,
        absent_reads=row.absent_reads,
        reason=row.reason,
        what_if=None if row.what_if is None else json.loads(row.what_if),
        rules=tuple(OrderRule(rule) for rule in row.rules.split("+") if rule),
        questions=asked,
    )
