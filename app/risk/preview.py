"""The broker's own preview of an order, judged. What it omits or warns of stops what increases risk, never an exit.

Must never send anything, and must never read a silence of the broker as consent.
"""

from decimal import Decimal
from typing import TypeGuard

from app.domain.order import Order, Side, WhatIf
from app.domain.policy import Policy
from app.domain.ruling import Refusal


def what_if_refusal(policy: Policy, order: Order, what_if: WhatIf) -> Refusal | None:
    """None where the order may be sent."""
    if what_if.error is not None:
        return _refuse(order, "what_if", what_if.error, "accepted by the broker's preview")
    if order.side is Side.SELL:
        return None
    if what_if.warnings:
        return _refuse(order, "what_if_warning", "; ".join(what_if.warnings), "no warning")
    commission, equity, margin = what_if.commission, what_if.equity_after, what_if.initial_margin_after
    if not (_number(commission) and _number(equity) and _number(margin)):
        value = f"commission {commission}, equity after {equity}, initial margin after {margin}"
        return _refuse(order, "what_if_unknown", value, "all three known")
    share = Decimal(str(policy.execution.max_commission))
    # The preview's own amount is in the commission's currency, whichever that is.
    most = (what_if.amount if _number(what_if.amount) else order.notional) * share
    if not 0 <= commission <= most:
        return _refuse(order, "max_commission", f"{commission}", f"0 to {most:.2f}, {share:.3%} of the order's value")
    if not 0 <= margin <= equity:
        return _refuse(order, "margin_after", f"initial margin {margin}", f"0 to {equity}, the equity after the order")
    return None


def _refuse(order: Order, rule: str, value: str, limit: str) -> Refusal:
    return Refusal(rule, order.instrument.symbol, value, limit)


def _number(value: Decimal | None) -> TypeGuard[Decimal]:
    return value is not None and value.is_finite()
