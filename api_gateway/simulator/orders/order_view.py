"""Orders, trades and previews as the order endpoints write them; three endpoints, three spellings of the same order."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.orders.matching import commission
from api_gateway.simulator.orders.order import Execution, Order, OrderRequest, Status
from api_gateway.simulator.orders.order_desk import PendingReply
from api_gateway.simulator.wire import compact_time, epoch_ms, money_text, number_text, price_text
from api_gateway.simulator.world import World

_TYPE_NAMES = {"LMT": ("Limit", "LIMIT"), "MKT": ("Market", "MARKET"), "STP": ("Stop", "STOP")}
_CCP_STATUS = {Status.FILLED: "Filled", Status.CANCELLED: "Cancelled", Status.INACTIVE: "Inactive"}
_NO_MARKET_DATA = "21/You are trying to submit an order without having market data for this instrument."


def accepted(order: Order) -> list[dict[str, Any]]:
    row: dict[str, Any] = {
        "order_id": str(order.order_id),
        "order_status": order.status.value,
        "encrypt_message": "1",
    }
    return [row | ({"local_order_id": order.request.coid} if order.request.coid is not None else {})]


def question(pending: PendingReply) -> list[dict[str, Any]]:
    together = pending.remaining if pending.together else ()
    return [one.row(pending.reply_id) for one in (pending.question, *together)]


def _decimal_text(value: Decimal | None) -> str:
    return price_text(float(value)) if value is not None else ""


def _last_time(order: Order) -> datetime:
    return order.ended_at or order.placed_at


def live_order(order: Order) -> dict[str, Any]:
    request = order.request
    display, original = _TYPE_NAMES[request.order_type]
    named = request.limit_price if request.stop_price is None else request.stop_price
    description = f"{request.side.title()} {request.quantity} {display} {_decimal_text(named)}"
    row: dict[str, Any] = {
        "acct": request.account,
        "account": request.account,
        "conid": request.contract.conid,
        "conidex": f"{request.contract.conid}",
        "orderId": order.order_id,
        "cashCcy": request.contract.currency,
        "sizeAndFills": f"{order.filled_quantity}/{request.quantity}",
        "orderDesc": description.strip(),
        "description1": request.contract.symbol,
        "ticker": request.contract.symbol,
        "secType": request.contract.security_type,
        "listingExchange": request.contract.exchange,
        "remainingQuantity": float(order.remaining_quantity),
        "filledQuantity": float(order.filled_quantity),
        "totalSize": float(request.quantity),
        "companyName": request.contract.name,
        "status": order.status.value,
        "order_ccp_status": _CCP_STATUS.get(order.status, "Submitted"),
        "origOrderType": original,
        "orderType": display,
        "price": _decimal_text(request.limit_price),
        "side": request.side,
        "timeInForce": request.time_in_force,
        "lastExecutionTime": compact_time(_last_time(order)),
        "lastExecutionTime_r": epoch_ms(_last_time(order)),
        "supportsTaxOpt": "1",
        "bgColor": "#FFFFFF",
        "fgColor": "#000000",
        "isEventTrading": "0",
    }
    if request.stop_price is not None:
        row["auxPrice"] = _decimal_text(request.stop_price)
    if order.average_price is not None:
        row["avgPrice"] = price_text(float(order.average_price))
    if request.coid is not None:
        row["order_ref"] = request.coid
    if order.ended_because and order.ended_because != "cancelled on request":
        row["order_cancellation_by_system_reason"] = order.ended_because
    return row


def order_status(order: Order) -> dict[str, Any]:
    """Snake case, numbers as strings; `size` is what REMAINS."""
    request = order.request
    row: dict[str, Any] = {
        "sub_type": None,
        "request_id": "1",
        "server_id": "0",
        "order_id": order.order_id,
        "conidex": f"{request.contract.conid}",
        "conid": request.contract.conid,
        "symbol": request.contract.symbol,
        "side": request.side[0],
        "contract_description_1": request.contract.symbol,
        "sec_type": request.contract.security_type,
        "listing_exchange": request.contract.exchange,
        "company_name": request.contract.name,
        "size": f"{order.remaining_quantity}.0",
        "total_size": f"{request.quantity}.0",
        "cum_fill": f"{order.filled_quantity}.0",
        "currency": request.contract.currency,
        "account": request.account,
        "order_type": _TYPE_NAMES[request.order_type][1],
        "limit_price": _decimal_text(request.limit_price),
        "stop_price": _decimal_text(request.stop_price),
        "order_status": order.status.value,
        "order_ccp_status": "0" if order.working else "2",
        "order_status_description": order.ended_because or f"Order {order.status.value}",
        "tif": request.time_in_force,
        "editable_fields": "\u001e",
        "cannot_cancel_order": not order.working,
        "order_time": compact_time(order.placed_at),
        "order_ref": request.coid,
    }
    if order.average_price is not None:
        row["average_price"] = price_text(float(order.average_price))
    return row


def trade(account: str, execution: Execution, held: int) -> dict[str, Any]:
    contract = execution.contract
    return {
        "execution_id": execution.execution_id,
        "symbol": contract.symbol,
        "supports_tax_opt": "1",
        "side": execution.side[0],
        "order_description": f"{execution.side.title()} {execution.quantity} @ {price_text(float(execution.price))}",
        "trade_time": f"{execution.time:%Y%m%d-%H:%M:%S}",
        "trade_time_r": epoch_ms(execution.time),
        "size": float(execution.quantity),
        "price": price_text(float(execution.price)),
        "order_ref": execution.coid,
        "order_id": execution.order_id,
        "submitter": "simulated",
        "exchange": contract.exchange,
        "commission": number_text(execution.commission),
        "net_amount": float(execution.quantity * execution.price),
        "account": account,
        "accountCode": account,
        "company_name": contract.name,
        "contract_description_1": contract.symbol,
        "sec_type": contract.security_type,
        "listing_exchange": contract.exchange,
        "conid": contract.conid,
        "conidEx": f"{contract.conid}",
        "clearing_id": "IB",
        "clearing_name": "IB",
        "liquidation_trade": "0",
        "position": str(held),
    }


def preview(world: World, request: OrderRequest, moment: Moment, error: str | None) -> dict[str, Any]:
    """What the order would cost in its own currency and do to the account in base, as comma-formatted strings."""
    valuation = world.accounting.valuation(request.account, moment)
    price = world.accounting.price_of(request, moment)
    value, fee = request.quantity * price, commission(request.quantity, price)
    currency, base = request.contract.currency, world.rates.base
    rate = world.rates.rate(currency, moment)
    signed = (value if request.side == "BUY" else -value) * rate
    total = value + fee if request.side == "BUY" else value - fee
    held = world.books[request.account].held(request.contract.conid)
    change = request.quantity if request.side == "BUY" else -request.quantity

    def effect(current: Decimal, difference: Decimal) -> dict[str, str]:
        return {
            "current": money_text(current, base),
            "change": money_text(difference, base),
            "after": money_text(current + difference, base),
        }

    primed = world.session.snapshot_reads.get(request.contract.conid, 0) > 0
    return {
        "amount": {
            "amount": f"{money_text(value, currency)} ({request.quantity:,} Shares)",
            "commission": money_text(fee, currency),
            "total": money_text(total, currency),
        },
        "equity": effect(valuation.net_liquidation, -fee * rate),
        "initial": effect(valuation.initial_margin, signed * valuation.initial_share),
        "maintenance": effect(valuation.maintenance_margin, signed * valuation.maintenance_share),
        "position": {"current": str(held), "change": str(change), "after": str(held + change)},
        "warn": None if primed else _NO_MARKET_DATA,
        "error": error,
    }
