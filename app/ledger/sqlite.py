"""SQLite as the ledger needs it: every commit on disk, one writer at a time, and always the same file."""

import sqlite3

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry

from app.ledger.address import made, sqlite_file
from app.ledger.database_file import DatabaseFile
from app.ledger.faults import LOCKED, unavailable
from app.ledger.transactions import BEGIN_OPTION, LOCK_SECONDS, PATIENCE_OPTION, THOROUGH_OPTION

_WAL_ATTEMPTS = 50


def sqlite_engine(url: URL) -> Engine:
    """Connects at first use, not here."""
    path = sqlite_file(url)
    file = None if path is None else DatabaseFile(path)
    # The driver must not begin transactions by itself: it would begin them deferred, and two writers would meet late.
    how = {"isolation_level": None, "timeout": LOCK_SECONDS}
    engine = made(url, *([] if file is None else [file.before_connecting]), connect_args=how)
    event.listen(engine, "connect", _configure)
    if file is not None:
        _keep_to(engine, file)
    event.listen(engine, "begin", _begin)
    if file is not None:
        _keep_sound(engine, file)
    return engine


def _keep_to(engine: Engine, file: DatabaseFile) -> None:
    def connected(_: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        file.connected(entry.info)

    def beginning(connection: Connection) -> None:
        options, to_write = connection.get_execution_options(), _opening(connection) != "BEGIN"
        file.require_same(connection.info, to_write=to_write)
        if to_write:
            file.require_sound(thorough=options.get(THOROUGH_OPTION, False))
        if file.has_changed(connection.info):
            # Of a file that somebody else wrote over, remembered pages would hide what it has become.
            _driver(connection).execute("PRAGMA shrink_memory")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", beginning)


def _keep_sound(engine: Engine, file: DatabaseFile) -> None:
    def begun(connection: Connection) -> None:
        if _opening(connection) != "BEGIN":
            file.locked(connection.info)

    def over(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        file.released(entry.info)

    event.listen(engine, "begin", begun)
    event.listen(engine, "checkin", over)


def _opening(connection: Connection) -> str:
    return str(connection.get_execution_options().get(BEGIN_OPTION, "BEGIN IMMEDIATE"))


def _begin(connection: Connection) -> None:
    patience = connection.get_execution_options().get(PATIENCE_OPTION, LOCK_SECONDS)
    driver = _driver(connection)
    if connection.info.get(PATIENCE_OPTION, LOCK_SECONDS) != patience:
        driver.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
        connection.info[PATIENCE_OPTION] = patience
    driver.execute(_opening(connection))


def _driver(connection: Connection) -> sqlite3.Connection:
    # Statements of every transaction, without values: the library's way costs more than they do.
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError(f"a {type(driver).__name__} is no connection of SQLite")
    return driver


def _configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    _enter_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # The first read opens all that belongs to the file.
    cursor.execute("PRAGMA schema_version").fetchone()
    cursor.close()


def _enter_wal(cursor: DBAPICursor) -> None:
    for _ in range(_WAL_ATTEMPTS):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            # While another process enters it, this one fails at once whatever the timeout; a transaction does wait.
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("COMMIT")
        else:
            return
    raise unavailable(LOCKED, words="it cannot enter WAL mode")
