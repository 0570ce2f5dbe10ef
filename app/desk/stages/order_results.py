"""What became of an order, from the ledger's record of it."""

from app.desk.desk import OrderResult
from app.desk.records import IntentRecord
from app.domain.instrument import Instrument
from app.domain.order import Order


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
        reason=intent.reason,
        questions=intent.questions,
    )
