"""The database: can a run be recorded, and is the record what was written?"""

import shutil
from pathlib import Path

from sqlalchemy import Connection

from app.commands.checks.records import Check, Status, failure, ok, skipped, warning
from app.domain.errors import LedgerError
from app.ledger.address import address, sqlite_file
from app.ledger.database_file import refuse_remains, size, walk
from app.ledger.recent import NEWEST, altered, looked_at, require_writable
from app.ledger.usable import is_current
from app.settings import Settings

NAMES = ("database", "audit_trail")
MEGABYTE = 1_000_000
_WORST = (Status.FAILURE, Status.WARNING, Status.OK)
_LITTLE_MEGABYTES, _FEW_MEGABYTES = 50, 500


def look(settings: Settings) -> tuple[Check, ...]:
    """Blocks for some seconds at most."""
    url = settings.ledger_url
    try:
        file = sqlite_file(address(url))
        if file is not None:
            refuse_remains(file)
            if not file.exists():
                return _no_file(file)
            if file.is_file():
                if size(file) == 0:
                    return _empty(file)
                walk(file)
        with looked_at(url) as connection:
            return _judged(connection)
    except LedgerError as error:
        return (
            failure("database", error.cause, error.remedy),
            *skipped(("audit_trail",), "not looked at because of database"),
        )


def _judged(connection: Connection) -> tuple[Check, ...]:
    if not is_current(connection):
        finding = "it is of an earlier version, or empty"
        return (
            warning("database", finding, "Nothing to do: the next run brings it up to date; copy it before."),
            *skipped(("audit_trail",), "not looked at because of database"),
        )
    try:
        require_writable(connection)
        first = ok("database", f"current and writable ({connection.dialect.name})")
    except LedgerError as error:
        first = failure("database", f"it can be read and not written: {error.cause}", error.remedy)
    return first, _judge(altered(connection))


def disk(settings: Settings) -> Check:
    """Of the state directory, or of where it will be; and of the ledger's file, where that lies elsewhere."""
    return min((_room(place) for place in _places(settings)), key=lambda check: _WORST.index(check.status))


def _places(settings: Settings) -> tuple[Path, ...]:
    try:
        file = sqlite_file(address(settings.ledger_url))
    except LedgerError:
        file = None
    return (settings.state_dir,) if file is None else (settings.state_dir, file.parent)


def _room(wanted: Path) -> Check:
    place = wanted.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // MEGABYTE
    finding = f"{free:,} MB free for {wanted}"
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


def _empty(file: Path) -> tuple[Check, ...]:
    first = warning("database", f"{file} is empty", "If it ever held a ledger, restore it before anything runs.")
    return first, *skipped(("audit_trail",), "there is no ledger yet")


def _judge(problems: tuple[str, ...]) -> Check:
    if problems:
        remedy = "Send nothing (`portfolio halt`), run `portfolio audit verify`, and compare with a copy."
        return failure("audit_trail", f"{problems[0]} ({len(problems)} problems)", remedy)
    finding = f"the newest events, up to {NEWEST} a book, are intact; `portfolio audit verify` walks all"
    return ok("audit_trail", finding)
