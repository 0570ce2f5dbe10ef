"""Answers of the gateway about orders and trades, as its documents and recordings have them."""

from typing import Any, Final

from tests.unit.gateway.shapes import ACCOUNT, CONID, ORDER_ID

Json = Any


def live_order(order_id: int, **changes: Json) -> dict[str, Json]:
    return {
        "acct": ACCOUNT,
        "account": ACCOUNT,
        "exchange": "SMART",
        "conidex": str(CONID),
        "conid": CONID,
        "orderId": order_id,
        "cashCcy": "USD",
        "sizeAndFills": "4/10",
        "orderDesc": "Buy 10 Limit 31.25, Day",
        "description1": "AAPL",
        "ticker": "AAPL",
        "secType": "STK",
        "listingExchange": "NASDAQ.NMS",
        "remainingQuantity": 6.0,
        "filledQuantity": 4.0,
        "totalSize": 10.0,
        "avgPrice": "31.20",
        "companyName": "APPLE INC",
        "status": "Submitted",
        "order_ccp_status": "Submitted",
        "origOrderType": "LIMIT",
        "lastExecutionTime": "251118143000",
        "orderType": "Limit",
        "price": "31.25",
        "side": "BUY",
        "timeInForce": "DAY",
        "lastExecutionTime_r": 1_763_476_200_000,
    } | changes


ORDERS: Final = {
    "orders": [
        live_order(int(ORDER_ID), order_ref="PM01"),
        live_order(1370093239),
        # The same order, touched earlier; a share in pence; somebody's order that does not say which side it is of.
        live_order(1370093239, filledQuantity=2.0, remainingQuantity=8.0, lastExecutionTime_r=1_763_476_100_000),
        live_order(1370093240, conid=35151400, conidex="35151400", cashCcy="GBP", ticker="GAW", listingExchange="LSE"),
        live_order(1370093241, side=None),
    ],
    "snapshot": True,
}


def trade(execution: str, order_id: int, **changes: Json) -> dict[str, Json]:
    return {
        "execution_id": execution,
        "symbol": "AAPL",
        "supports_tax_opt": "1",
        "side": "B",
        "order_description": "Bot 4 @ 31.20 on NASDAQ",
        "trade_time": "20251118-14:30:00",
        "trade_time_r": 1_763_476_200_000,
        "size": 4.0,
        "price": "31.20",
        "order_id": order_id,
        "submitter": "fictional",
        "exchange": "NASDAQ",
        "commission": "1.01",
        "net_amount": 124.8,
        "account": ACCOUNT,
        "accountCode": ACCOUNT,
        "company_name": "APPLE INC",
        "contract_description_1": "AAPL",
        "sec_type": "STK",
        "listing_exchange": "NASDAQ.NMS",
        "conid": CONID,
        "conidEx": str(CONID),
        "clearing_id": "IB",
        "liquidation_trade": "0",
    } | changes


TRADES: Final = [
    trade("0000e0d5.1", int(ORDER_ID), order_ref="PM01"),
    # Without the time in milliseconds.
    {key: value for key, value in trade("0000e0d5.2", 1370093239).items() if key != "trade_time_r"},
    # A correction, which is neither bought nor sold.
    trade("0000e0d5.3", 1370093242, side="X"),
]
ORDER_STATUS: Final = {
    "sub_type": None,
    "order_id": int(ORDER_ID),
    "conidex": str(CONID),
    "conid": CONID,
    "symbol": "AAPL",
    "side": "B",
    "contract_description_1": "AAPL",
    "listing_exchange": "NASDAQ.NMS",
    "is_event_trading": "0",
    "order_desc": "Buy 10 Limit 31.25, Day",
    "order_status": "Submitted",
    "order_type": "LIMIT",
    "size": "6.0",
    "fill_price": "31.20",
    "average_price": "31.20",
    "limit_price": "31.25",
    "filled_quantity": "4.0",
    "cum_fill": "4.0",
    "total_size": "10.0",
    "currency": "USD",
    "account": ACCOUNT,
    "tif": "DAY",
    "order_ref": "PM01",
    "sec_type": "STK",
    "order_ccp_status": "0",
}
PREVIEW: Final = {
    "amount": {"amount": "312.50 USD (10 Shares)", "commission": "1.05 USD", "total": "313.55 USD"},
    "equity": {"current": "1,773 USD", "change": "-1 USD", "after": "1,772 USD"},
    "initial": {"current": "160 USD", "change": "94 USD", "after": "254 USD"},
    "maintenance": {"current": "146 USD", "change": "86 USD", "after": "232 USD"},
    "position": {"current": "12", "change": "10", "after": "22"},
    "warn": None,
    "error": None,
}
PLACED: Final = [{"order_id": ORDER_ID, "order_status": "Submitted", "encrypt_message": "1"}]
REJECTED: Final = {
    "advancedOrderReject": {
        "orderId": int(ORDER_ID), "reqId": "12345", "dismissable": [], "text": "Too far from the market.",
        "options": ["Cancel"], "type": "NO_MESSAGE_ID_CLOSE_OR_TRANSMIT", "messageId": "8229", "prompt": False,
    }
}  # fmt: skip
QUESTION: Final = [
    {
        "id": "07a13a5a-4a48-44a5-bb25-5ab37b79186c",
        "message": ["The following order size exceeds the Size Limit of 500. Are you sure?"],
        "isSuppressed": False,
        "messageIds": ["o383"],
    }
]
CANCELLED: Final = {"msg": "Request was submitted", "order_id": int(ORDER_ID), "conid": CONID, "account": ACCOUNT}
