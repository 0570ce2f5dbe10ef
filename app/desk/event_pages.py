"""Events of the audit trail by the page, as people and programs get them: account ids masked, as in every answer."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.desk.accounts import masked, named
from app.desk.ports import Ledger
from app.desk.records import Book, StoredEvent
from app.domain.errors import UsageError


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: after which number, None for the newest; of which book or account, of which kinds, how many."""

    after: int | None = None
    book: str | None = None
    kinds: tuple[str, ...] = ()
    limit: int = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Some events; who goes on `after` this number misses none."""

    events: tuple[StoredEvent, ...]
    after: int

    def as_json(self) -> dict[str, Any]:
        """As programs get it."""
        return {"events": [event_facts(event) for event in self.events], "after": self.after}


def page_of(ledger: Ledger, wanted: Wanted) -> Page:
    """Raises UsageError where the ledger has not come so far: a reader of another one would wait for ever."""
    newest = ledger.newest_event()
    book = None if named(wanted.book) is None else _book_named(ledger.books(), str(wanted.book))
    if wanted.after is None:
        return _page(_newest(ledger, newest, book, wanted), newest)
    if wanted.after > newest:
        raise UsageError(
            f"there is no event {wanted.after}: the newest is {newest}",
            "This is another ledger, or an older copy of it: begin without `after`",
        )
    found = ledger.events(wanted.after, book, wanted.kinds, wanted.limit)
    return _page(found, wanted.after if len(found) == wanted.limit else newest)


def _page(found: tuple[StoredEvent, ...], seen: int) -> Page:
    # Up to the last of them the ledger was looked through, too.
    return Page(found, max(seen, found[-1].number) if found else seen)


def event_facts(event: StoredEvent) -> dict[str, Any]:
    """One event as JSON has it."""
    return {
        "number": event.number,
        "book": _masked_in(event.book, event.book),
        "seq": event.seq,
        "run_id": event.run_id,
        "kind": event.kind,
        "at": event.at.isoformat(),
        "payload": json.loads(_masked_in(json.dumps(event.payload), event.book)),
    }


def _newest(ledger: Ledger, newest: int, book: str | None, wanted: Wanted) -> tuple[StoredEvent, ...]:
    """Looked for in an ever longer end of the trail: most of it need not be read."""
    back = wanted.limit
    while True:
        first = max(0, newest - back)
        found = ledger.events(first, book, wanted.kinds, back)[-wanted.limit :]
        if len(found) == wanted.limit or first == 0:
            return found
        back *= 4


def _book_named(known: Sequence[Book], name: str) -> str:
    """By its own name, or by its account's, of whose books the one that ran last is meant."""
    return next((book.name for book in known if name in {book.name, book.account}), name)


def _masked_in(text: str, book: str) -> str:
    """Without the account id of the book, wherever it stands by itself."""
    account = book.partition("@")[0]
    # The book of all accounts bears no id.
    if not account.isalnum():
        return text
    return re.sub(rf"(?<![A-Za-z0-9]){account}(?![A-Za-z0-9])", masked(account), text)
