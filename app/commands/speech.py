"""What a command says, to a person and to a program."""

import json
from contextlib import suppress

import typer


def print_json(value: object) -> None:
    """To standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def tell(progress: str) -> None:
    """Progress goes to standard error, so that standard output stays the result."""
    say(f"· {progress}")


def say(line: str) -> None:
    """To standard error. A terminal that was closed meanwhile ends nothing: an order may be on the wire."""
    with suppress(OSError):
        typer.echo(line, err=True)
