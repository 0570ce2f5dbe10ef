"""What a person changes in the ledger alone: the kill level, an explanation of money, a release from quarantine."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from app.desk.ports import Ledger
from app.desk.records import Control, Flow
from app.domain.errors import UsageError
from app.domain.ruling import KillLevel


@dataclass(frozen=True, slots=True)
class Explanation:
    """Money from outside, in base currency; of the newest run's session and account unless it says otherwise."""

    amount: Decimal
    note: str
    actor: str
    session_date: date | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """A name that a person has looked at."""

    symbol: str
    reason: str
    actor: str
    account: str | None = None


def set_level(ledger: Ledger, level: KillLevel, reason: str, actor: str, at: datetime) -> dict[str, Any]:
    """For all books, and for the newest run's own level; it takes a person and a reason, up or down."""
    told = ledger.set_level(None, level, reason, actor, at)
    newest = ledger.runs(1)
    if newest and ledger.level(newest[0].key.book).level is not level:
        told = ledger.set_level(newest[0].key.book, level, reason, actor, at)
    return _told(told)


def level_of(ledger: Ledger, account: str | None = None) -> dict[str, Any]:
    """The level in force for the newest run's book."""
    return _told(ledger.level(_newest(ledger, account)[0]))


def explain_flow(ledger: Ledger, told: Explanation, at: datetime) -> dict[str, Any]:
    """The next run takes it into account."""
    book, session_date = _newest(ledger, told.account)
    flow = Flow(told.session_date or session_date, told.amount, told.note, told.actor)
    ledger.add_flow(book, flow, at)
    return {"session_date": flow.session_date.isoformat(), "amount": f"{flow.amount:f}", "note": flow.note}


def release(ledger: Ledger, told: Release, at: datetime) -> dict[str, Any]:
    """Raises UsageError for a name that is not in quarantine."""
    book, _ = _newest(ledger, told.account)
    found = next((q for q in ledger.quarantined(book) if q.symbol == told.symbol.upper()), None)
    if found is None:
        names = ", ".join(q.symbol for q in ledger.quarantined(book)) or "none"
        raise UsageError(f"{told.symbol} is not in quarantine", f"In quarantine: {names}")
    ledger.release(book, found.conid, told.reason, told.actor, at)
    return {"symbol": found.symbol, "was": found.reason}


def _newest(ledger: Ledger, account: str | None) -> tuple[str, date]:
    """(book, session date) of the newest run, of that account if one is named."""
    for record in ledger.runs(500):
        if account in {None, record.key.account}:
            return record.key.book, record.key.session_date
    raise UsageError("the ledger holds no run yet", "Make one: `portfolio demo`")


def _told(control: Control) -> dict[str, Any]:
    return {
        "level": control.level.value,
        "reason": control.reason,
        "actor": control.actor,
        "at": control.at.isoformat() if control.at else None,
    }
