"""What the program is: its version, and how a shell completes its commands."""

from enum import StrEnum
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from app.settings import is_set

PACKAGE = "portfolio-manager"
_PROGRAM = "portfolio"
# What the shell's script sets when it asks what could follow.
_ASKED_BY_A_SHELL = f"_{_PROGRAM.upper()}_COMPLETE"


class Shell(StrEnum):
    """Those that the framework writes a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def register(cli: typer.Typer) -> None:
    """Add the option and the command to `portfolio`."""
    cli.callback()(_begin)
    cli.command("completion")(completion)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"portfolio {version_of(PACKAGE)}")
        raise typer.Exit


def _begin(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


def completion(shell: Annotated[Shell, typer.Argument(help="Whose script to print.")]) -> None:
    """Print what makes a shell complete commands, options and their values; see the README for where it goes."""
    # Nobody who halts waits for it.
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # not in its list

    typer.echo(get_completion_script(prog_name=_PROGRAM, complete_var=_ASKED_BY_A_SHELL, shell=shell.value))


def prepare_completion() -> None:
    """Where a shell asks what could follow, the framework is told how to answer it."""
    if is_set(_ASKED_BY_A_SHELL):
        from typer.completion import completion_init  # type: ignore[attr-defined]  # not in its list

        completion_init()
