"""The audit: is everything in the ledger as it was written? Reads stored text only and repairs nothing.

A chain alone proves consistency, not origin: somebody who can rewrite the whole database can recompute it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Text, select, type_coerce

from app.desk.records import Verification
from app.domain.order import OrderState
from app.ledger.canonical import digest
from app.ledger.events import GENESIS, OwnKind, link_hash
from app.ledger.schema import chain, events, intents, runs

_AMOUNTS = ("quantity", "limit_price", "filled_quantity", "average_price")


@dataclass(frozen=True, slots=True)
class _Told:
    """What the events say that the other tables must hold; keys are (book, run id) and (book, run id, coid)."""

    seals: dict[tuple[str, str], tuple[int, Mapping[str, Any]]] = field(default_factory=dict)
    plans: dict[tuple[str, str], str] = field(default_factory=dict)
    intents: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)


def verify(connection: Connection) -> Verification:
    """Every chain from its first event, then the runs and intents against what the events say of them."""
    told = _Told()
    problems: list[str] = []
    heads = {row.book: row for row in connection.execute(select(chain))}
    books = set(heads)
    count = 0
    stored = connection.execute(select(events).order_by(events.c.book, events.c.seq))
    for book, rows in groupby(stored, key=lambda row: str(row.book)):
        books.add(book)
        walk = _Walk(book, told)
        for row in rows:
            problems += walk.step(row)
            count += 1
        problems += walk.end(heads.pop(book, None))
    for book, head in heads.items():
        problems += _Walk(book, told).end(head)
    problems += _check_runs(connection, told)
    problems += _check_intents(connection, told)
    return Verification(events=count, books=len(books), problems=tuple(problems))


class _Walk:
    """One book's chain, event by event."""

    def __init__(self, book: str, told: _Told) -> None:
        self.book = book
        self.told = told
        self.seq = 0
        self.hash = GENESIS

    def step(self, row: Row[Any]) -> Iterator[str]:
        """The problems of the next event. The walk goes on from what is stored, so that each is named once."""
        expected = self.seq + 1
        place = f"book {self.book}, event {row.seq}"
        if row.seq != expected:
            yield f"{place}: {expected} was expected, so events are missing or were inserted"
        if row.prev != self.hash:
            yield f"{place}: does not link to the event before it"
        if row.hash != link_hash(row.prev, self.book, row.seq, row.run_id, row.kind, row.at, row.payload):
            yield f"{place}: its content is not what its hash was taken over"
        else:
            self._note(row)
        self.seq, self.hash = row.seq, row.hash

    def end(self, head: Row[Any] | None) -> Iterator[str]:
        """Problems at the tail."""
        if head is None:
            yield f"book {self.book}, event {self.seq}: the record of the chain's head is missing"
        elif (head.seq, head.hash) != (self.seq, self.hash):
            yield (
                f"book {self.book}, event {self.seq}: the chain's head was recorded as event {head.seq}, "
                "so events at the end are missing, changed or were added"
            )

    def _note(self, row: Row[Any]) -> None:
        if row.kind not in set(OwnKind):
            return
        payload = json.loads(row.payload)
        if row.kind == OwnKind.RUN_SEALED:
            self.told.seals[self.book, row.run_id] = (row.seq, payload)
        elif row.kind == OwnKind.PLAN_COMMITTED:
            self.told.plans[self.book, row.run_id] = payload["plan_hash"]
            for planned in payload["intents"]:
                first = {"state": OrderState.PLANNED.value, **_amounts(planned)}
                self.told.intents[self.book, row.run_id, planned["coid"]] = first
        elif row.kind == OwnKind.INTENT_MOVED:
            known = self.told.intents.setdefault((self.book, payload["planned_by"], payload["coid"]), {})
            known.update(_amounts(payload), state=payload["to"])


def _amounts(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: payload[name] for name in _AMOUNTS if payload.get(name) is not None}


def _check_runs(connection: Connection, told: _Told) -> Iterator[str]:
    seals, plans = dict(told.seals), dict(told.plans)
    columns = (runs.c.book, runs.c.run_id, runs.c.status, runs.c.plan, runs.c.report, runs.c.sealed_seq)
    for row in connection.execute(select(*columns).order_by(runs.c.number)):
        key = (row.book, row.run_id)
        yield from _check_seal(row, seals.pop(key, None))
        if (None if row.plan is None else digest(str(row.plan))) != plans.pop(key, None):
            yield f"book {row.book}, run {row.run_id}: its plan is not the one that was committed"
    for (book, run_id), (seq, _) in seals.items():
        yield f"book {book}, event {seq}: seals run {run_id}, which is missing"
    for book, run_id in plans:
        yield f"book {book}, run {run_id}: committed a plan and is missing"


def _check_seal(row: Row[*tuple[Any, ...]], seal: tuple[int, Mapping[str, Any]] | None) -> Iterator[str]:
    place = f"book {row.book}, run {row.run_id}"
    if seal is None:
        if row.report is not None or row.sealed_seq is not None:
            yield f"{place}: has a report, and no intact event {row.sealed_seq} seals it"
        return
    seq, payload = seal
    if row.sealed_seq != seq:
        yield f"{place}: was sealed by event {seq}, and says event {row.sealed_seq}"
    if row.report is None or digest(str(row.report)) != payload["report_hash"]:
        yield f"{place}: its report is not the one that event {seq} sealed"
    if row.status != payload["status"]:
        yield f"{place}: is {row.status}, and event {seq} sealed it as {payload['status']}"


def _check_intents(connection: Connection, told: _Told) -> Iterator[str]:
    expected = dict(told.intents)
    amounts = [type_coerce(intents.c[name], Text).label(name) for name in _AMOUNTS]
    stored = select(intents.c.book, intents.c.run_id, intents.c.coid, intents.c.state, *amounts)
    for row in connection.execute(stored.order_by(intents.c.book, intents.c.run_id, intents.c.position)):
        known = expected.pop((row.book, row.run_id, row.coid), None)
        place = f"book {row.book}, intent {row.coid} of run {row.run_id}"
        if known is None:
            yield f"{place}: no intact event tells of it"
        elif differing := [name for name in ("state", *_AMOUNTS) if not _same(name, getattr(row, name), known)]:
            yield f"{place}: its {', '.join(differing)} is not what the events say"
    for book, run_id, coid in expected:
        yield f"book {book}, intent {coid} of run {run_id}: is missing"


def _same(name: str, stored: object, known: Mapping[str, Any]) -> bool:
    if name == "state":
        return stored == known.get(name)
    # An intent is planned with nothing filled, which no event repeats.
    told = known.get(name, "0" if name == "filled_quantity" else None)
    if stored is None or told is None:
        return stored is told
    try:
        return Decimal(str(stored)) == Decimal(told)
    except InvalidOperation:
        return False
