"""What becomes of an order, as pure functions: refusals on purpose, partial fills, expiry, changed terms."""

from dataclasses import replace

from api_gateway.simulator.errors import GatewayRefusal, order_error, refused
from api_gateway.simulator.exchange.hours import Moment, SessionCalendar
from api_gateway.simulator.faults.order_faults import FillScript, Refusal
from api_gateway.simulator.orders.order import NEVER, Order, OrderRequest, Portion, Status


def portion_of(script: FillScript, request: OrderRequest) -> Portion | None:
    """None for a whole fill."""
    first = int(script.fraction * request.quantity)
    if first == request.quantity:
        return None
    return Portion(first, script.rest_looks if script.rest == "later" else NEVER, script.rest_seconds)


def refused_on_purpose(rule: Refusal) -> GatewayRefusal:
    if rule.kind == "reject":
        return order_error(rule.text)
    if rule.kind == "failed":
        row = {"order_id": "-1", "order_status": "Failed", "text": rule.text, "warning_message": rule.text}
        # A bracket fails leg by leg, and its child may come first (recorded).
        child = [row | {"order_status": "Inactive"}] if rule.bracket else []
        return GatewayRefusal(200, [*child, row], rule.text)
    reject = {
        "orderId": -1,
        "reqId": "1",
        "dismissable": [],
        "text": rule.text,
        "options": [],
        "type": "ADVANCED_REJECT",
        "messageId": "1",
        "prompt": False,
    }
    return GatewayRefusal(200, {"advancedOrderReject": reject}, rule.text)


def left_over(order: Order, moment: Moment, calendar: SessionCalendar) -> Order:
    """An order the market did not fill: ended when its time is over, watched up to now otherwise."""
    expired = moment.session > order.session or (moment.session == order.session and not moment.is_open)
    ended, when = "", moment.now
    if order.fails_because:
        return replace(order, status=Status.INACTIVE, ended_at=when, ended_because=order.fails_because)
    if order.status is Status.PENDING_CANCEL:
        ended = "cancelled on request"
    elif order.request.time_in_force == "IOC" and moment.session >= order.session:
        ended = "immediate or cancel: not filled at once"
    elif order.request.time_in_force == "DAY" and expired:
        ended, when = "expired at the close", calendar.closing(order.session)
    if ended:
        return replace(order, status=Status.CANCELLED, ended_at=when, ended_because=ended)
    status = working_status(order.request, moment, triggered=order.filled_quantity > 0)
    return replace(order, status=status, watched=max(order.watched, (moment.session, moment.minute)))


def working_status(request: OrderRequest, moment: Moment, triggered: bool = False) -> Status:
    """Outside trading hours, and for a stop until it is triggered, an order waits (documented)."""
    waits = (request.stop_price is not None and not triggered) or not moment.is_open
    return Status.PRE_SUBMITTED if waits else Status.SUBMITTED


def changed_terms(order: Order, request: OrderRequest) -> OrderRequest:
    """The terms an order has after a modification, its client order id being the old one.

    Raises: GatewayRefusal. The first three texts are the order system's documented ones (104, 105, 329 and 2102).
    """
    old = order.request
    if order.status is Status.FILLED:
        raise order_error("Can't modify a filled order.")
    if order.status is Status.PENDING_CANCEL:
        raise order_error("Unable to modify this order as it is still being processed.")
    if not order.working:
        raise refused(400, "Order is inactive")
    same_order = (old.contract, old.side) == (request.contract, request.side)
    if not same_order or request.coid not in (None, old.coid):
        raise order_error("Order being modified does not match original order.")
    if old.order_type != request.order_type:
        raise order_error("Order modify failed. Cannot change to the new order type.")
    if request.quantity <= order.filled_quantity:
        raise order_error(f"{order.filled_quantity} shares are filled; the total quantity must exceed them")
    return replace(request, coid=old.coid)
