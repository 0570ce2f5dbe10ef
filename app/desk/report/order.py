"""What became of the orders, and what the gate cut, in the report."""

from collections import defaultdict
from decimal import Decimal

from app.desk.report.account import LotPart, lot_part
from app.desk.report.part import Amount, Part
from app.desk.report.question import QuestionPart, question_part
from app.desk.states import AccountRead, OrderResult, Run
from app.domain.lots import by_name, lots, sold_from
from app.domain.order import Side, WhatIf
from app.domain.ruling import Refusal


class WhatIfPart(Part):
    """The broker's own preview of an order: amount and commission in its currency, the rest in base."""

    amount: Amount | None
    commission: Amount | None
    equity_after: Amount | None
    initial_margin_after: Amount | None
    maintenance_margin_after: Amount | None
    warnings: tuple[str, ...]
    error: str | None


class OrderPart(Part):
    """What became of one order; `state` is the ledger's word, or PREVIEWED or REFUSED where nothing was to be sent.

    `lots` of a sale: those that it takes all of its quantity from, first in, first out; of a buy none.
    """

    coid: str
    symbol: str
    side: str
    quantity: Amount
    reference_price: Amount
    limit_price: Amount | None
    state: str
    filled_quantity: Amount
    average_price: Amount | None
    reason: str | None
    trigger: str
    what_if: WhatIfPart | None
    lots: tuple[LotPart, ...]
    questions: tuple[QuestionPart, ...] = ()


class RefusalPart(Part):
    """What the gate cut, and the largest quantity that would have passed."""

    rule: str
    symbol: str
    value: str
    limit: str
    largest: Amount


def order_parts(run: Run) -> tuple[OrderPart, ...]:
    """Sales of one name take its lots one after the other."""
    account = run if isinstance(run, AccountRead) else None
    fills, sold = by_name(account.fills if account and run.results else ()), defaultdict[int, Decimal](Decimal)
    parts: list[OrderPart] = []
    for result in run.results:
        taken: tuple[LotPart, ...] = ()
        order = result.order
        if order.side is Side.SELL and account is not None:
            conid = order.instrument.conid
            held = lots(fills.get(conid, ()), account.portfolio.held(conid))
            taken = tuple(
                lot_part(lot, order.reference_price, run.key.session_date)
                for lot in sold_from(held, order.quantity, sold[conid])
            )
            sold[conid] += order.quantity
        parts.append(_order(result, taken))
    return tuple(parts)


def _order(result: OrderResult, taken: tuple[LotPart, ...]) -> OrderPart:
    order = result.order
    return OrderPart(
        coid=result.coid,
        symbol=order.instrument.symbol,
        side=order.side.value,
        quantity=order.quantity,
        reference_price=order.reference_price,
        limit_price=order.limit_price,
        state=result.state,
        filled_quantity=result.filled_quantity,
        average_price=result.average_price,
        reason=result.reason,
        trigger=order.reason,
        what_if=_what_if(result.what_if) if result.what_if else None,
        lots=taken,
        questions=tuple(question_part(question, result.state) for question in result.questions),
    )


def _what_if(what_if: WhatIf) -> WhatIfPart:
    return WhatIfPart(
        amount=what_if.amount,
        commission=what_if.commission,
        equity_after=what_if.equity_after,
        initial_margin_after=what_if.initial_margin_after,
        maintenance_margin_after=what_if.maintenance_margin_after,
        warnings=what_if.warnings,
        error=what_if.error,
    )


def refusal_part(refusal: Refusal) -> RefusalPart:
    return RefusalPart(
        rule=refusal.rule,
        symbol=refusal.symbol,
        value=refusal.value,
        limit=refusal.limit,
        largest=refusal.largest,
    )
