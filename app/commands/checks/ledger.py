"""The database: can a run be recorded, and is the record what was written?"""

import shutil
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.commands.checks.records import Check, failure, ok, skipped, warning
from app.domain.errors import LedgerError
from app.ledger.recent import NEWEST, altered, is_current, looked_at, require_writable
from app.settings import Settings

NAMES = ("database", "audit_trail")
MEGABYTE = 1_000_000
_LITTLE_MEGABYTES, _FEW_MEGABYTES = 50, 500


def look(settings: Settings) -> tuple[Check, ...]:
    """Blocks for some seconds at most."""
    url = settings.ledger_url
    file = _sqlite_file(url)
    if file is not None and not file.exists():
        return _no_file(file)
    try:
        with looked_at(url) as connection:
            if not is_current(connection):
                finding = "it is of an earlier version, or empty"
                return (
                    warning("database", finding, "Nothing to do: the next run brings it up to date; copy it before."),
                    *skipped(("audit_trail",), "not looked at because of database"),
                )
            try:
                require_writable(connection)
                writable = ok("database", f"current and writable ({_kind(url)})")
            except LedgerError as error:
                writable = failure("database", f"it can be read and not written: {error.cause}", _writing(file))
            return writable, _judge(altered(connection))
    except LedgerError as error:
        return (
            failure("database", error.cause, error.remedy),
            *skipped(("audit_trail",), "not looked at because of database"),
        )


def disk(settings: Settings) -> Check:
    """Of the state directory, or of where it will be."""
    place = settings.state_dir.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // MEGABYTE
    finding = f"{free:,} MB free for {settings.state_dir}"
    if free < _LITTLE_MEGABYTES:
        return failure("disk", finding, "Make room: a run that cannot be recorded sends nothing.")
    if free < _FEW_MEGABYTES:
        return warning("disk", finding, "Make room.")
    return ok("disk", finding)


def _no_file(file: Path) -> tuple[Check, ...]:
    if file.parent.exists() and not file.parent.is_dir():
        first = failure("database", f"{file.parent} is not a directory", "Correct STATE_DIR or DATABASE_URL.")
    else:
        first = ok("database", f"none yet; the first run makes {file}")
    return first, *skipped(("audit_trail",), "there is no ledger yet")


def _judge(problems: tuple[str, ...]) -> Check:
    if problems:
        remedy = "Send nothing (`portfolio halt`), run `portfolio audit verify`, and compare with a copy."
        return failure("audit_trail", f"{problems[0]} ({len(problems)} problems)", remedy)
    finding = f"the newest events, up to {NEWEST} a book, are intact; `portfolio audit verify` walks all"
    return ok("audit_trail", finding)


def _writing(file: Path | None) -> str:
    if file is None:
        return "Name the primary, and a user who may write, in DATABASE_URL."
    return f"Make {file} and its directory writable for the user who runs the service."


def _kind(url: str) -> str:
    return make_url(url).get_backend_name()


def _sqlite_file(url: str) -> Path | None:
    """The file that SQLite would open; None for another database, or none that is a plain file."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database.removeprefix("file:"))
