"""Orders as they can be looked at: the day's, one of them, executions, and a preview, which sends nothing."""

import re
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from api_gateway.clientportal import order_rows, wire
from api_gateway.clientportal.errors import Maintenance, UnknownOrder
from api_gateway.clientportal.records import Limit
from api_gateway.clientportal.units import scaled
from api_gateway.mcp_server.registry import fetching, shapes
from api_gateway.mcp_server.registry.fields import AccountId, Conid, OrderId, Positive, Side, Word, unpacked, whole
from api_gateway.mcp_server.registry.shapes import each, number, record
from api_gateway.mcp_server.registry.tool import Arguments, Call, GatewayTool, Refused, Sight

_STATUSES: Final = (
    "inactive",
    "pending_submit",
    "pre_submitted",
    "submitted",
    "filled",
    "pending_cancel",
    "pre_cancelled",
    "cancelled",
    "warn_state",
)


def _statuses(value: object) -> object:
    given = unpacked(value)
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, list):
        return parts
    found = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(part).strip()).lower() for part in parts]
    if not set(found) <= set(_STATUSES):
        raise ValueError(f"a filter is one of {', '.join(_STATUSES)}")
    return found


class _OfAccounts(Arguments):
    account: AccountId | None = Field(None, alias="accountId", description="One account; left out, all of them")


_Statuses = Annotated[
    list[str],
    BeforeValidator(_statuses),
    WithJsonSchema(
        {
            "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}],
            "description": "Statuses to keep, such as pre_submitted, submitted or filled",
        }
    ),
]


class _Live(_OfAccounts):
    filters: _Statuses | None = None
    force: bool | None = Field(None, description="true makes the gateway load the orders anew first")


class _Status(Arguments):
    order_id: OrderId = Field(alias="orderId")


class _Trades(_OfAccounts):
    days: Annotated[int, Field(ge=1, le=7, description="How far back, in days"), BeforeValidator(whole)] = 7


class OneOrder(Arguments):
    """The one kind of order that is sent: a limit order for the day in regular hours."""

    conid: Conid
    side: Side
    quantity: Positive = Field(description="Number of shares")
    price: Positive = Field(description="Limit price in the gateway's unit")
    order_type: Literal["LMT"] = Field(alias="orderType", description="A limit order")
    time_in_force: Literal["DAY"] = Field(alias="tif", description="For the day")
    coid: Word | None = Field(None, alias="cOID", description="Client order id")
    account: AccountId | None = Field(None, alias="acctId", description="The same account as accountId")
    security_type: Annotated[str, Field(pattern=r"^([0-9]{1,12}:)?(STK|ETF)$")] | None = Field(
        None, alias="secType", description="STK or ETF, also behind the contract id and a colon"
    )
    outside_hours: Literal[False] | None = Field(None, alias="outsideRTH", description="Never outside regular hours")


Orders = Annotated[list[OneOrder], BeforeValidator(unpacked), Field(min_length=1, max_length=1)]


class WithOrder(Arguments):
    account: AccountId = Field(alias="accountId")
    orders: Orders = Field(description="Exactly one limit order for the day")

    def one(self) -> OneOrder:
        """Raises: Refused for an order of another account."""
        (order,) = self.orders
        if order.account not in (None, self.account):
            raise Refused("orders.0.acctId: another account than accountId", "Name one account")
        return order


_LIVE = record(
    {
        "orderId": shapes.name,
        "conid": shapes.conid,
        "side": shapes.side,
        "status": shapes.words,
        "remainingQuantity": number,
        "filledQuantity": number,
    },
    {"totalSize": number, "price": number, "avgPrice": number, "auxPrice": number},
)
_ONE = record(
    {
        "order_id": shapes.name,
        "conid": shapes.conid,
        "side": shapes.side,
        "order_status": shapes.words,
        "size": number,
        "total_size": number,
        "cum_fill": number,
    },
    {"limit_price": number, "stop_price": number, "average_price": number},
)
_TRADE = record(
    {
        "execution_id": shapes.words,
        "order_id": shapes.name,
        "conid": shapes.conid,
        "side": shapes.side,
        "size": number,
        "price": number,
    },
    {"commission": number, "net_amount": number, "position": number},
)


async def _accounts(call: Call) -> tuple[str | None, ...]:
    """Which accounts are asked for, one by one: the gateway lists one at a time, unasked the one that is selected."""
    asked = call.given(_OfAccounts).account
    session = await call.around.portal.session.prime()
    if asked is not None:
        return (asked,)
    return call.around.admission.allowed(session) if len(session.accounts) > 1 else (None,)


async def _live(call: Call) -> object:
    """Filters are applied here: the gateway's own can leave out everything, and forcing answers blank."""
    raw, arguments = call.around.raw, call.given(_Live)
    found: list[wire.Row] = []
    for account in await _accounts(call):
        if arguments.force:
            await raw.read(call.request(filters=None, accountId=account))
        request = call.request(filters=None, force=None, accountId=account)
        answer = await raw.settle(request, _is_loaded, "the gateway has not loaded the live orders")
        found += wire.rows(wire.mapping(answer, "live orders").get("orders"), "live orders")
    rows = order_rows.newest_orders(found)
    if arguments.filters is None:
        return rows
    statuses = {status.replace("_", "") for status in arguments.filters}
    return [row for row in rows if str(row.get("status", "")).lower() in statuses]


def _is_loaded(answer: object) -> bool:
    return wire.mapping(answer, "live orders").get("snapshot") is True


async def _status(call: Call) -> object:
    try:
        return await call.around.raw.read(call.request(), attempts=1)
    except Maintenance as error:
        raise UnknownOrder(
            "the gateway has no status of this order: it is aged, or of an account that is not selected"
        ) from error


def _order(value: object, what: str) -> object:
    """`size` is what remains, which its name does not say."""
    row = dict(wire.mapping(_ONE(value, what), what))
    row["remaining_size"] = row.pop("size")
    return row


def _own_order(data: object, sight: Sight) -> object:
    account = wire.text(wire.mapping(data, "order status"), "account", "acct")
    if account not in sight.allowed and (account is not None or sight.hidden):
        raise UnknownOrder("the order is not of an account that this server may show")
    return data


async def _trades(call: Call) -> object:
    """The first read of a session is empty whatever there is."""
    raw = call.around.raw
    found: list[wire.Row] = []
    for account in await _accounts(call):
        request = call.request(accountId=account)
        found += wire.rows(await raw.read(request) or await raw.read(request), "trades")
    return order_rows.one_per_execution(found)


async def _preview(call: Call) -> object:
    arguments = call.given(WithOrder)
    order = arguments.one()
    # Without a snapshot of the contract the answer warns of missing market data.
    await call.around.portal.market.quotes([order.conid])
    magnifier = await call.around.portal.contracts.magnifier(order.conid)
    found = await call.around.portal.orders.preview(_limit(arguments.account, order, magnifier))
    return found.model_dump()


def _limit(account: str, order: OneOrder, magnifier: int) -> Limit:
    """These tools speak the gateway's units, in which the order is written."""
    return Limit(
        account=account,
        conid=order.conid,
        side=order.side,
        quantity=order.quantity,
        limit_price=scaled(order.price, magnifier),
        time_in_force=order.time_in_force,
        coid=order.coid,
    )


ORDERS: Final = (
    GatewayTool(
        name="get_live_orders_iserver_account_orders_get",
        family="orders",
        kind="read",
        verb="GET",
        path="/iserver/account/orders",
        doc="The day's orders, also those of other programs, in the accounts that this server may show.",
        arguments=_Live,
        ask=_live,
        parse=each(_LIVE),
        visible=fetching.rows_of("acct", "account"),
    ),
    GatewayTool(
        name="get_order_status_iserver_account_order_status",
        family="orders",
        kind="read",
        verb="GET",
        path="/iserver/account/order/status/{orderId}",
        doc="Status, fills and what remains of one order. The gateway forgets aged orders.",
        arguments=_Status,
        ask=_status,
        parse=_order,
        visible=_own_order,
    ),
    GatewayTool(
        name="get_trades_iserver_account_trades_get",
        family="orders",
        kind="read",
        verb="GET",
        path="/iserver/account/trades",
        doc="Executions of the last days, seven at most, in the accounts that this server may show.",
        arguments=_Trades,
        ask=_trades,
        parse=each(_TRADE),
        visible=fetching.rows_of("account", "accountCode"),
    ),
    GatewayTool(
        name="preview_order_iserver_account",
        family="orders",
        kind="preview",
        verb="POST",
        path="/iserver/account/{accountId}/orders/whatif",
        doc="What the broker says an order would cost and do to equity and margin. Sends no order.",
        arguments=WithOrder,
        ask=_preview,
    ),
)
