"""The program `portfolio`: its commands, and what becomes of their errors.

What needs nothing of this machine starts without the rest of the program.
"""

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from app.commands import signals, verify
from app.commands.speech import say
from app.domain.errors import OutOfTime, PolicyError, PortfolioError, UsageError
from app.web.json_text import text_problem


def main() -> NoReturn:
    """Entry point: every error on purpose becomes one line on stderr."""
    signals.end_in_order()
    try:
        _require_text(sys.argv)
        sys.exit(_commands(sys.argv[1:])(standalone_mode=True))
    except signals.Stopped as stopped:
        say(f"portfolio: stopped by {stopped.name}")
        raise
    except PortfolioError as error:
        say(f"portfolio: {error}")
        sys.exit(_status(error))


def _commands(arguments: Sequence[str]) -> typer.Typer:
    if arguments[:1] == ["verify"]:
        return verify.alone
    from app.cli import cli

    return cli


def _status(error: PortfolioError) -> int:
    match error:
        case UsageError() | PolicyError():
            return 2
        case OutOfTime():
            return 3
        case _:
            return 1


def _require_text(arguments: Sequence[str]) -> None:
    """Bytes that are no UTF-8 arrive as halves of characters, which a ledger cannot keep."""
    for number, argument in enumerate(arguments):
        wrong = text_problem(argument)
        if wrong is not None:
            raise UsageError(f"argument {number}: {wrong}", "Write it as text, in UTF-8")
