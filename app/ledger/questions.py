"""What the broker asked about the orders of the book: written with the order's own change, never changed after it."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, insert, select

from app.domain.questions import Question
from app.ledger.schema import intents, questions, runs
from app.record.canonical import canonical

Key = tuple[str, str]


def add(connection: Connection, intent: Row[Any], asked: Sequence[Question]) -> None:
    """Behind those that are there."""
    key = (questions.c.run_id == intent.run_id, questions.c.coid == intent.coid)
    before = len(connection.execute(select(questions.c.position).where(*key)).all())
    rows = [
        {"run_id": intent.run_id, "coid": intent.coid, "position": before + number, **as_columns(question)}
        for number, question in enumerate(asked)
    ]
    if rows:
        connection.execute(insert(questions), rows)


def as_columns(question: Question) -> dict[str, Any]:
    """As it is stored."""
    return {
        "ids": canonical(question.ids),
        "text": question.text,
        "answered": question.answered,
        "why": question.why,
    }


def as_told(asked: Sequence[Question]) -> list[dict[str, Any]]:
    """As an event has it."""
    return [{"ids": q.ids, "text": q.text, "answered": q.answered, "why": q.why} for q in asked]


def about(*conditions: ColumnElement[bool]) -> Select[Any]:
    """What was asked about the intents that the conditions select."""
    return (
        select(questions)
        .join(intents, and_(intents.c.run_id == questions.c.run_id, intents.c.coid == questions.c.coid))
        .join(runs, runs.c.run_id == intents.c.run_id)
        .where(*conditions)
        .order_by(questions.c.run_id, questions.c.coid, questions.c.position)
    )


def of_intents(
    connection: Connection, query: Select[Any], values: Mapping[str, Any] | None
) -> Mapping[Key, tuple[Question, ...]]:
    """(run, client order id) → what was asked, by a query of `about`."""
    found: defaultdict[Key, list[Question]] = defaultdict(list)
    for row in connection.execute(query, values):
        found[row.run_id, row.coid].append(Question(tuple(json.loads(row.ids)), row.text, row.answered, row.why))
    return {key: tuple(asked) for key, asked in found.items()}


def was_asked() -> ColumnElement[bool]:
    """Of an intent: the broker asked something about it."""
    return exists().where(*_of_intent()).correlate(intents)


def is_waiting() -> ColumnElement[bool]:
    """Of an intent: a question about it was left unanswered, so that nothing of it is under way."""
    return exists().where(*_of_intent(), questions.c.answered.is_(False)).correlate(intents)


def _of_intent() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return questions.c.run_id == intents.c.run_id, questions.c.coid == intents.c.coid
