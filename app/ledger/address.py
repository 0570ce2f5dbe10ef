"""DATABASE_URL: which database it names, and whether this installation can speak to one of its kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from app.domain.errors import LedgerError

Connecting = Callable[[list[Any], dict[str, Any]], None]
SQLITE, POSTGRESQL = "sqlite", "postgresql"
_HOW = "Use sqlite:///path or postgresql+pg8000://…"


def address(url: str) -> URL:
    """LedgerError where it is none, or of a kind that the ledger is not kept in."""
    try:
        parsed = make_url(url)
    # A port that is no number is not the library's own error.
    except (ArgumentError, ValueError) as error:
        raise LedgerError("DATABASE_URL is not a database URL", _HOW) from error
    kind = parsed.get_backend_name()
    if kind not in {SQLITE, POSTGRESQL}:
        raise LedgerError(f"the ledger cannot be kept in {kind}", _HOW)
    try:
        parsed.get_dialect().import_dbapi()
    except (ImportError, NoSuchModuleError) as error:
        raise LedgerError(f"the driver of {parsed.drivername} is not installed", _HOW) from error
    return parsed


def sqlite_file(url: URL) -> Path | None:
    """The file that SQLite would open; None for another database, or one that is no file."""
    if url.get_backend_name() != SQLITE or not url.database or url.database == ":memory:":
        return None
    return Path(url.database.removeprefix("file:"))


def made(url: URL, before_connecting: Connecting = lambda _arguments, _options: None, **options: Any) -> Engine:  # noqa: ANN401 - as the library takes them
    """An engine that connects at first use, after `before_connecting` has seen, and may change, how."""

    def connect(
        dialect: Dialect, _: ConnectionPoolEntry, arguments: list[Any], options: dict[str, Any]
    ) -> DBAPIConnection:
        before_connecting(arguments, options)
        try:
            return dialect.connect(*arguments, **options)
        except TypeError as error:
            # The driver's own words for an option that it does not have; they name the option and no value.
            words = str(error).rpartition(") ")[2]
            raise LedgerError(f"DATABASE_URL has an option that its driver refuses: {words}", "Leave it out") from error

    engine = create_engine(url, **options)
    event.listen(engine, "do_connect", connect)
    return engine
