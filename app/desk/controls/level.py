"""What a person changes in the ledger alone: the kill level, a release from quarantine. Each says who did it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.desk.accounts import Whose, accounts_of, masked, meant, named, one_of
from app.desk.controls.holds import Outlook
from app.desk.ports import Controls
from app.desk.records import Book, Control
from app.domain.errors import UsageError
from app.domain.ruling import KillLevel

MOST_WORDS = 500
EVERYBODY = "all"
ANYBODY = Whose()
_STRICTNESS = (KillLevel.ACTIVE, KillLevel.REDUCING, KillLevel.HALTED)


@dataclass(frozen=True, slots=True)
class Release:
    """A name that a person has looked at."""

    symbol: str
    reason: str
    actor: str
    whose: Whose = ANYBODY


def set_level(
    ledger: Controls, level: KillLevel, reason: str, actor: str, at: datetime, whose: Whose = ANYBODY
) -> dict[str, Any]:
    """Up or down, by a person who says why: the level of one account, or of all where all are meant.

    All are meant by a halt that names none, and where no more than one is on record. A level of all accounts stays in
    force for each of them: `note` says so where it is stricter than what was asked for.
    """
    require_text(reason, "reason")
    require_text(actor, "actor")
    books = ledger.books()
    own = _whom(books, whose, level)
    ledger.set_level(own.name if own else None, level, reason, actor, at)
    for book in books:
        # A stricter level of an account, or of another of its simulated worlds, would outlast what was asked for.
        concerned = book != own and (own is None or book.account == own.account)
        if concerned and ledger.level(book.name).level is not level:
            ledger.set_level(book.name, level, reason, actor, at)
    found = _levels(ledger, books, own.account if own else None)
    if own is None:
        only = None if whose.everywhere or level is KillLevel.HALTED else one_of(accounts_of(books))
        return {**found, "account": masked(only) if only else EVERYBODY}
    if found["level"] != level.value:
        note = f"all accounts are {found['level']}, which holds for this one, too: --all (`all` over HTTP) changes it"
        return {**found, "note": note}
    return found


def level_of(ledger: Controls, whose: Whose = ANYBODY, outlook: Outlook | None = None) -> dict[str, Any]:
    """The level in force: of the named account, or the strictest with each account's own beside it.

    With an `outlook` also what holds each account down, and what lifts it.
    """
    books = ledger.books()
    account = named(whose.account)
    return _levels(ledger, books, account and meant(books, whose).account, outlook)


def release(ledger: Controls, asked: Release, at: datetime) -> dict[str, Any]:
    """Raises UsageError for a name that is not in quarantine."""
    require_text(asked.reason, "reason")
    require_text(asked.actor, "actor")
    book = meant(ledger.books(), asked.whose)
    found = next((q for q in ledger.quarantined(book.name) if q.symbol == asked.symbol.upper()), None)
    if found is None:
        names = ", ".join(q.symbol for q in ledger.quarantined(book.name)) or "none"
        raise UsageError(
            f"{asked.symbol} is not in quarantine in account {masked(book.account)}", f"In quarantine: {names}"
        )
    ledger.release(book.name, found.conid, asked.reason, asked.actor, at)
    return {"symbol": found.symbol, "was": found.reason, "account": masked(book.account)}


def require_text(text: str, what: str) -> str:
    """The text, which every database can keep; UsageError for any other."""
    plain = text.strip() and len(text) <= MOST_WORDS and "\0" not in text
    if not plain or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UsageError(f"the {what} is blank, too long or not text", f"Give a {what} of 1 to {MOST_WORDS} characters")
    return text


def _whom(books: Sequence[Book], whose: Whose, level: KillLevel) -> Book | None:
    """Whose level is set; None means all of them."""
    known = accounts_of(books)
    account = named(whose.account)
    if whose.everywhere and account:
        raise UsageError("one account and all accounts are asked for at once", "Give one of the two")
    # To halt too much is the safe mistake.
    stops = account is None and level is KillLevel.HALTED
    alone = account is None and len(known) <= 1 and set(known) <= set(whose.configured or known)
    if whose.everywhere or stops or alone:
        return None
    return meant(books, whose)


def _levels(
    ledger: Controls, books: Sequence[Book], account: str | None, outlook: Outlook | None = None
) -> dict[str, Any]:
    """Of each account the level of the simulated world that ran last."""
    found: dict[str, Control] = {}
    held: dict[str, dict[str, Any]] = {}
    for book in books:
        if account in {None, book.account} and book.account not in found:
            found[book.account] = control = ledger.level(book.name)
            held[book.account] = outlook.holds(control, ledger.measured(book.name)) if outlook else {}
    if not found:
        return {**_control_facts(ledger.level(None)), "account": EVERYBODY, "accounts": []}
    strictest = max(found, key=lambda each: _STRICTNESS.index(found[each].level))
    shared = len(found) > 1 and len({control.level for control in found.values()}) == 1
    rows = [{"account": masked(each), **_control_facts(control), **held[each]} for each, control in found.items()]
    whose = {"account": EVERYBODY if shared else masked(strictest), "accounts": rows}
    return {**_control_facts(found[strictest]), **held[strictest], **whose}


def _control_facts(control: Control) -> dict[str, Any]:
    return {
        "level": control.level.value,
        "reason": control.reason,
        "actor": control.actor,
        "at": control.at.isoformat() if control.at else None,
    }
