"""What one order may be worth today: the policy's numbers for an account of this size and a name of this volume.

Plans, legs, gate and checks all ask here, so that they cannot differ. Values in base currency.
"""

from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from app.domain.order import Order
from app.domain.policy import Execution
from app.domain.sizing import whole

# An exit that would take more orders than this goes in larger ones: none is to hang on hundreds of messages.
MOST_LEGS = 5
_ONE = Decimal(1)
_FORMER = Decimal(25_000)


def largest_order(rules: Execution, nav: Decimal, traded: Decimal | None = None) -> Decimal:
    """The tightest of what the policy names: money, a share of NAV, a share of what is `traded` of the name in a day.

    A volume that nobody knows bounds nothing here: the gate refuses the buy.
    """
    return min((*_by_worth(rules, nav), *_by_volume(rules, traded)), default=Decimal("Infinity"))


def smallest_order(rules: Execution, nav: Decimal) -> Decimal:
    """The least that an order is sent for, exits excepted: the smaller of what the policy names."""
    if rules.min_order_nav is None:
        return rules.min_order_value
    return min(rules.min_order_value, share_of(nav, rules.min_order_nav))


def in_legs(
    order: Order, rules: Execution, nav: Decimal, rate: Decimal, traded: Decimal | None = None
) -> tuple[Order, ...]:
    """An exit as at most five orders, as large as it takes; `rate` is base currency for one of the instrument's.

    Only a share of a day's volume bounds them: what does not fit into five is left for another day, and their reason
    says so. Legs count up from the order's own, and one is at least a share.
    """
    count = MOST_LEGS + 1 - order.leg
    if order.quantity <= 0 or count <= 0:
        return ()
    each = order.reference_price * rate
    worth = min(_by_worth(rules, nav), default=None)
    usual = order.quantity if worth is None else max(_ONE, whole(worth / each))
    most = max(usual, (order.quantity / count).to_integral_value(ROUND_CEILING))
    for volume in _by_volume(rules, traded):
        most = min(most, max(_ONE, whole(volume / each)))
    sold = min(order.quantity, most * count)
    if sold < order.quantity:
        rest = f"{order.quantity - sold:f} of {order.quantity:f} are left for another day"
        order = replace(order, reason=f"{order.reason}; {rest}: {count} orders inside execution.max_order_volume_pct")
    if sold <= most:
        return (replace(order, quantity=sold),)
    starts = range(int((sold / most).to_integral_value(ROUND_CEILING)))
    return tuple(replace(order, quantity=min(most, sold - most * n), leg=order.leg + n) for n in starts)


def share_of(nav: Decimal, share: float) -> Decimal:
    """That fraction of it."""
    return nav * Decimal(str(share))


def _by_worth(rules: Execution, nav: Decimal) -> tuple[Decimal, ...]:
    if rules.max_order_value is None and rules.max_order_nav is None and rules.max_order_volume is None:
        # A day kept by an earlier version leaves out what was the default then.
        return (_FORMER,)
    money = () if rules.max_order_value is None else (rules.max_order_value,)
    return money if rules.max_order_nav is None else (*money, share_of(nav, rules.max_order_nav))


def _by_volume(rules: Execution, traded: Decimal | None) -> tuple[Decimal, ...]:
    return () if rules.max_order_volume is None or traded is None else (share_of(traded, rules.max_order_volume),)
