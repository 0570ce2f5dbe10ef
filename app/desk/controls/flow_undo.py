"""A person takes back what was told by mistake: on record, and only while no run has reckoned with it.

Once one has, the account's value over time goes by it: without it a deposit would be a gain, a withdrawal a loss, and a
loss sells.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from app.desk.accounts import Whose, masked, meant
from app.desk.controls.level import ANYBODY, require_text
from app.desk.ports import AccountMemory
from app.desk.records import ToldFlow
from app.domain.errors import UsageError

_LISTED = "`portfolio flow list` shows them"
_COUNTED = "Tell what is missing or too much as a flow of its own, where the account shows it: `portfolio flow add`"


def take_back_flow(
    ledger: AccountMemory, number: int, reason: str, actor: str, at: datetime, whose: Whose = ANYBODY
) -> dict[str, Any]:
    """It is as if it had not been told. Raises UsageError for what there is not, and for what may hurt."""
    require_text(reason, "reason")
    require_text(actor, "actor")
    book = meant(ledger.books(), whose)
    found = next((one for one in ledger.told_flows(book.name) if one.number == number), None)
    _require_free(ledger, book.name, number, found)
    assert found is not None  # noqa: S101 - refused above
    if not ledger.take_back_flow(book.name, number, reason, actor, at):
        raise UsageError(f"flow {number} was taken back or reckoned with meanwhile", _LISTED)
    newest = next(iter(ledger.snapshots(book.name, 1)), None)
    explained = sum((flow.amount for flow in (*ledger.flows(book.name), *ledger.income(book.name))), Decimal(0))
    left = newest.detected_flows - explained if newest is not None else Decimal(0)
    return {
        "number": number,
        "session_date": found.flow.session_date.isoformat(),
        "amount": f"{found.flow.amount:f}",
        "note": found.flow.note,
        "taken_back": reason,
        "actor": actor,
        "account": masked(book.account),
        "unexplained": f"{left:.2f}",
    }


def _require_free(ledger: AccountMemory, book: str, number: int, found: ToldFlow | None) -> None:
    if found is None:
        if any(plan.number == number for plan in ledger.flow_plans(book)):
            raise UsageError(f"{number} is an announced withdrawal", f"`portfolio flow cancel {number}` takes it back")
        raise UsageError(f"no flow has the number {number}", _LISTED)
    if found.taken_back is not None:
        raise UsageError(f"flow {number} was taken back before: {found.taken_back}", _LISTED)
    if found.flow.external_id is not None:
        raise UsageError(
            f"flow {number} was told by a row of the broker or of a statement, not in a person's words",
            "Only what `portfolio flow add` told can be taken back",
        )
    if found.counted:
        raise UsageError(f"a run has reckoned with flow {number}, or is at it now: it stays", _COUNTED)
