"""Reads what the broker says that an order would cost; an error inside a preview is part of it."""

from decimal import Decimal

from api_gateway.clientportal import units, wire
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.records import Limit, WhatIf


def what_if(answer: wire.Row, order: Limit) -> WhatIf:
    amounts = _part(answer, "amount")
    amount, commission = (units.in_currency(wire.money(amounts.get(key))) for key in ("amount", "commission"))
    if amount and commission and commission.currency != amount.currency:
        # One cannot be held against the other.
        commission = None
    warning, error = wire.text(answer, "warn"), wire.text(answer, "error")
    if "error" not in answer or (amount is None and error is None):
        raise Malformed("preview: it does not say whether there is an error, or not what is worth how much")
    return WhatIf(
        amount=amount.amount if amount else order.quantity * order.limit_price,
        commission=commission.amount if commission else None,
        equity_after=_after(answer, "equity"),
        initial_margin_after=_after(answer, "initial"),
        maintenance_margin_after=_after(answer, "maintenance"),
        warnings=(warning,) if warning else (),
        error=error,
        currency=amount.currency if amount else None,
    )


def _after(answer: wire.Row, key: str) -> Decimal | None:
    found = wire.money(_part(answer, key).get("after"))
    return found.amount if found else None


def _part(answer: wire.Row, key: str) -> wire.Row:
    """Of a preview; a part that is absent is empty."""
    found = answer.get(key)
    return {} if found is None else wire.mapping(found, f"preview {key}")
