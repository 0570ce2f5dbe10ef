"""What a database's failure means to a person: what is wrong, and what to do. Never SQL, a value or a credential."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from app.domain.errors import LedgerError, LedgerUnavailable
from app.ledger.address import SQLITE

FAILED = "the ledger could not be read or written"
RESUMED = "an interrupted run is resumed, never repeated"
_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of failure that ends when somebody has done what `remedy` says."""

    cause: str
    remedy: str


LOCKED = Fault(
    "another process keeps it locked",
    f"Wait for that process (a backup, an SQL shell), or end it, and come again; {RESUMED}",
)
FULL = Fault("the disk that holds it is full", f"Make room there and come again; {RESUMED}")
READ_ONLY = Fault(
    "it lets nothing be written",
    "Make the file and its directory writable for this user, or name the primary, and a user who may write, "
    "in DATABASE_URL",
)
DAMAGED = Fault(
    "its pages are damaged",
    "Copy all files of the database aside, stop the service, restore the newest copy, run `portfolio audit verify`; "
    "the next run compares with the broker before it sends",
)
DISK = Fault("its disk cannot be read or written", f"Look at that disk: room, quota, limits, errors; {RESUMED}")
UNOPENED = Fault(
    "it cannot be opened",
    "Name a file in DATABASE_URL or STATE_DIR that this user may read and write, in a directory that is there",
)
ANOTHER = Fault(
    "it is no ledger of this version: its tables are missing or different",
    "Name the right database in DATABASE_URL, or restore it; `portfolio doctor` looks at it and changes nothing",
)
UNREACHABLE = Fault(
    "its server cannot be reached",
    f"Start the server that DATABASE_URL names, or mend the way to it, and come again; {RESUMED}",
)
CROWDED = Fault(
    "no connection to it is free",
    f"End connections that nobody needs, or allow its server more, and come again; {RESUMED}",
)
REFUSED = Fault(
    "its server does not let this user in",
    "Correct user, password and database name in DATABASE_URL, or at the server, and start the service again",
)
BROKEN_OFF = Fault(
    "its server broke the work off",
    f"See the server's log (time limits, memory, a shutdown) and come again; {RESUMED}",
)

_SQLITE: Mapping[int, Fault] = {
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_PROTOCOL: LOCKED,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_IOERR: DISK,
    sqlite3.SQLITE_CANTOPEN: UNOPENED,
}
# By SQLSTATE, the longest beginning that is listed: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL: Mapping[str, Fault] = {
    "08": UNREACHABLE,
    "25P": BROKEN_OFF,
    "25006": READ_ONLY,
    "28": REFUSED,
    "3D": REFUSED,
    "3F": ANOTHER,
    "40": BROKEN_OFF,
    "42501": READ_ONLY,
    "42P01": ANOTHER,
    "42703": ANOTHER,
    "53": BROKEN_OFF,
    "53100": FULL,
    "53300": CROWDED,
    "55": BROKEN_OFF,
    "55000": READ_ONLY,
    "55P03": LOCKED,
    "57": BROKEN_OFF,
    "57P01": UNREACHABLE,
    "57P02": UNREACHABLE,
    "57P03": UNREACHABLE,
    "57P04": REFUSED,
    "58": DISK,
    "F0": DISK,
    "XX": DISK,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
# Their text repeats the value that was refused.
_TELLS_VALUES = "22"


def unavailable(fault: Fault, where: str = "", words: str = "") -> LedgerUnavailable:
    """`words` are the driver's or ours, on one line."""
    details = "; ".join(part for part in (where, words) if part)
    return LedgerUnavailable(f"{FAILED}: {fault.cause}" + (f" ({details})" if details else ""), fault.remedy)


def ledger_error(error: Exception, where: str = "") -> LedgerError:
    """The error that this one of SQLAlchemy, of a driver or of the network is to a caller."""
    # SQLAlchemy's own message would repeat every bound value, account ids included.
    cause = error.orig if isinstance(error, StatementError) and error.orig is not None else error
    if isinstance(cause, LedgerError):
        return cause
    words = _words(cause)
    fault = _fault(cause, lost=isinstance(error, DBAPIError) and error.connection_invalidated)
    if fault is not None:
        return unavailable(fault, where, words)
    return LedgerError(f"{FAILED}: {words}", f"Check the database that DATABASE_URL names and run again; {RESUMED}")


def place(url: URL) -> str:
    """Where the database is, without who asks."""
    if not url.database:
        return ""
    if url.get_backend_name() == SQLITE:
        return url.database
    return f"{url.database} at {url.host or 'localhost'}:{url.port or 5432}"


def _fault(cause: BaseException, *, lost: bool) -> Fault | None:
    """None for what no waiting and no administrator mends: a value, a constraint, a statement that is wrong."""
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    state = _field(cause, "C")
    if state is not None:
        return next((_POSTGRESQL[state[:n]] for n in (5, 3, 2) if state[:n] in _POSTGRESQL), None)
    if isinstance(cause, PoolExhausted):
        return CROWDED
    if lost or isinstance(cause, OSError) or type(cause).__name__ == "InterfaceError":
        # The driver's own: without an answer of the server.
        return UNREACHABLE
    # A stored value that is no longer what its column or its JSON can be.
    return DAMAGED if isinstance(cause, ValueError) else None


def _of_sqlite(cause: sqlite3.Error) -> Fault | None:
    if str(cause).startswith(("no such table", "no such column")):
        return ANOTHER
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF)
    # Text that is none fails in the driver, without a code of the database.
    return DAMAGED if "decode" in str(cause) else None


def _words(cause: BaseException) -> str:
    state, message = _field(cause, "C"), _field(cause, "M")
    if state is not None and message is not None:
        said = f"SQLSTATE {state}" if state.startswith(_TELLS_VALUES) else message
    elif isinstance(cause, sqlite3.Error):
        said = str(cause)
    else:
        below = cause if isinstance(cause, OSError) else cause.__cause__
        said = getattr(below, "strerror", None) or type(below or cause).__name__
    return " ".join(said.split())[:_MOST_WORDS]


def _field(cause: BaseException, name: str) -> str | None:
    """PostgreSQL answers with fields: "C" is the SQLSTATE, "M" the message, and others repeat stored values."""
    fields = cause.args[0] if cause.args else None
    return str(fields[name]) if isinstance(fields, Mapping) and name in fields else None
