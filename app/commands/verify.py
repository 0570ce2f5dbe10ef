"""`portfolio verify`: a bundle of somebody's, checked on a machine that has nothing of theirs.

Must start without the ledger, settings and network, and must not write anything.
"""

import errno
import os
import stat
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from app.commands.speech import print_json
from app.domain.errors import UsageError
from app.record.bundle import LARGEST_FILE
from app.record.verification import Verdict, Verified, verify_bundle

alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@alone.callback()
def _alone() -> None:
    """An autonomous portfolio manager for Interactive Brokers accounts."""


@alone.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="A file that `portfolio prove` wrote.")],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Check a bundle and decide its day again from the file alone; status 1 when it is not as it was."""
    found = verify_bundle(_content(file))
    if as_json:
        print_json(
            {
                "verdict": found.verdict.value,
                "run": found.run_id,
                "root": found.root,
                "event": found.event,
                "chunks": found.chunks,
                "problems": list(found.problems),
                "withheld": dict(found.withheld),
            }
        )
    else:
        typer.echo(_line(found))
    if found.verdict in (Verdict.ALTERED, Verdict.DIFFERENT):
        raise typer.Exit(1)


def _line(found: Verified) -> str:
    more = len(found.problems) - 1
    first = next(iter(found.problems), "") + (f" (and {more} more: --json)" if more > 0 else "")
    match found.verdict:
        case Verdict.ALTERED:
            return f"ALTERED: {first}"
        case Verdict.DIFFERENT:
            return f"DIFFERENT: {first}"
        case Verdict.WITHHELD:
            left_out = ", ".join(f"{path} ({source})" for path, source in islice(found.withheld.items(), 5))
            return f"{found.run_id}: {found.chunks} chunks unaltered, nothing decided again; withheld: {left_out}"
    return f"{found.run_id}: equal, decided again from {found.chunks} chunks"


def _content(path: Path) -> bytes:
    """Of a plain file, and no more of it than a bundle may have. Raises: UsageError."""
    name = str(path) if str(path).isprintable() else ascii(str(path))
    try:
        # Neither through a link nor into a pipe that nobody writes to.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise UsageError(f"{name} is not a file", "Name a file that `portfolio prove` wrote")
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise UsageError(f"{name} cannot be read: {why}", "Name a file that `portfolio prove` wrote") from None
