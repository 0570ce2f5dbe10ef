"""The last gate before the broker: sends an order only with a valid ticket and inside this server's own hard caps.

It holds whatever the caller's own limits are. It never sends twice, never opens a short position, and asks for the end
of none but our own orders.
"""

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import ClientPortalError, GatewayRefused, UnknownOrder
from api_gateway.clientportal.orders import is_order_id
from api_gateway.clientportal.records import Cancellation, Limit, Placement
from api_gateway.mcp_server.admission import Admission
from api_gateway.mcp_server.results import PlaceResult, Ticket
from api_gateway.mcp_server.tickets import ALREADY_USED, TicketVerifier, order_of
from api_gateway.settings import TradingMode

# The broker lists exchange-traded funds as stocks.
_TRADED: Final = frozenset({"STK", "ETF"})
_DONE: Final = frozenset({"Filled", "Cancelled", "Inactive", "Failed"})
# Client order ids of this project's own orders begin with it.
_OURS: Final = "PM"


class OrderGate:
    def __init__(
        self,
        portal: ClientPortal,
        admission: Admission,
        tickets: TicketVerifier,
        *,
        trading_mode: TradingMode,
        max_order_value: Decimal,
        max_messages_per_day: int = 500,
    ) -> None:
        self._portal = portal
        self._admission = admission
        self._tickets = tickets
        self._trading_mode = trading_mode
        self._max_order_value = max_order_value
        self._max_messages = max_messages_per_day
        self._messages: Counter[date] = Counter()
        self._gate = asyncio.Lock()
        self._sells: defaultdict[tuple[str, int], list[str]] = defaultdict(list)

    async def place(self, ticket: Ticket, signature: str) -> PlaceResult:
        refusal = self._tickets.refusal(ticket, signature)
        if refusal is not None:
            # "Refused" says that nothing was sent; with a used ticket, an earlier call may have sent the order.
            used = refusal == ALREADY_USED
            return PlaceResult(outcome="already_registered" if used else "refused", message=refusal)
        # Used up before the first await, so that two calls with one ticket cannot both pass.
        self._tickets.use(ticket)
        # Shielded: a caller that goes away must not leave a question half answered.
        return await asyncio.shield(asyncio.create_task(self._place_checked(ticket)))

    async def cancel(self, account: str, order_id: str) -> Cancellation:
        """Without a ticket: a cancel only lessens what is at the broker."""
        return await asyncio.shield(asyncio.create_task(self._cancel_own(account, order_id)))

    async def _cancel_own(self, account: str, order_id: str) -> Cancellation:
        try:
            refusal = await self._cancel_refusal(account, order_id)
            if refusal is None:
                # Counted, never refused for their number: a cancel only lessens what is at the broker.
                self._count(1)
                return await self._portal.orders.cancel(account, order_id)
        except ClientPortalError as error:
            refusal = f"{error}. {error.remedy}"
        return Cancellation(outcome="refused", message=refusal)

    async def _cancel_refusal(self, account: str, order_id: str) -> str | None:
        """Why nothing is asked of the broker; its reads may raise, and then nothing was asked either."""
        if not is_order_id(order_id):
            return "order_id: only one order, named by its positive number, is cancelled"
        refusal = await self._account_refusal(account)
        if refusal is not None:
            return refusal
        order = await self._portal.orders.status(account, order_id)
        if order.coid is None or not order.coid.startswith(_OURS):
            return "order_ref: the order is not one of ours, and only ours are cancelled"
        return None

    async def _account_refusal(self, account: str) -> str | None:
        session = await self._portal.session.run_primed(self._portal.session.brokerage_accounts)
        if account not in self._admission.allowed(session):
            return "account: not among those this server may trade"
        if session.paper != (self._trading_mode == "paper"):
            kind = "paper" if session.paper else "live"
            return f"trading_mode: the login is {kind}, TRADING_MODE is {self._trading_mode}"
        return None

    async def _place_checked(self, ticket: Ticket) -> PlaceResult:
        order = order_of(ticket)
        # One order at a time, so that two sells cannot both count the same shares.
        async with self._gate:
            try:
                # Waiting for another order and for a slow gateway takes time that the ticket may not have.
                refusal = await self._refusal(order) or self._tickets.expiry(ticket)
            except ClientPortalError as error:
                refusal = f"{error}. {error.remedy}"
            if refusal is not None:
                return PlaceResult(outcome="refused", message=refusal)
            placement = await self._portal.orders.place_once(order, dict(ticket.answers))
            self._count(1 + sum(question.confirmed for question in placement.questions))
            if order.side == "SELL" and placement.order_id is not None:
                self._sells[order.account, order.conid].append(placement.order_id)
            return _result(placement)

    def _count(self, messages: int) -> None:
        """Orders, answers to questions and cancels of one day, as this process has sent them."""
        today = datetime.now(UTC).date()
        self._messages = Counter({today: self._messages[today] + messages})

    async def _refusal(self, order: Limit) -> str | None:
        """Why the order may not go to the broker; read fresh, as the ticket may be a minute old."""
        sent = self._messages[datetime.now(UTC).date()]
        # An exit lessens what is at risk, is bounded by the holding, and goes once: it counts, and is never too many.
        if order.side == "BUY" and sent >= self._max_messages:
            return f"max_messages_per_day: {sent} were sent today, limit {self._max_messages}"
        value = order.quantity * order.limit_price
        if order.side == "BUY" and value > self._max_order_value:
            return f"max_order_value: the order is worth {value:f}, limit {self._max_order_value:f}"
        refusal = await self._account_refusal(order.account)
        if refusal is not None:
            return refusal
        asset_class = await self._asset_class(order)
        if asset_class not in _TRADED:
            return f"asset_class: {asset_class}, only STK and ETF are traded"
        return await self._short_refusal(order) if order.side == "SELL" else None

    async def _asset_class(self, order: Limit) -> str:
        """The broker's word for the contract; where it defines no such contract, its word for what is held of it."""
        try:
            return await self._portal.contracts.asset_class(order.conid)
        except GatewayRefused:
            held = (await self._portal.portfolio.holdings(order.account)).positions if order.side == "SELL" else ()
            told = next((each.asset_class for each in held if each.conid == order.conid), None)
            if told is None:
                raise
            return told

    async def _short_refusal(self, order: Limit) -> str | None:
        found = await self._portal.portfolio.holdings(order.account)
        for row in found.strange:
            if row.conid == order.conid:
                return f"no_short: what is held cannot be read, {row.reason}"
        mine = [each for each in found.positions if each.conid == order.conid]
        # A sell is out of the account's own model, and what another model is short of it is missing from the whole.
        held = sum((min(each.own_quantity, each.quantity) for each in mine), Decimal(0))
        free = held - await self._open_sell_quantity(order.account, order.conid)
        if order.quantity > free:
            return f"no_short: sell of {order.quantity:f}, {held:f} held, {free:f} not already being sold"
        return None

    async def _open_sell_quantity(self, account: str, conid: int) -> Decimal:
        """Quantity of this server's own sells that may still execute."""
        open_orders: list[str] = []
        remaining = Decimal(0)
        for order_id in self._sells[account, conid]:
            try:
                row = await self._portal.orders.status(account, order_id)
            except UnknownOrder:
                # The gateway forgets aged orders only, and a day order is gone by then.
                continue
            if row.status not in _DONE:
                open_orders.append(order_id)
                remaining += row.remaining_quantity
        self._sells[account, conid] = open_orders
        return remaining


def _result(placement: Placement) -> PlaceResult:
    fields = placement.model_dump(exclude={"outcome"})
    match placement.outcome:
        case "not_sent":
            return PlaceResult(outcome="refused", **fields)
        case "unknown_question":
            # What an unanswered question leaves behind at the broker is for a reconciliation to find out.
            return PlaceResult(outcome="unknown", **fields)
        case outcome:
            return PlaceResult(outcome=outcome, **fields)
