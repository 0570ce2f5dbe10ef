"""The broker's own preview of an order, judged. What it omits or warns of stops what increases risk, never an exit.

Must never send anything, and must never read a silence of the broker as consent.
"""

from decimal import Decimal

from app.domain.order import Order, Side, WhatIf
from app.domain.policy import Policy
from app.domain.ruling import Refusal


def what_if_refusal(policy: Policy, order: Order, what_if: WhatIf, rate: Decimal) -> Refusal | None:
    """None where the order may be sent. `rate` is base currency per unit of the instrument's currency."""
    if what_if.error is not None:
        return _refuse(order, "what_if", what_if.error, "accepted by the broker's preview")
    if order.side is Side.SELL:
        return None
    return _missing(order, what_if) or _dear(policy, order, what_if, rate) or _unfunded(order, what_if)


def _refuse(order: Order, rule: str, value: str, limit: str) -> Refusal:
    return Refusal(rule, order.instrument.symbol, value, limit)


def _missing(order: Order, what_if: WhatIf) -> Refusal | None:
    """A warning is refused whatever it says; so is a number that nobody can compare."""
    if what_if.warnings:
        return _refuse(order, "what_if_warning", "; ".join(what_if.warnings), "no warning")
    numbers = {
        "commission": what_if.commission,
        "equity after": what_if.equity_after,
        "initial margin after": what_if.initial_margin_after,
    }
    unknown = [name for name, number in numbers.items() if number is None or not number.is_finite()]
    if not unknown:
        return None
    return _refuse(order, "what_if_unknown", f"unknown: {', '.join(unknown)}", "commission, equity and margin known")


def _dear(policy: Policy, order: Order, what_if: WhatIf, rate: Decimal) -> Refusal | None:
    commission, share = what_if.commission, Decimal(str(policy.execution.max_commission))
    most = order.notional * rate * share
    if commission is not None and 0 <= commission <= most:
        return None
    return _refuse(order, "max_commission", f"{commission}", f"0 to {most:.2f}, {share:.3%} of the order's value")


def _unfunded(order: Order, what_if: WhatIf) -> Refusal | None:
    equity, margin = what_if.equity_after, what_if.initial_margin_after
    if equity is not None and margin is not None and 0 <= margin <= equity:
        return None
    return _refuse(order, "margin_after", f"initial margin {margin}", f"0 to {equity}, the equity after the order")
