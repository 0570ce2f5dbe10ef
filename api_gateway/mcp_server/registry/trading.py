"""The few ways in which an order may be sent or ended.

Every way to the broker's order book leads through the order gate; what cannot lead there says why and what to do.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from api_gateway.clientportal.raw import Request
from api_gateway.mcp_server.order_gate import OrderGate
from api_gateway.mcp_server.registry.fields import (
    AccountId,
    Conid,
    OrderId,
    Positive,
    Side,
    Word,
    listed,
    text_of,
    unpacked,
)
from api_gateway.mcp_server.registry.orders import OneOrder, WithOrder
from api_gateway.mcp_server.registry.shapes import record, words
from api_gateway.mcp_server.registry.tool import Arguments, Call, GatewayTool, Refused
from api_gateway.mcp_server.results import Ticket

_Ticket = Annotated[Ticket, BeforeValidator(unpacked)]
# Any object was taken here once.
_Json = Annotated[dict[str, object], BeforeValidator(unpacked), WithJsonSchema({"type": "string"})]
_ReplyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$"), BeforeValidator(text_of)]


class _Place(WithOrder):
    ticket: _Ticket = Field(description="Permission to send this one order, once")
    signature: str = Field(max_length=200, description="Signature of the ticket")


class _Cancel(Arguments):
    account: AccountId = Field(alias="accountId")
    order_id: OrderId = Field(alias="orderId")


class _Modify(Arguments):
    """Fields as upstream has them; the tool refuses whatever they say."""

    account: AccountId = Field(alias="accountId")
    order_id: OrderId = Field(alias="orderId")
    account_again: AccountId | None = Field(None, alias="acctId")
    conid: Conid | None = None
    conidex: Word | None = Field(None, description="Contract id with an exchange")
    security_type: Annotated[str, Field(pattern=r"^[A-Za-z0-9:]{1,60}$")] | None = Field(
        None, alias="secType", description="Kind of contract"
    )
    coid: Word | None = Field(None, alias="cOID", description="Client order id")
    parent: Word | None = Field(None, alias="parentId", description="Client order id of the parent order")
    order_type: Word = Field(alias="orderType", description="Order type such as LMT")
    listing_exchange: Word | None = Field(None, alias="listingExchange", description="Exchange")
    outside_hours: bool | None = Field(None, alias="outsideRTH", description="Whether outside regular hours, too")
    price: Positive | None = Field(None, description="Limit price")
    stop_price: Positive | None = Field(None, alias="auxPrice", description="Stop price")
    side: Side
    ticker: Annotated[str, Field(pattern=r"^[A-Za-z0-9 .]{1,60}$")] | None = Field(None, description="Symbol")
    time_in_force: Word = Field(alias="tif", description="Time in force such as DAY")
    quantity: Positive = Field(description="Number of shares")
    adaptive: bool | None = Field(None, alias="useAdaptive", description="Whether the broker adapts the price")
    strategy: Word | None = Field(None, description="Algorithm of the broker")
    strategy_parameters: _Json | None = Field(
        None, alias="strategyParameters", description="Parameters of the algorithm, an object as JSON text"
    )


class _Reply(Arguments):
    reply_id: _ReplyId = Field(alias="replyId", description="Id of the broker's question")
    confirmed: bool = Field(description="The answer")


class _Suppress(Arguments):
    message_ids: Annotated[list[Word], BeforeValidator(listed), Field(min_length=1, max_length=51)] = Field(
        alias="messageIds", description="Ids of the broker's warnings, such as o163"
    )


def _gate(call: Call) -> OrderGate:
    if call.around.gate is None:
        raise Refused("trading_mode: this server sends no orders", "Set TRADING_MODE to paper or live")
    return call.around.gate


async def _place(call: Call) -> object:
    arguments = call.given(_Place)
    ticket = arguments.ticket
    differing = _differing(arguments.account, arguments.one(), ticket)
    if differing is not None:
        raise Refused(f"{differing}: not what the ticket says", "Send exactly the order that the ticket allows")
    result = await _gate(call).place(ticket, arguments.signature)
    told = result.model_dump(mode="json")
    if result.outcome in ("refused", "rejected"):
        raise Refused(result.message or f"the order was {result.outcome}", _AFTER[result.outcome], told)
    return told


_AFTER: Final = {
    "refused": "Nothing was sent. Have a new ticket signed once the reason is gone",
    "rejected": "The broker took no order. Correct it and have a new ticket signed",
}


def _differing(account: str, order: OneOrder, ticket: Ticket) -> str | None:
    """The field in which the order is not the ticket's; None when it is."""
    pairs = {
        "accountId": (account, ticket.account),
        "conid": (order.conid, ticket.conid),
        "side": (order.side, ticket.side),
        "quantity": (format(order.quantity.normalize(), "f"), ticket.quantity),
        "price": (format(order.price.normalize(), "f"), ticket.limit_price),
        "tif": (order.time_in_force, ticket.time_in_force),
        "cOID": (order.coid, ticket.coid),
    }
    return next((name for name, (asked, allowed) in pairs.items() if asked != allowed), None)


async def _cancel(call: Call) -> object:
    arguments = call.given(_Cancel)
    result = await _gate(call).cancel(arguments.account, arguments.order_id)
    told = result.model_dump(mode="json")
    if result.outcome == "refused":
        raise Refused(result.message, "Nothing was sent. The order report says which orders are open", told)
    return told


def _never(cause: str, remedy: str) -> Callable[[Call], Awaitable[object]]:
    async def ask(_: Call) -> object:
        raise Refused(cause, remedy)

    return ask


async def _reset(call: Call) -> object:
    await call.around.portal.session.prime()
    return await call.around.raw.send(Request("POST", "/iserver/questions/suppress/reset"))


TRADING: Final = (
    GatewayTool(
        name="place_order_iserver_account",
        family="orders",
        kind="trade",
        verb="POST",
        path="/iserver/account/{accountId}/orders",
        doc="Sends the one limit order that a signed ticket allows, once. The order must be the ticket's in all terms.",
        arguments=_Place,
        ask=_place,
    ),
    GatewayTool(
        name="modify_order_iserver_account",
        family="orders",
        kind="trade",
        verb="POST",
        path="/iserver/account/{accountId}/order/{orderId}",
        doc="Always refused: a ticket allows one order's terms once.",
        arguments=_Modify,
        ask=_never(
            "modify: a ticket allows the terms of one order, once, and a change would be an order without one",
            "Cancel the order, make sure how much of it filled, then place a new one with a new ticket",
        ),
    ),
    GatewayTool(
        name="cancel_order_iserver_account",
        family="orders",
        kind="trade",
        verb="DELETE",
        path="/iserver/account/{accountId}/order/{orderId}",
        doc="Asks the broker to end one of our own orders, never all. It may still fill before it ends.",
        arguments=_Cancel,
        ask=_cancel,
    ),
    GatewayTool(
        name="place_order_reply_iserver_reply",
        family="orders",
        kind="trade",
        verb="POST",
        path="/iserver/reply/{replyId}",
        doc="Always refused: the broker's questions are answered while the order is placed, from a list.",
        arguments=_Reply,
        ask=_never(
            "reply: the broker's questions are answered while an order is placed, from a list of harmless ones",
            "Place the order; a question outside the list leaves it unconfirmed and is reported with its text",
        ),
    ),
    GatewayTool(
        name="suppress_questions_iserver_questions_suppress_post",
        family="orders",
        kind="trade",
        verb="POST",
        path="/iserver/questions/suppress",
        doc="Always refused: it would silence the broker's warnings for every order of the session.",
        arguments=_Suppress,
        ask=_never(
            "suppress: it would silence the broker's warnings for every order of the session",
            "Place the order; harmless questions are answered by the server",
        ),
    ),
    GatewayTool(
        name="suppress_questions_iserver_questions_suppress_reset_post",
        family="orders",
        kind="trade",
        verb="POST",
        path="/iserver/questions/suppress/reset",
        doc="Brings back every warning of the broker that was silenced in this session, by whomever.",
        ask=_reset,
        parse=record({"status": words}),
    ),
)
