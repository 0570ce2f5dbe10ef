"""What all commands share: their options, where they write, and the ledger that they read."""

import getpass
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app.commands.exit_status import ExitStatus, status_of
from app.commands.service_client import MadeBefore
from app.commands.speech import print_json as print_json
from app.commands.speech import say as say
from app.commands.speech import tell as tell
from app.commands.terminal import show_report, show_standing
from app.desk.run.wait import Patience
from app.domain.errors import UsageError
from app.domain.spelling import printable, shortened
from app.ledger.address import address, sqlite_file
from app.ledger.database_file import EMPTY, refuse_remains, size
from app.ledger.engine import open_ledger
from app.ledger.faults import unavailable
from app.ledger.sql_ledger import SqlLedger
from app.settings import Settings, load_for_safety, load_settings

NOTHING_NOW = "nothing was sent now: the run was made before this call"
StateOption = Annotated[Path | None, typer.Option("--state", help="Directory of everything a run leaves.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
UrlOption = Annotated[str | None, typer.Option("--url", help="Service to ask; without it the work happens here.")]
WaitOption = Annotated[
    bool | None,
    typer.Option(
        "--wait/--no-wait",
        help="Wait for the broker's login and for another run of the account. Without either: for another run alone, "
        "with --url or at a terminal.",
    ),
]
TimeoutOption = Annotated[
    int | None,
    typer.Option(
        "--timeout",
        min=0,
        max=7 * 86_400,
        help="Seconds to wait at most, 1800 if not given; then the exit status is 3. Work done here is not cut off.",
    ),
]
AccountOption = Annotated[str | None, typer.Option("--account", help="Account, where there are several.")]


def settings_of(state: Path | None) -> Settings:
    """The environment's settings, with another state directory where one is named."""
    return load_settings(state_dir=state) if state is not None else load_settings()


def safety_settings_of(state: Path | None) -> Settings:
    """As `settings_of`, for what makes things safer: what cannot be read is told, and left out."""
    settings, told = load_for_safety(state_dir=state) if state is not None else load_for_safety()
    for line in told:
        tell(f"left out: {line}")
    return settings


def user() -> str:
    """Whom the record names where nobody is given; a container's user may have no name."""
    try:
        name = printable(getpass.getuser())
    except (KeyError, OSError, ImportError):
        name = ""
    return shortened(name).strip() or f"user {os.getuid()}"


def patience_of(wait: bool | None, timeout: int | None, url: str | None) -> Patience:
    """What --wait, --no-wait and --timeout mean; without them a program is told at once and a person waits."""
    # Either may be closed, as under a scheduler.
    attached = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
    turn = (url is not None or attached) if wait is None else wait
    return Patience(login=wait is True, turn=turn, seconds=timeout)


def session_of(text: str | None) -> date | None:
    """The value of --as-of."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of {text} is not a date", "Write it as YYYY-MM-DD") from None


def show(report: Mapping[str, Any], as_json: bool) -> None:
    """A report, or how a run stands that left none, for a person or a program.

    That nothing was sent by this call is said first; beside a program's report, which is as it was, only who watches
    is told.
    """
    before = f"{NOTHING_NOW}, at {report['as_of'][11:16]} UTC" if isinstance(report, MadeBefore) else None
    if as_json:
        if before:
            tell(before)
        print_json(report)
    elif "run_id" in report and "timings_ms" not in report:
        show_standing(Console(), report)
    else:
        show_report(Console(), report, before)


def finish(report: Mapping[str, Any], as_json: bool, wanted: str = "done") -> None:
    """Show the report of work that was asked for, and end with its status; `wanted` is the one that was asked for."""
    show(report, as_json)
    status = status_of(report)
    if status is not ExitStatus.DONE and report["status"] != wanted:
        raise typer.Exit(status)


@contextmanager
def opened_ledger(settings: Settings) -> Iterator[SqlLedger]:
    """The ledger that the settings name; reading makes no new one."""
    file = sqlite_file(address(settings.ledger_url))
    if file is not None:
        _require_kept(file, settings)
    ledger = open_ledger(settings.ledger_url, lease_seconds=settings.run_lease_seconds)
    try:
        yield ledger
    finally:
        ledger.dispose()


def _require_kept(file: Path, settings: Settings) -> None:
    refuse_remains(file)
    if not file.exists():
        where = settings.state_dir if settings.database_url is None else file
        raise UsageError(f"there is no ledger in {where}", "`portfolio demo` makes one; --state names another")
    if size(file) == 0:
        raise unavailable(EMPTY, str(file))
