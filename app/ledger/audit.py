"""The audit: is everything in the ledger as it was written? Reads stored text only and repairs nothing.

A chain alone proves consistency, not origin: somebody who can rewrite the whole database can recompute it.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Text, cast, select, type_coerce

from app.desk.records import RunStatus, Verification
from app.ledger import former, run_memory
from app.ledger.audit_intents import as_changed, as_planned, check_intents
from app.ledger.audit_settings import Settings
from app.ledger.events import EMPTIED, GENESIS, OwnKind, first_link, ledger_link, link_hash
from app.ledger.questions import check_questions
from app.ledger.schema import chain, events, ledger_head, navs, runs
from app.record.canonical import digest


@dataclass(frozen=True, slots=True)
class _Seal:
    """What a run's sealing event says of it."""

    seq: int
    status: str
    report_hash: str
    memory: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """What the events say that the other tables must hold, by book and the record's own key."""

    seals: dict[tuple[str, str], _Seal] = field(default_factory=dict)
    plans: dict[tuple[str, str], str] = field(default_factory=dict)
    intents: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    navs: dict[tuple[str, str, str], tuple[Any, Any, Any]] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    questions: defaultdict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))

    def note(self, row: Row[Any], payload: Mapping[str, Any]) -> None:
        """One event of the ledger's own, known to be as it was written."""
        book, run_id, kind = row.book, row.run_id, row.kind
        if kind == OwnKind.RUN_SEALED:
            self.seals[book, run_id] = _Seal(row.seq, payload["status"], payload["report_hash"], payload.get("memory"))
            self._note_navs(book, [payload["nav"]] if "nav" in payload else [])
        elif kind == OwnKind.RUN_REOPENED:
            self.seals[book, run_id] = replace(self.seals[book, run_id], status=RunStatus.RUNNING)
        elif kind == OwnKind.NAVS_ADDED:
            self._note_navs(book, payload["points"])
        elif kind == OwnKind.PLAN_COMMITTED:
            self.plans[book, run_id] = payload["plan_hash"]
            for planned in payload["intents"]:
                self.intents[book, run_id, planned["coid"]] = as_planned(planned)
        elif kind in (OwnKind.INTENT_MOVED, OwnKind.INTENT_ABSENT):
            known = self.intents.setdefault((book, payload["planned_by"], payload["coid"]), {})
            known.update(as_changed(payload, row.at))
            self.questions[payload["planned_by"], payload["coid"]] += payload.get("questions", [])
        else:
            self.settings.note(book, row.seq, kind, payload, row.at)

    def _note_navs(self, book: str, points: Sequence[Mapping[str, Any]]) -> None:
        for point in points:
            self.navs[book, point["session_date"], point["kind"]] = (point["nav"], point["index"], point["peak"])


def verify(connection: Connection) -> Verification:
    """Every chain from its first event, then runs, intents and NAV points against what the events say of them."""
    told = _Told()
    problems: list[str] = []
    heads = {str(row.book): row for row in connection.execute(select(chain))}
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
    problems += _check_ledger_chain(connection)
    problems += _check_runs(connection, told)
    problems += check_intents(connection, told.intents)
    problems += check_questions(connection, told.questions)
    problems += _check_navs(connection, told)
    problems += told.settings.check(connection)
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
        # An intruder can store bytes or numbers where text belongs, and the audit must live to tell.
        run_id = None if row.run_id is None else str(row.run_id)
        if row.hash != link_hash(row.prev, self.book, row.seq, run_id, str(row.kind), str(row.at), row.payload):
            yield f"{place}: its content is not what its hash was taken over"
        elif row.kind in set(OwnKind):
            try:
                self.told.note(row, json.loads(row.payload))
            except (KeyError, TypeError, ValueError, AttributeError):
                yield f"{place}: is no {row.kind} event as the ledger writes them"
        self.seq = row.seq if isinstance(row.seq, int) else expected
        self.hash = row.hash

    def end(self, head: Row[Any] | None) -> Iterator[str]:
        """Problems at the tail."""
        if head is None:
            yield f"book {self.book}, event {self.seq}: the record of the chain's head is missing"
        elif (head.seq, head.hash) != (self.seq, self.hash):
            yield (
                f"book {self.book}, event {self.seq}: the chain's head was recorded as event {head.seq}, "
                "so events at the end are missing, changed or were added"
            )


def _check_ledger_chain(connection: Connection) -> Iterator[str]:
    """Over the events of all books, in the order of their commits."""
    head = connection.execute(select(ledger_head)).one_or_none()
    if head is None:
        yield f"the record of the ledger's head is missing: {EMPTIED.remedy}"
        return
    number, link = 0, first_link(str(head.ledger_id))
    columns = (events.c.number, events.c.link, events.c.hash, events.c.book, events.c.seq)
    for row in connection.execute(select(*columns).order_by(events.c.number)):
        place = f"book {row.book}, event {row.seq}"
        if row.number != number + 1:
            yield f"{place}: is number {row.number} of the ledger, {number + 1} was expected: events are missing"
        number = row.number if isinstance(row.number, int) else number + 1
        if row.link != ledger_link(link, number, str(row.hash)):
            yield f"{place}: does not link to the event before it in the ledger"
        link = str(row.link)
    if (head.number, head.link) != (number, link):
        yield (
            f"the ledger's head was recorded as event {head.number} and the newest is {number}, "
            "so events at the end are missing, changed or were added"
        )


def _check_runs(connection: Connection, told: _Told) -> Iterator[str]:
    seals, plans = dict(told.seals), dict(told.plans)
    left = run_memory.of_all(connection)
    columns = (runs.c.book, runs.c.run_id, runs.c.status, runs.c.plan, runs.c.report, runs.c.sealed_seq)
    for row in connection.execute(select(*columns).order_by(runs.c.number)):
        key = (row.book, row.run_id)
        seal = seals.pop(key, None)
        yield from _check_seal(row, seal)
        if _left(row, seal) != {kind: digest(content) for kind, content in left.get(row.run_id, {}).items()}:
            yield f"book {row.book}, run {row.run_id}: what it left for later runs is not what was sealed"
        if (None if row.plan is None else digest(str(row.plan))) != plans.pop(key, None):
            yield f"book {row.book}, run {row.run_id}: its plan is not the one that was committed"
    for (book, run_id), seal in seals.items():
        yield f"book {book}, event {seal.seq}: seals run {run_id}, which is missing"
    for book, run_id in plans:
        yield f"book {book}, run {run_id}: committed a plan and is missing"


def _check_seal(row: Row[*tuple[Any, ...]], seal: _Seal | None) -> Iterator[str]:
    place = f"book {row.book}, run {row.run_id}"
    if seal is None:
        if row.report is not None or row.sealed_seq is not None:
            yield f"{place}: has a report, and no intact event {row.sealed_seq} seals it"
        return
    if row.sealed_seq != seal.seq:
        yield f"{place}: was sealed by event {seal.seq}, and says event {row.sealed_seq}"
    if row.report is None or digest(str(row.report)) != seal.report_hash:
        yield f"{place}: its report is not the one that event {seal.seq} sealed"
    if row.status != seal.status:
        yield f"{place}: is {row.status}, and event {seal.seq} sealed it as {seal.status}"


def _left(row: Row[*tuple[Any, ...]], seal: _Seal | None) -> Mapping[str, str]:
    """Hash by kind. Seals of before revision 0005 name none: their reports tell."""
    if seal is None or (seal.memory is None and row.report is None):
        return {}
    if seal.memory is not None:
        return seal.memory
    try:
        found = former.memory(row.run_id, json.loads(row.report))
    except (ValueError, TypeError, AttributeError):
        return {}
    return {kind: digest(content) for kind, content in run_memory.texts(found).items()}


def _check_navs(connection: Connection, told: _Told) -> Iterator[str]:
    expected = dict(told.navs)
    day = cast(navs.c.session_date, Text).label("day")
    stored = select(navs.c.book, day, navs.c.kind, type_coerce(navs.c.nav, Text).label("nav"), navs.c.idx, navs.c.peak)
    for row in connection.execute(stored.order_by(navs.c.book, navs.c.session_date)):
        point = expected.pop((row.book, row.day, row.kind), None)
        if (row.nav, row.idx, row.peak) != point:
            yield f"book {row.book}, {row.kind} NAV point of {row.day}: is not what the events say"
    for book, session, kind in expected:
        yield f"book {book}, {kind} NAV point of {session}: is missing"
