"""`portfolio events`: the audit trail while it grows, here or by the service at --url."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from app.commands.output import JsonOption, StateOption, UrlOption, opened_ledger, settings_of, tell
from app.commands.service_client import Call, ask_service, with_query
from app.commands.signals import until_stopped
from app.desk.event_pages import Wanted, page_of
from app.domain.errors import LedgerUnavailable
from app.domain.plan import shown_as
from app.ledger.sql_ledger import SqlLedger
from app.settings import Settings

Page = Mapping[str, Any]
Row = Mapping[str, Any]
# Asks for the next page, waiting so many seconds for its first event.
Ask = Callable[[Wanted, float], Page]
# What shows a person most is said first; of any other kind all that it holds is.
_SAID: Mapping[str, tuple[str, ...]] = {
    "progress": ("text",),
    "refusal": ("text",),
    "mcp_call": ("tool", "outcome", "milliseconds"),
    "stage": ("name", "milliseconds"),
    "intent_moved": ("coid", "from", "to"),
    "run_closed": ("status", "note"),
    "run_sealed": ("status",),
}
# Shorter than a quiet service is waited for, and than Ctrl-C of the service may take.
_WAIT_SECONDS = 8.0
# A service lets a caller ask so often.
_PAUSE_SECONDS = 0.1
_RETRY_SECONDS = 1.0
_LONGEST_LINE = 200


def events(
    after: Annotated[
        int | None, typer.Option("--after", min=0, help="Events after this number; without it the newest.")
    ] = None,
    book: Annotated[str | None, typer.Option("--book", help="Of one account, or of one book of the ledger.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Of this kind; may be there several times.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Events at a time.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with every new event, until Ctrl-C.")] = False,
    url: UrlOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """The events on record, in the order in which they happened; --json gives each a line."""
    settings, wanted = settings_of(state), Wanted(after, book, tuple(kind or ()), limit)
    show = _print_json if as_json else _show
    with _asking(settings, url) as ask:
        page = ask(wanted, 0)
        _show_all(page, show)
        if follow:
            with until_stopped(), _until_interrupted():
                _follow(ask, replace(wanted, after=page["after"]), show)


def _follow(ask: Ask, wanted: Wanted, show: Callable[[Row], None]) -> None:
    said = False
    while True:
        try:
            page = ask(wanted, _WAIT_SECONDS)
        except LedgerUnavailable as error:
            if not said:
                tell(f"{error}; trying until it can be read")
            said = True
            time.sleep(_RETRY_SECONDS)
            continue
        said = False
        _show_all(page, show)
        wanted = replace(wanted, after=page["after"])


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Ctrl-C is how it ends: status 0."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@contextmanager
def _asking(settings: Settings, url: str | None) -> Iterator[Ask]:
    if url is not None:
        yield lambda wanted, seconds: _of_service(settings, url, wanted, seconds)
        return
    with opened_ledger(settings) as ledger:
        yield lambda wanted, seconds: _of_ledger(ledger, wanted, seconds)


def _of_ledger(ledger: SqlLedger, wanted: Wanted, seconds: float) -> Page:
    if seconds and wanted.after is not None:
        ledger.await_events(wanted.after, seconds)
    return page_of(ledger, wanted).as_json()


def _of_service(settings: Settings, url: str, wanted: Wanted, seconds: float) -> Page:
    if seconds:
        time.sleep(_PAUSE_SECONDS)
    path = with_query(
        "/events",
        after=wanted.after,
        book=wanted.book,
        kind=",".join(wanted.kinds) or None,
        limit=wanted.limit,
        wait=seconds or None,
    )
    return ask_service(settings, url, Call(path, method="GET"), tell)


def _show_all(page: Page, show: Callable[[Row], None]) -> None:
    for row in page["events"]:
        show(row)


def _print_json(row: Row) -> None:
    typer.echo(json.dumps(row, ensure_ascii=False))


def _show(row: Row) -> None:
    words = Text(f"{row['number']:>6}  {row['at'][:19]}  {row['book']:<12}  {row['kind']:<16}  ")
    words.append(event_words(row["kind"], row["payload"]))
    Console(soft_wrap=True).print(words)


def event_words(kind: str, payload: Mapping[str, Any]) -> str:
    """What an event says, in one line for a person."""
    if kind == "plan_committed":
        words = shown_as(payload["action"], len(payload["intents"]))
    elif kind in _SENTENCES:
        words = _SENTENCES[kind](payload)
    elif kind in _SAID:
        words = " ".join(str(payload[name]) for name in _SAID[kind] if payload.get(name) is not None)
    else:
        words = ", ".join(f"{name} {_plain(value)}" for name, value in payload.items() if value is not None)
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def _began(told: Mapping[str, Any]) -> str:
    bound = f"purchases go up to {told['left']:.1%} invested"
    return f"a fall of {told['drawdown']:.1%} from {_money(told, 'mark')} is acted upon, {bound}"


def _rebased(told: Mapping[str, Any]) -> str:
    return f"falls are counted from {_money(told, 'nav')} on {told['marked']}, before from {_money(told, 'mark')}"


def _ended(told: Mapping[str, Any]) -> str:
    return f"the way back from the fall of {told['began']} has ended at {_money(told, 'nav')}: it bounds no purchase"


def _money(told: Mapping[str, Any], name: str) -> str:
    value = told[name]
    return "a value that is not known" if value is None else f"{Decimal(value):,.2f} {told['currency']}"


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "recovery_began": _began,
    "mark_rebased": _rebased,
    "recovery_ended": _ended,
}


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
