"""What became of an order, from the ledger's record of it."""

from decimal import Decimal

from app.desk.desk import Desk
from app.desk.records import IntentRecord
from app.desk.states import OrderResult, Run
from app.domain.errors import LedgerError
from app.domain.instrument import Instrument
from app.domain.order import Order, WhatIf


async def committed_intent(desk: Desk, run: Run, coid: str) -> IntentRecord:
    """Raises LedgerError for one that is not on record: an order is committed before anything is done about it."""
    found = await desk.in_thread(desk.ledger.find_intent, run.key.book, coid)
    if found is None:
        raise LedgerError(f"order {coid} is not in the ledger", "Run `portfolio audit verify` before anything is sent")
    return found


def result_of(intent: IntentRecord) -> OrderResult:
    """The name and what was asked for are the record's; the rest of the instrument is not known here."""
    order = Order(
        instrument=Instrument(intent.conid, intent.symbol, currency=""),
        side=intent.side,
        quantity=intent.quantity,
        reference_price=intent.reference_price,
        reason=intent.rule,
        exit=intent.exit,
        mandatory=intent.mandatory,
        leg=intent.leg,
        limit_price=intent.limit_price,
        rules=intent.rules,
    )
    return OrderResult(
        intent.coid,
        order,
        intent.state.value,
        intent.filled_quantity,
        intent.average_price,
        what_if=what_if_of(intent),
        reason=intent.reason,
        questions=intent.questions,
    )


def what_if_of(intent: IntentRecord) -> WhatIf | None:
    """The broker's preview as it was put on record before the order was sent; None where it was not."""
    told = intent.what_if
    if told is None:
        return None
    amounts = {
        name: None if told.get(name) is None else Decimal(told[name])
        for name in ("amount", "commission", "equity_after", "initial_margin_after", "maintenance_margin_after")
    }
    return WhatIf(**amounts, warnings=tuple(told.get("warnings") or ()), error=told.get("error"))
