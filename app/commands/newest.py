"""The newest report of an account, or of each, that measured something."""

from collections.abc import Mapping
from typing import Any

from app.commands.output import opened_ledger
from app.desk.accounts import Whose, accounts_of, meant
from app.explain.settings import usable
from app.ledger.recent import looked_at
from app.ledger.sql_ledger import SqlLedger
from app.ledger.usable import is_current
from app.settings import Settings

_SEARCHED = 200
Report = dict[str, Any]


def newest_report(configured: Settings, account: str | None) -> Report | None:
    """Of the account that is meant; None where there is no ledger, or none in it."""
    if not _is_there(configured):
        return None
    with opened_ledger(configured) as ledger:
        books = ledger.books()
        known = accounts_of(books)
        # A policy can be explained without any account, too.
        if account is None and not set(known) & set(configured.accounts or known):
            return None
        return _newest(ledger, meant(books, Whose(account, configured.accounts)).account)


def newest_reports(configured: Settings, account: str | None = None) -> Mapping[str, Report]:
    """By account: of the one that is named, else of those of IBKR_ACCOUNT_ID, else of all on record.

    None of a ledger that would have to be brought up to date first: looking changes nothing.
    """
    if not _is_there(configured):
        return {}
    with looked_at(configured.ledger_url) as connection:
        if not is_current(connection):
            return {}
    with opened_ledger(configured) as ledger:
        books = ledger.books()
        known = accounts_of(books)
        wanted = [one for one in known if one in (configured.accounts or known)]
        if account is not None:
            wanted = [meant(books, Whose(account, configured.accounts)).account]
        found = {one: _newest(ledger, one) for one in wanted}
    return {one: report for one, report in found.items() if report is not None}


def _is_there(configured: Settings) -> bool:
    return configured.database_url is not None or configured.ledger_file.exists()


def _newest(ledger: SqlLedger, account: str) -> Report | None:
    for record in ledger.runs(_SEARCHED, None, account):
        if record.report is not None and usable(record.report):
            return dict(record.report)
    return None
