"""The program `portfolio`: its commands, and what becomes of their errors.

What needs nothing of this machine starts without the rest of the program.
"""

import errno
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import typer

from app.commands import signals, speech, verify
from app.commands.exit_status import ExitStatus, status_of_error
from app.domain.errors import PolicyError, PortfolioError, SettingsError, UsageError
from app.domain.spelling import shortened
from app.web.json_text import is_blank, text_problem

# What the framework raises for an argument that it does not take; its own name for it is not public.
_NOT_TAKEN: type[Any] = typer.BadParameter.__mro__[1]


def main() -> NoReturn:
    """Entry point: every error becomes one line on stderr, or one JSON object where --json was asked for."""
    signals.end_in_order()
    arguments = sys.argv[1:]
    speech.speak_json(_JSON in arguments)
    sys.exit(_ended(arguments))


_JSON = "--json"
# A path has 4096 at most, a reason 500.
_LONGEST = 10_000
_NO_PATH = frozenset({errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENOENT, errno.EINVAL})


def _ended(arguments: Sequence[str]) -> int:
    """The exit status."""
    try:
        _require_text(arguments)
        found = typer.main.get_command(_commands(arguments))(list(arguments), "portfolio", standalone_mode=False)
        return found if isinstance(found, int) else ExitStatus.DONE
    except signals.Stopped as stopped:
        speech.say(f"portfolio: stopped by {stopped.name}")
        raise
    except PortfolioError as error:
        return _told(error, status_of_error(error))
    except typer.Abort:
        return _told(PortfolioError("stopped at a question", "Nothing was done; give the answers as options"), 1)
    except _NOT_TAKEN as error:
        return _told(_not_taken(error), ExitStatus.WRONG_USAGE)
    except OSError as error:
        told = _not_usable(error)
        return _told(told, status_of_error(told))
    except Exception as error:  # noqa: BLE001 - the process meets the world here
        return _told(_fault(error), ExitStatus.FAILED)


def _commands(arguments: Sequence[str]) -> typer.Typer:
    if arguments[:1] == ["verify"]:
        return verify.alone
    from app.cli import cli

    return cli


def _told(error: PortfolioError, status: int) -> int:
    # A policy and the settings are told one line a problem; nothing else has more than one.
    lines = error.cause.splitlines() if isinstance(error, PolicyError | SettingsError) else [error.cause]
    speech.say_problem(type(error).__name__, status, lines, error.remedy, error.problems)
    return status


def _not_taken(error: Any) -> UsageError:  # noqa: ANN401 - the framework's own
    command = error.ctx.command_path if error.ctx is not None else "portfolio"
    words = " ".join(str(error.format_message()).split()).rstrip(".") or "no command was given"
    return UsageError(words[:1].lower() + words[1:], f"`{command} --help` shows what it takes")


def _not_usable(error: OSError) -> PortfolioError:
    """Of a path that can be none here the caller is told so; anything else is this machine's."""
    what = error.filename if isinstance(error.filename, str) else "a file or a connection"
    kind = UsageError if error.errno in _NO_PATH else PortfolioError
    return kind(f"{shortened(what)} cannot be used: {error.strerror or error}", "Name another, or make this one usable")


def _fault(error: Exception) -> PortfolioError:
    """What nobody foresaw: the trace goes into a file of its own, for whoever mends it."""
    cause = f"a fault of the program itself, {type(error).__name__}: {error}"
    try:
        handle, path = tempfile.mkstemp(prefix="portfolio-fault-", suffix=".txt")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return PortfolioError(cause, "Report it")
    return PortfolioError(cause, f"Report it with {path}")


def _require_text(arguments: Sequence[str]) -> None:
    """Bytes that are no UTF-8 arrive as halves of characters, which no ledger can keep. A blank one is a slip, too."""
    for number, argument in enumerate(arguments, start=1):
        wrong = text_problem(argument)
        if wrong is not None:
            raise UsageError(f"argument {number}: {wrong}", "Write it as text, in UTF-8")
        option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        if is_blank(value) and (equals or not option):
            before = arguments[number - 2] if number > 1 else ""
            named = option or (before if before.startswith("-") else f"argument {number}")
            raise UsageError(f"{named} is blank", "Give it a value, or leave it out")
        if len(argument) > _LONGEST:
            raise UsageError(f"argument {number} is longer than {_LONGEST} characters", "Nothing here takes so much")
