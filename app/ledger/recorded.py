"""The audit trail as it is read while it grows: events in the order of their commits, and waiting for the next one."""

import json
import select as readable
import sqlite3
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Row, bindparam, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.desk.records import StoredEvent
from app.ledger.address import sqlite_file
from app.ledger.events import NOTICE, ledger_newest
from app.ledger.schema import events

# The pause between two looks at a counter, which costs a few microseconds.
LOOK_SECONDS = 0.02
# A notice that is lost costs this.
SLOW_LOOK_SECONDS = 1.0
_AFTER = select(events).where(events.c.number > bindparam("after")).order_by(events.c.number)


def after(
    connection: Connection, number: int, book: str | None, kinds: Collection[str], limit: int
) -> tuple[StoredEvent, ...]:
    """Those with a higher number, the lowest first."""
    query = _AFTER.limit(limit)
    if book is not None:
        query = query.where(events.c.book == book)
    if kinds:
        query = query.where(events.c.kind.in_(list(kinds)))
    return tuple(_stored(row) for row in connection.execute(query, {"after": number}))


def newest(connection: Connection) -> int:
    """The number of the newest event."""
    return ledger_newest(connection).number


def _stored(row: Row[Any]) -> StoredEvent:
    at = datetime.fromisoformat(row.at)
    return StoredEvent(row.number, row.book, row.seq, row.run_id, row.kind, at, json.loads(row.payload))


class Watch(Protocol):
    """Looks at a ledger on a connection of its own, made at the first look and anew where it broke; of one thread."""

    def wait(self, seconds: float) -> bool:
        """Until something was committed since the last time, or for so long, or less. Whether it is known that it was.

        The first time it begins to watch and waits for nothing.
        """
        ...

    def close(self) -> None:
        """Leave the database."""
        ...


def watch(engine: Engine) -> Watch:
    """As the database at hand can be watched."""
    if engine.dialect.name == "postgresql":
        return _Listener(engine)
    file = sqlite_file(engine.url)
    return _Clock() if file is None else _Counter(file)


class _Clock:
    """Of a database that nobody else sees."""

    def wait(self, seconds: float) -> bool:
        time.sleep(min(seconds, LOOK_SECONDS))
        return False

    def close(self) -> None:
        """There is nothing to leave."""


class _Counter:
    """SQLite counts the commits of others for each connection; to read the count reads no page and takes no lock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._seen = -1

    def wait(self, seconds: float) -> bool:
        until = time.monotonic() + min(seconds, SLOW_LOOK_SECONDS)
        before = self._seen
        try:
            while (count := self._count()) == before and time.monotonic() < until:
                time.sleep(LOOK_SECONDS)
        except sqlite3.Error:
            # Whoever asks reads next, and is told what is wrong.
            self.close()
            time.sleep(min(seconds, LOOK_SECONDS))
            return False
        self._seen = count
        return count != before

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _count(self) -> int:
        if self._connection is None:
            where = f"{self._file.absolute().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(where, uri=True, isolation_level=None, check_same_thread=False)
        (count,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(count)


class _Listener:
    """PostgreSQL tells who listens of each commit of events."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def wait(self, seconds: float) -> bool:
        try:
            if self._connection is None:
                # What came before it listened is found by the look that follows.
                self._connection = self._listen()
                return False
            return self._hear(self._connection, min(seconds, SLOW_LOOK_SECONDS))
        except (SQLAlchemyError, OSError):
            self.close()
            time.sleep(min(seconds, SLOW_LOOK_SECONDS))
            return False

    def close(self) -> None:
        if self._connection is not None:
            # One that is broken has nothing to say when it is left.
            with suppress(SQLAlchemyError, OSError):
                self._connection.close()
        self._connection = None

    def _listen(self) -> Connection:
        connection = self._engine.connect()
        # It is nobody else's turn on it, however long it waits.
        connection.detach()
        connection.execute(text(f"LISTEN {NOTICE}"))
        # Within a transaction nothing is told.
        connection.commit()
        return connection

    def _hear(self, connection: Connection, seconds: float) -> bool:
        driver: Any = connection.connection.dbapi_connection
        # The driver has no call for it; under one that names its socket otherwise the slow look is what is left.
        socket = getattr(driver, "_usock", None)
        if socket is None:
            time.sleep(seconds)
            return False
        if readable.select([socket], [], [], seconds)[0]:
            connection.execute(text("SELECT 1"))
            connection.commit()
        told = bool(driver.notifications)
        driver.notifications.clear()
        return told
