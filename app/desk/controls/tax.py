"""Gains by the ledger alone: no broker is asked, and what it cannot know is said."""

from datetime import date
from typing import Any, Protocol

from app.desk.accounts import Whose, masked, meant
from app.desk.ports import AccountMemory, Record
from app.desk.report.tax import tax_part
from app.desk.tax import view_of_record
from app.domain.errors import UsageError
from app.domain.policy import LotMethod

EARLIEST = 1990


class TaxLedger(AccountMemory, Record, Protocol):
    """What of the ledger is read for it."""


def tax_of(ledger: TaxLedger, whose: Whose, method: LotMethod, year: int | None = None) -> dict[str, Any]:
    """Of that year, else of the newest run's, as of that run. UsageError where no run on record saw the account."""
    book = meant(ledger.books(), whose)
    seen = ledger.last_snapshot(book.name)
    run = None if seen is None else ledger.run(seen.run_id)
    if seen is None or run is None or run.report is None:
        raise UsageError("no run of this account is on record that saw what it holds", "Run first, previews aside")
    if year is not None and not EARLIEST <= year <= seen.session_date.year:
        raise UsageError(f"{year} is no year up to {seen.session_date.year}", f"--year {seen.session_date.year}")
    known = ledger.account_record(book.name, date.max)
    view = view_of_record(known, run.report, seen.session_date, method)
    return {"account": masked(book.account), **tax_part(view, year).model_dump(mode="json")}
