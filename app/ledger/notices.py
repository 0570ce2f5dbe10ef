"""What a person is to be told: put down once under its key, handed to one sender at a time, and tried a few times.

What it says is told by an event; when it is tried and delivered is not: who loses a notice loses a message alone.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, select, update

from app.desk.records import Event, Notice
from app.ledger import events
from app.ledger.events import OwnKind
from app.ledger.schema import notices
from app.ledger.transactions import insert_if_absent
from app.record.canonical import digest

TRIES = 5
# Longer than a sender takes; after it another one may try.
_PAUSE = timedelta(minutes=5)
# Older news misleads.
_FRESH = timedelta(hours=12)


def add(connection: Connection, notice: Notice, now: datetime) -> bool:
    """Whether it is new; one that was told under the same key stays as it was."""
    values = {
        "key": notice.key,
        "book": notice.book,
        "title": notice.title,
        "body": notice.body,
        "made_at": now,
        "due_at": now,
        "tries": 0,
    }
    is_new = insert_if_absent(connection, notices, values)
    if is_new:
        told = {"key": notice.key, "title": notice.title, "body_hash": digest(notice.body)}
        events.append(connection, notice.book, None, (Event(OwnKind.NOTICE_ADDED, told),), now)
    return is_new


def any_due(connection: Connection, now: datetime) -> bool:
    """Without a writer's lock, as the answer is nearly always no."""
    return connection.execute(select(notices.c.key).where(*_due(now)).limit(1)).first() is not None


def take(connection: Connection, now: datetime) -> tuple[Notice, ...]:
    """Those that are due, oldest first; nobody else gets them for some minutes."""
    query = select(notices).where(*_due(now)).order_by(notices.c.made_at, notices.c.key)
    taken = [
        Notice(row.key, row.book, row.title, row.body) for row in connection.execute(query.with_for_update()).all()
    ]
    changes = {"tries": notices.c.tries + 1, "due_at": now + _PAUSE}
    connection.execute(update(notices).where(notices.c.key.in_([one.key for one in taken])).values(**changes))
    return tuple(taken)


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        notices.c.delivered_at.is_(None),
        notices.c.tries < TRIES,
        notices.c.due_at <= now,
        notices.c.made_at > now - _FRESH,
    )


def delivered(connection: Connection, key: str, now: datetime) -> None:
    connection.execute(update(notices).where(notices.c.key == key).values(delivered_at=now))
