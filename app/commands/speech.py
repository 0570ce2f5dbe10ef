"""What a command says, to a person and to a program."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import typer

from app.domain.spelling import printable

# Of one line of an error: what somebody else wrote may be of any length.
_LONGEST = 600


@dataclass
class _Manner:
    """Of this process: whether a program reads what it says."""

    json: bool = False


_manner = _Manner()


def speak_json(wanted: bool) -> None:
    """From now on an error is one JSON object on a line of its own."""
    _manner.json = wanted


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


def say_problem(
    title: str, status: int, causes: Sequence[str], remedy: str | None, problems: Sequence[str] = ()
) -> None:
    """What ended the command: a line for each cause, or all as problem details whose status is the exit status."""
    causes = [_short(printable(cause)) for cause in causes]
    remedy = None if remedy is None else _short(printable(remedy))
    if _manner.json:
        detail = "\n".join(causes)
        problem: dict[str, object] = {
            "type": "about:blank", "title": title, "status": status, "detail": detail, "remedy": remedy,
        }  # fmt: skip
        if problems:
            problem["errors"] = [{"msg": _short(printable(one))} for one in problems]
        say(json.dumps(problem, ensure_ascii=False))
        return
    *before, last = causes
    ends = "" if not remedy else f" {remedy}" if last.endswith(("?", ".")) else f". {remedy}"
    say("portfolio: " + "\n".join((*before, last + ends)))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
