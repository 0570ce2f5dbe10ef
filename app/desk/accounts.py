"""Which account a person means. Nothing here guesses: an act on the wrong account cannot be taken back.

Whoever asks is told ids whole, in an error, because they are what must be typed; answers and logs get them masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.desk.records import Book
from app.domain.errors import UsageError

HOW = "--account, or `account` over HTTP"


@dataclass(frozen=True, slots=True)
class Whose:
    """The account that a person names, those of IBKR_ACCOUNT_ID, and whether all accounts are meant."""

    account: str | None = None
    configured: tuple[str, ...] = ()
    everywhere: bool = False


def masked(account: str) -> str:
    """Enough of an account id to recognise it, too little to use it."""
    return f"{account[:2]}…{account[-3:]}" if len(account) > 6 else "…"


def stranger(account: str, accounts: Sequence[str]) -> UsageError:
    """The account is none of the session's. Who names it wrongly is perhaps not who may know the others whole."""
    theirs = ", ".join(map(masked, accounts)) or "none: log in again"
    return UsageError(
        f"account {masked(account)} is not one of this session's",
        f"The session's: {theirs}. Name one whole, as the broker's own pages show it: {HOW}, or IBKR_ACCOUNT_ID",
    )


def named(account: str | None) -> str | None:
    """UsageError for the blank that an unset variable leaves: it names no account, which is not all of them."""
    if account is not None and not account.strip():
        raise UsageError("the account is named and blank", f"Name it whole: {HOW}")
    return account


def accounts_of(books: Sequence[Book]) -> tuple[str, ...]:
    """Each once, the one that ran last first."""
    return tuple(dict.fromkeys(book.account for book in books))


def meant(books: Sequence[Book], whose: Whose) -> Book:
    """The named account's book, else the one of IBKR_ACCOUNT_ID, else of the only account on record.

    Of an account's simulated worlds it is the one that ran last. Raises UsageError with the choices.
    """
    known = accounts_of(books)
    if not known:
        raise UsageError("the ledger holds no run yet", "Make one: `portfolio demo`")
    account = named(whose.account) or one_of(whose.configured or known)
    if account is None:
        raise UsageError("there are several accounts and none is named", f"Name one ({HOW}): {', '.join(known)}")
    if account not in known:
        raise UsageError(f"account {masked(account)} is not on record", f"On record ({HOW}): {', '.join(known)}")
    return next(book for book in books if book.account == account)


def one_of(accounts: Sequence[str]) -> str | None:
    """The only one, None where there are none or several."""
    return accounts[0] if len(accounts) == 1 else None
