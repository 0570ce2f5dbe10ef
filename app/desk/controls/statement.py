"""A person's statement explains cash where the broker's program tells nothing: as far as the account shows it."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from app.desk.accounts import Whose, masked, meant
from app.desk.controls.cash_flow import Difference, shown_by
from app.desk.controls.level import ANYBODY, require_text
from app.desk.ports import AccountMemory
from app.desk.records import Flow
from app.desk.stages.cash_rows import TOLERANCE, not_told_already
from app.domain.cash import CashRow, ValuedRow, explaining, valued
from app.domain.errors import UsageError
from app.domain.navs import closes


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement's cash rows say, and who gives it."""

    rows: tuple[CashRow, ...]
    actor: str
    whose: Whose = ANYBODY


def import_statement(ledger: AccountMemory, statement: Statement, at: datetime) -> dict[str, Any]:
    """Rows that the account's cash shows go on record, each once; the others are only counted.

    Raises UsageError where nothing is unexplained, or no row explains any of it.
    """
    require_text(statement.actor, "actor")
    book = meant(ledger.books(), statement.whose)
    shown = shown_by(ledger, book.name)
    on_record = (*ledger.flows(book.name), *ledger.income(book.name))
    left = shown.detected - sum((flow.amount for flow in on_record), Decimal(0))
    rates = {shown.currency: Decimal(1), **shown.rates}
    counted = {flow.external_id for flow in on_record}
    rows = [row for row in statement.rows if row.explains and row.id not in counted and row.day <= shown.sessions[0]]
    known = not_told_already(valued(rows, rates.get), on_record, told_by_rows=True)
    chosen = explaining(known, left, TOLERANCE * abs(shown.nav))
    if not chosen:
        raise UsageError(
            f"no row of the statement explains anything: {left:,.2f} {shown.currency} is unexplained",
            "Run first, and give a statement of the days since the cash changed",
        )
    newest = next(reversed(closes(ledger.navs(book.name))), None)
    flows = [_flow(one, shown, newest.session_date if newest else None, statement.actor) for one in chosen]
    for flow in flows:
        ledger.add_flow(book.name, flow, at)
    return {
        "account": masked(book.account),
        "recorded": len(flows),
        "passed_over": len(statement.rows) - len(flows),
        "flows": f"{sum((flow.amount for flow in flows if not flow.is_income), Decimal(0)):.2f}",
        "income": f"{sum((flow.amount for flow in flows if flow.is_income), Decimal(0)):.2f}",
        "unexplained": f"{left - sum((flow.amount for flow in flows), Decimal(0)):.2f}",
    }


def _flow(one: ValuedRow, shown: Difference, newest: date | None, actor: str) -> Flow:
    row = one.row
    late = newest is not None and row.day <= newest
    note = f"{row.kind.value.replace('_', ' ')} of {row.day} by statement: {row.description}"[:500]
    return Flow(shown.sessions[0] if late else row.day, one.value, note, actor, row.kind, row.id)
