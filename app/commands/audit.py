"""`portfolio audit`: whether the ledger is as it was written, also held against what was put down elsewhere."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.anchor_places import OUTPUT, anchor_place
from app.commands.output import JsonOption, StateOption, opened_ledger, print_json, settings_of
from app.desk.run.anchor import anchor_line
from app.domain.errors import UsageError
from app.notifier import AppriseNotifier
from app.record.anchors import Anchor, anchors_of
from app.settings import Settings, load_policy
from app.text_files import text_of

AnchorOption = Annotated[
    str | None, typer.Option("--anchor", help="File with heads that were put down before, or - for standard input.")
]
ToOption = Annotated[
    str | None,
    typer.Option(
        "--to", help="A file, - (if not given, and without ANCHOR_TO), notify, or an https address to PUT to."
    ),
]


def verify(state: StateOption = None, against: AnchorOption = None, as_json: JsonOption = False) -> None:
    """Walk the audit trail from its first event; status 1 when anything was altered."""
    anchors = () if against is None else _anchors(against)
    with opened_ledger(settings_of(state)) as ledger:
        found = ledger.verify(anchors)
    if as_json:
        facts = {"events": found.events, "books": found.books, "anchors": len(anchors)}
        print_json({"ok": found.ok, **facts, "problems": list(found.problems)})
    else:
        for problem in found.problems:
            typer.echo(f"ALTERED: {problem}")
        verdict = "intact" if found.ok else "NOT intact"
        held = f", held against {len(anchors)} anchors" if anchors else ""
        typer.echo(f"{found.events} events in {found.books} books{held}: the audit trail is {verdict}")
        if not found.ok:
            typer.echo("Keep a copy of the database as it is, and see docs/runbook.md, An altered ledger", err=True)
    if not found.ok:
        raise typer.Exit(1)


def anchor(to: ToOption = None, state: StateOption = None) -> None:
    """Put the newest event's number and hash down elsewhere, for `audit verify --anchor`."""
    settings = settings_of(state)
    where = to or _setting(settings) or OUTPUT
    place = anchor_place(where, AppriseNotifier(), lambda: load_policy(settings.policy_file).notifications.urls)
    with opened_ledger(settings) as ledger:
        newest = ledger.head()
    asyncio.run(place.put(anchor_line(newest, datetime.now(UTC))))
    if where != OUTPUT:
        typer.echo(f"event {newest.number} of ledger {newest.ledger_id} is put down")


def _setting(settings: Settings) -> str | None:
    return None if settings.anchor_to is None else settings.anchor_to.get_secret_value()


def _anchors(where: str) -> tuple[Anchor, ...]:
    try:
        text = sys.stdin.read() if where == OUTPUT else text_of(Path(where))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"{where} cannot be read: {why}", "Name a file of anchors with --anchor") from None
    return anchors_of(text)
