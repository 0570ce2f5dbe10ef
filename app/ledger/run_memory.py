"""What a run leaves for later ones to decide by: records in canonical JSON, under the hash that its seal names."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Connection, Integer, Select, bindparam, delete, func, insert, or_, select

from app.desk.records import RunMemory, RunStatus, Snapshot, UnitValue
from app.domain.recovery import Recovery
from app.engine.memory import EvaluationRecord, Resumed
from app.ledger.events import OwnKind
from app.ledger.schema import events, run_memory, runs
from app.record.canonical import canonical

Value = TypeVar("Value")


class Kind(StrEnum):
    """What a record is of."""

    EVALUATION = "evaluation"
    ACCOUNT = "account"
    ASKED_PRICES = "asked_prices"


def _of(kind: Kind) -> Select[tuple[str, str, date]]:
    query = select(run_memory.c.run_id, run_memory.c.content, runs.c.session_date).join(
        runs, runs.c.run_id == run_memory.c.run_id
    )
    return query.where(runs.c.book == bindparam("of"), run_memory.c.kind == kind)


_LAST_EVALUATION = (
    _of(Kind.EVALUATION)
    .where(runs.c.dry_run.is_(False), runs.c.session_date < bindparam("before"), runs.c.status == RunStatus.DONE)
    .order_by(runs.c.session_date.desc(), runs.c.number.desc())
    .limit(1)
)
_UP_TO = bindparam("number", type_=Integer)
_SEEN = (
    _of(Kind.EVALUATION)
    .where(runs.c.dry_run.is_(False), or_(_UP_TO.is_(None), runs.c.number <= _UP_TO))
    .order_by(runs.c.number.desc())
    .limit(1)
)
_NEWEST_MEASURED = (
    select(func.max(runs.c.number))
    .join(run_memory, run_memory.c.run_id == runs.c.run_id)
    .where(run_memory.c.kind == Kind.EVALUATION, runs.c.dry_run.is_(False))
)
# By the sealing events, which are in this order: to sort the runs would read over all their reports.
_LAST_SNAPSHOT = (
    _of(Kind.ACCOUNT)
    .join(events, events.c.run_id == runs.c.run_id)
    .where(runs.c.dry_run.is_(False), events.c.book == bindparam("of"), events.c.kind == OwnKind.RUN_SEALED)
    .order_by(events.c.seq.desc())
    .limit(1)
)
_SNAPSHOTS = _of(Kind.ACCOUNT).order_by(runs.c.number.desc())
_OF_RUNS = select(run_memory.c.run_id, run_memory.c.content).where(
    run_memory.c.kind == Kind.ACCOUNT, run_memory.c.run_id.in_(bindparam("runs", expanding=True))
)
_FORGET = delete(run_memory).where(run_memory.c.run_id == bindparam("run"))
_KEEP = insert(run_memory)


def texts(memory: RunMemory) -> dict[str, str]:
    """Each record as it is stored, by kind."""
    found: dict[str, Any] = {}
    if memory.evaluation is not None:
        told = memory.evaluation
        found[Kind.EVALUATION] = {
            "severities": told.severities,
            "caps": told.caps,
            "drawdown_acted_at": told.drawdown_acted_at,
            # Seals of before they were there are over the text without them.
            **({} if told.inherited is None else {"inherited": told.inherited}),
            **({"settled": True} if told.settled else {}),
            **({} if told.recovery is None else {"recovery": asdict(told.recovery)}),
            **({} if told.marked is None else {"marked": told.marked}),
            **({} if told.cap_rose is None else {"cap_rose": told.cap_rose}),
            **({} if told.over is None else {"over": told.over}),
        }
    if memory.account is not None:
        found[Kind.ACCOUNT] = _account(memory.account)
    if memory.asked_prices is not None:
        found[Kind.ASKED_PRICES] = memory.asked_prices
    return {kind: canonical(record) for kind, record in found.items()}


def replace(connection: Connection, run_id: str, stored: Mapping[str, str]) -> None:
    """What the run left when it was closed before counts no more."""
    connection.execute(_FORGET, {"run": run_id})
    rows = [{"run_id": run_id, "kind": kind, "content": content} for kind, content in stored.items()]
    if rows:
        connection.execute(_KEEP, rows)


def last_evaluation(connection: Connection, book: str, before: date) -> tuple[date, EvaluationRecord] | None:
    """The newest session before that one whose run is done and measured, and what it left."""
    row = connection.execute(_LAST_EVALUATION, {"of": book, "before": before}).one_or_none()
    if row is None:
        return None
    return row.session_date, _evaluation(row.content)


def newest_evaluation(connection: Connection, book: str) -> tuple[date, EvaluationRecord] | None:
    """Of the newest run that measured, whatever became of it, and its session."""
    row = connection.execute(_SEEN, {"of": book, "number": None}).one_or_none()
    return None if row is None else (row.session_date, _evaluation(row.content))


def resumed(connection: Connection, book: str, number: int | None) -> Resumed | None:
    """What a person saw who resumed when that run was the newest that had measured."""
    if number is None:
        return None
    row = connection.execute(_SEEN, {"of": book, "number": number}).one_or_none()
    return None if row is None else Resumed(row.session_date, _evaluation(row.content).over or {})


def newest_measured(connection: Connection) -> int | None:
    """The number of the newest run of any book that measured."""
    found: int | None = connection.execute(_NEWEST_MEASURED).scalar_one()
    return found


def _evaluation(content: str) -> EvaluationRecord:
    told = json.loads(content)
    return EvaluationRecord(
        told["severities"],
        told["caps"],
        told["drawdown_acted_at"],
        told.get("inherited"),
        told.get("settled", False),
        _recovery(told.get("recovery")),
        _day(told.get("marked")),
        _day(told.get("cap_rose")),
        told.get("over"),
    )


def _recovery(told: Mapping[str, Any] | None) -> Recovery | None:
    if told is None:
        return None
    began, acted = (date.fromisoformat(told[name]) for name in ("began", "acted"))
    return Recovery(began, acted, told["acted_at"], told["left"], told["gap"], _day(told["rebased"]))


def _day(told: str | None) -> date | None:
    return None if told is None else date.fromisoformat(told)


def last_snapshot(connection: Connection, book: str) -> Snapshot | None:
    """Newest by its seal."""
    row = connection.execute(_LAST_SNAPSHOT, {"of": book}).one_or_none()
    return None if row is None else _snapshot(row.run_id, json.loads(row.content))


def snapshots(connection: Connection, book: str, limit: int) -> tuple[Snapshot, ...]:
    """Of the newest runs, dry ones too."""
    newest = connection.execute(_SNAPSHOTS.limit(limit), {"of": book})
    return tuple(_snapshot(row.run_id, json.loads(row.content)) for row in newest)


def snapshots_of(connection: Connection, run_ids: Collection[str]) -> tuple[Snapshot, ...]:
    """Of these runs, as far as they saw the account."""
    found = connection.execute(_OF_RUNS, {"runs": list(run_ids)})
    return tuple(_snapshot(row.run_id, json.loads(row.content)) for row in found)


def asked_prices(connection: Connection, run_id: str) -> dict[str, Decimal]:
    """Of nobody who was not asked."""
    query = select(run_memory.c.content).where(run_memory.c.run_id == run_id)
    content = connection.execute(query.where(run_memory.c.kind == Kind.ASKED_PRICES)).scalar_one_or_none()
    return {} if content is None else _decimals(json.loads(content))


def _account(told: Snapshot) -> dict[str, Any]:
    return {
        "session_date": told.session_date,
        "as_of": told.as_of,
        "currency": told.currency,
        "nav": told.nav,
        "cash": told.cash,
        "balances": told.balances,
        "detected_flows": told.detected_flows,
        "unexplained_flow": told.unexplained_flow,
        "quantities": _by_text(told.quantities),
        "prices": _by_text(told.prices),
        "currencies": _by_text(told.currencies),
        "rates": told.rates,
        "values": {str(conid): [unit.value, unit.session_date] for conid, unit in told.values.items()},
    }


def _snapshot(run_id: str, told: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        run_id=run_id,
        session_date=date.fromisoformat(told["session_date"]),
        as_of=datetime.fromisoformat(told["as_of"]),
        currency=told["currency"],
        nav=Decimal(told["nav"]),
        cash=Decimal(told["cash"]),
        balances=_decimals(told["balances"]),
        detected_flows=Decimal(told["detected_flows"]),
        unexplained_flow=Decimal(told["unexplained_flow"]),
        quantities=_by_conid(_decimals(told["quantities"])),
        prices=_by_conid(_decimals(told["prices"])),
        currencies=_by_conid(told["currencies"]),
        rates=_decimals(told["rates"]),
        values={
            int(conid): UnitValue(Decimal(value), date.fromisoformat(day))
            for conid, (value, day) in told["values"].items()
        },
    )


def _by_text(values: Mapping[int, object]) -> dict[str, object]:
    return {str(conid): value for conid, value in values.items()}


def _by_conid(values: Mapping[str, Value]) -> dict[int, Value]:
    return {int(conid): value for conid, value in values.items()}


def _decimals(values: Mapping[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in values.items()}
