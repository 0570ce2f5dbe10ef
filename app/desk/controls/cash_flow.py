"""A person says what a cash flow was. It is believed as far as the account's values show it, and no further.

A statement that does not fit would count as a gain or a loss for ever, and a loss sells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import takewhile
from typing import Any

from app.desk.accounts import Whose, masked, meant
from app.desk.controls.level import ANYBODY, require_text
from app.desk.ports import AccountMemory
from app.desk.records import Flow
from app.desk.stages.continuity import FLOW_THRESHOLD
from app.domain.cash import CashKind
from app.domain.errors import UsageError
from app.domain.flows import EXAMPLE, impossible

SEARCHED = 200


@dataclass(frozen=True, slots=True)
class FlowStatement:
    """A cash flow as a person states it, in base currency; of the newest run's session unless it says otherwise.

    With the `kind` of income or a cost it is a return on the account.
    """

    amount: Decimal
    note: str
    actor: str
    session_date: date | None = None
    whose: Whose = ANYBODY
    kind: CashKind | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """The cash flow that the newest run shows, base currency; `sessions`, newest first, showed it, too.

    `rates` of then, base currency for one of another.
    """

    currency: str
    nav: Decimal
    cash: Decimal
    detected: Decimal
    sessions: tuple[date, ...]
    rates: Mapping[str, Decimal]


def explain_flow(ledger: AccountMemory, statement: FlowStatement, at: datetime) -> dict[str, Any]:
    """The next run takes it into account. Raises UsageError, with the numbers, for what the account does not show."""
    require_text(statement.note, "note")
    require_text(statement.actor, "actor")
    book = meant(ledger.books(), statement.whose)
    shown = shown_by(ledger, book.name)
    flow = Flow(
        statement.session_date or shown.sessions[0], statement.amount, statement.note, statement.actor, statement.kind
    )
    problem = impossible(flow.amount, flow.session_date)
    if problem is not None:
        raise UsageError(problem, EXAMPLE)
    if flow.session_date not in shown.sessions:
        days = ", ".join(day.isoformat() for day in sorted(shown.sessions))
        raise UsageError(
            f"no report of {flow.session_date} shows an unexplained cash flow",
            f"Leave the date out, or give one whose report shows it: {days}",
        )
    left = _left(ledger, book.name, shown, flow.amount)
    number = ledger.add_flow(book.name, flow, at)
    return {
        "number": number,
        "session_date": flow.session_date.isoformat(),
        "amount": f"{flow.amount:f}",
        "note": flow.note,
        "account": masked(book.account),
        "unexplained": f"{left:.2f}",
    }


def _left(ledger: AccountMemory, book: str, shown: Difference, amount: Decimal) -> Decimal:
    """What stays unexplained after `amount`; UsageError where the account does not show as much."""
    explained = sum((flow.amount for flow in (*ledger.flows(book), *ledger.income(book))), Decimal(0))
    unexplained = shown.detected - explained
    tolerance = FLOW_THRESHOLD * shown.nav
    words = (
        f"{unexplained:,.2f} {shown.currency} from outside is unexplained, give or take {tolerance:,.2f}, "
        f"with a net asset value of {shown.nav:,.2f} and {shown.cash:,.2f} in cash"
    )
    if abs(unexplained) <= tolerance:
        raise UsageError(f"{amount:,.2f} explains nothing: {words}", "Run first: the run says what it cannot explain")
    left = unexplained - amount
    if amount * unexplained < 0 or (left * unexplained < 0 and abs(left) > tolerance):
        raise UsageError(f"{amount:,.2f} is not what the account shows: {words}", "Explain that much, or a part of it")
    return left


def shown_by(ledger: AccountMemory, book: str) -> Difference:
    """By the newest run that saw the account, a preview's too; UsageError before the first sealed one."""
    if ledger.last_snapshot(book) is None:
        raise UsageError(
            "no run of this account is on record that a change of its cash could be told from",
            "Run first, previews aside: money that was there before needs no explanation",
        )
    seen = ledger.snapshots(book, SEARCHED)
    unexplained = takewhile(lambda snapshot: snapshot.unexplained_flow != 0, seen)
    newest = seen[0]
    return Difference(
        currency=newest.currency,
        nav=newest.nav,
        cash=newest.cash,
        detected=newest.detected_flows,
        sessions=tuple(dict.fromkeys(snapshot.session_date for snapshot in unexplained)) or (newest.session_date,),
        rates=newest.rates,
    )
