"""The newest event of a ledger as one line, to be kept where whoever can change the ledger cannot."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.domain.errors import UsageError
from app.record.canonical import canonical

_FORM = 1
_OWN_LINES = "Keep the lines of `portfolio audit anchor` alone"


class Head(NamedTuple):
    """Which ledger, and its newest event."""

    ledger_id: str
    number: int
    link: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head as it was at that time, and by which version of the program."""

    head: Head
    at: datetime
    version: str


def line_of(anchor: Anchor) -> str:
    """JSON without its end of line."""
    return canonical({"anchor": _FORM, **anchor.head._asdict(), "at": anchor.at, "version": anchor.version})


def anchors_of(text: str) -> tuple[Anchor, ...]:
    """Of every line that is not blank; UsageError for another one, and where there is none."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    found = tuple(_anchor(number, line) for number, line in lines if line)
    if not found:
        raise UsageError("there is no anchor in it", "Name a file that `portfolio audit anchor --to FILE` wrote")
    return found


def _anchor(number: int, line: str) -> Anchor:
    try:
        told = json.loads(line)
        form, head = told["anchor"], Head(told["ledger_id"], told["number"], told["link"])
        at, version = datetime.fromisoformat(told["at"]), told["version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UsageError(f"line {number} is no anchor", _OWN_LINES) from None
    if form != _FORM:
        raise UsageError(f"line {number} is an anchor of a form that this version does not know", "Install the newer")
    if [type(part) for part in (*head, version)] != [str, int, str, str]:
        raise UsageError(f"line {number} is no anchor", _OWN_LINES)
    return Anchor(head, at, version)
