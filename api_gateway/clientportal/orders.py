"""Reads orders, previews one, places one, asks for the end of one.

An order is sent once: nothing here repeats it, nothing guesses what became of it. A cancel names one order, never all.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.contracts import ContractReads
from api_gateway.clientportal.errors import (
    ClientPortalError,
    GatewayDown,
    Incomplete,
    Maintenance,
    Malformed,
    PacingViolation,
    UnknownOrder,
)
from api_gateway.clientportal.limits import ORDERS
from api_gateway.clientportal.outcome import cancellation, classify, unanswered
from api_gateway.clientportal.questions import Asked, why_not
from api_gateway.clientportal.records import Cancellation, Limit, OrderRow, Placement, Question, Trade, WhatIf
from api_gateway.clientportal.session import Session
from api_gateway.clientportal.transport import Params, Transport, fault_of

# Observed chains have three questions.
_MOST_QUESTIONS: Final = 5
# As far back as the gateway goes.
_TRADE_DAYS: Final = {"days": "7"}
# The gateway takes -1 for every order of the account.
_ORDER_ID: Final = re.compile(r"[1-9][0-9]{0,17}")
NO_ANSWERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class _Live:
    """The day's orders as they were asked for; `read_at` is monotonic, `epoch` that of the request."""

    asked: Params
    epoch: int
    read_at: float
    rows: Sequence[wire.Row]


class OrderCalls:
    def __init__(self, transport: Transport, session: Session, contracts: ContractReads) -> None:
        self._transport = transport
        self._session = session
        self._contracts = contracts
        # A second order invalidates the first one's open question.
        self._placing = asyncio.Lock()
        self._live: _Live | None = None
        self._cold = False

    async def live(self, account: str, *, reuse: bool = False) -> tuple[OrderRow, ...]:
        """The day's orders. `reuse` accepts an answer younger than the endpoint's limit if no order went since."""
        live, asked = self._live if reuse else None, await self._asked(account)
        if live is None or live.asked != asked or not self._is_fresh(live):
            epoch = self._transport.epoch
            rows = await self._session.guarded(lambda: self._read_live(asked))
            live = self._live = _Live(asked, epoch, self._transport.pacer.clock(), rows)
        return tuple([_live_row(row) for row in await self._of_account(live.rows, account, "acct", "account")])

    def _is_fresh(self, live: "_Live") -> bool:
        pacer = self._transport.pacer
        young = pacer.clock() - live.read_at < ORDERS.seconds * pacer.scale
        # A list that was asked for before an order or a cancel went does not know of it.
        return young and live.epoch == self._transport.epoch

    async def report(self, account: str) -> tuple[tuple[OrderRow, ...], tuple[Trade, ...]]:
        """The day's orders and executions. Raises: Incomplete when the trades do not add up to the fills."""
        # One after the other: the trades then hold what the orders show, and follow a cold answer of theirs.
        orders = await self.live(account)
        trades = await self.trades(account)
        if _lacks_trades(orders, trades):
            trades = await self.trades(account)
        if _lacks_trades(orders, trades):
            raise Incomplete("the gateway shows more filled than its trades add up to: it has not loaded them all")
        return orders, trades

    async def trades(self, account: str) -> tuple[Trade, ...]:
        """Executions of the last seven days."""
        asked = {**_TRADE_DAYS, **await self._asked(account)}
        rows = wire.rows(await self._session.guarded(lambda: self._read_trades(asked)), "trades")
        unique = wire.unique_rows(rows, lambda row: wire.required_text(row, "execution_id"), "trades")
        return tuple([_trade(row) for row in await self._of_account(unique, account, "account", "accountCode")])

    async def status(self, account: str, order_id: str) -> OrderRow:
        """Raises: UnknownOrder, also for another account's order and one too old for the gateway to remember."""
        path = f"/iserver/account/order/status/{order_id}"
        try:
            answer = await self._session.guarded(lambda: self._transport.read(path, attempts=1))
        except Maintenance as error:
            return await self._listed(account, order_id, error)
        row = wire.mapping(answer, "order status")
        if not await self._of_account([row], account, "account", "acct"):
            raise UnknownOrder(f"order {order_id} is not the account's")
        found = _status_row(row)
        if found.order_id != order_id:
            raise Malformed("order status: the answer is another order's")
        return found

    async def _listed(self, account: str, order_id: str, error: Maintenance) -> OrderRow:
        """The order as the day's list has it: a 503 stands for an aged order, for one of an account that is not
        selected, and for a gateway that is away, whose list cannot be read either.
        """
        listed = [order for order in await self.live(account, reuse=True) if order.order_id == order_id]
        if not listed:
            raise UnknownOrder(f"the gateway has no status of order {order_id}") from error
        return listed[0]

    async def _asked(self, account: str) -> Params:
        """Of several accounts the gateway lists the orders and trades of one: the named, or else the selected one."""
        alone = (await self._session.primed()).accounts == (account,)
        return {} if alone else {"accountId": account}

    async def _of_account(self, rows: Sequence[wire.Row], account: str, *keys: str) -> list[wire.Row]:
        """The account's rows. A row that names no account is the only account's, or nobody's."""
        alone = (await self._session.primed()).accounts == (account,)
        named = [(row, wire.text(row, *keys)) for row in rows]
        if not alone and any(name is None for _, name in named):
            raise Malformed("a row does not say which account it belongs to")
        return [row for row, name in named if name in (account, None)]

    async def preview(self, order: Limit) -> WhatIf:
        path = f"/iserver/account/{order.account}/orders/whatif"
        return _what_if(await self._session.guarded(lambda: self._ask_preview(path, order)), order)

    async def place_once(self, order: Limit, answers: Mapping[str, str] = NO_ANSWERS) -> Placement:
        """Sends one order and answers the broker's questions from the allow-list, all in one go.

        `answers`: ids that the ticket allows besides, each with its bound.
        An order whose price or quantity the exchange would not take is not sent, nor one without rules to tell by.
        """
        async with self._placing:
            try:
                refusal = await self._contracts.order_refusal(order)
            except ClientPortalError as error:
                refusal = f"{error}. {error.remedy}"
            if refusal is not None:
                return Placement(outcome="not_sent", message=refusal)
            try:
                placed = await self._transport.send("POST", f"/iserver/account/{order.account}/orders", _body(order))
            except PacingViolation as error:
                return Placement(outcome="not_sent", message=str(error))
            except GatewayDown as error:
                return Placement(outcome="unknown" if error.sent else "not_sent", message=str(error))
            return await self._answer_questions(classify(placed), order, answers)

    async def cancel(self, account: str, order_id: str) -> Cancellation:
        """Asks once for the end of one order. Only the order's status tells whether it ended, and how much had filled.

        Raises: ClientPortalError when the session cannot be used; nothing was sent then.
        """
        if not is_order_id(order_id):
            return Cancellation(outcome="refused", message="only one order, named by its positive number, is cancelled")
        await self._session.primed()
        # Any other request can invalidate the question that is just being answered.
        async with self._placing:
            try:
                answer = await self._transport.send("DELETE", f"/iserver/account/{account}/order/{order_id}")
            except PacingViolation as error:
                return Cancellation(outcome="refused", message=str(error))
            except GatewayDown as error:
                return Cancellation(outcome="unknown" if error.sent else "refused", message=str(error))
            return cancellation(answer)

    async def _answer_questions(self, found: Placement | Asked, order: Limit, answers: Mapping[str, str]) -> Placement:
        confirmed: tuple[Question, ...] = ()
        while isinstance(found, Asked):
            too_many = (
                f"{_MOST_QUESTIONS} questions were confirmed already" if len(confirmed) >= _MOST_QUESTIONS else None
            )
            why = too_many or why_not(found, order, answers)
            if why is not None:
                return unanswered((found,), why, confirmed)
            confirmed += (found.record(None),)
            try:
                with self._transport.pacer.answering():
                    answer = await self._transport.send("POST", f"/iserver/reply/{found.reply_id}", {"confirmed": True})
            except (GatewayDown, PacingViolation) as error:
                return Placement(outcome="unknown", message=str(error), questions=confirmed)
            found = classify(answer, is_reply=True)
        return found.model_copy(update={"questions": confirmed + found.questions})

    async def _read_live(self, asked: Params) -> list[wire.Row]:
        for _ in range(2):
            answer = wire.mapping(await self._transport.read("/iserver/account/orders", asked), "live orders")
            # A cold answer is an empty list with snapshot false, whatever orders there are.
            if answer.get("snapshot") is True:
                rows = wire.rows(answer.get("orders"), "live orders")
                return wire.unique_rows(rows, lambda row: wire.order_id(row, "orderId"), "live orders")
            self._cold = True
        raise Incomplete("the gateway has not loaded the live orders")

    async def _read_trades(self, asked: Params) -> object:
        # Where the orders were cold the trades are, too, and an unloaded list of trades does not say so.
        if self._cold:
            await self._transport.read("/iserver/account/trades", asked)
            self._cold = False
        return await self._transport.read("/iserver/account/trades", asked)

    async def _ask_preview(self, path: str, order: Limit) -> wire.Row:
        # An error inside a preview is part of it, so the answer is judged here and not by the transport.
        answer = await self._transport.ask(path, _body(order))
        fault = fault_of(answer)
        if fault is not None and answer.status != 200:
            raise fault
        return wire.mapping(wire.decode(answer.body), "preview")


def _lacks_trades(orders: tuple[OrderRow, ...], trades: tuple[Trade, ...]) -> bool:
    """An order shows more filled than its executions add up to: the list of trades is not loaded, or behind."""
    executed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in trades:
        executed[trade.order_id] += trade.quantity
    # One that is still open over night can have filled before the days that are listed.
    of_today = (order for order in orders if order.status == "Filled" or order.time_in_force == "DAY")
    return any(executed[order.order_id] < order.filled_quantity for order in of_today)


def is_order_id(text: str) -> bool:
    """True for a positive whole number and nothing else."""
    return _ORDER_ID.fullmatch(text) is not None


def _body(order: Limit) -> dict[str, object]:
    row: dict[str, object] = {
        "acctId": order.account,
        "conid": order.conid,
        "orderType": "LMT",
        "side": order.side,
        "tif": order.time_in_force,
        "outsideRTH": False,
        # Sixteen digits survive the way through a float and back.
        "quantity": float(order.quantity),
        "price": float(order.limit_price),
    }
    return {"orders": [row if order.coid is None else {**row, "cOID": order.coid}]}


def _what_if(answer: wire.Row, order: Limit) -> WhatIf:
    amounts = _part(answer, "amount")
    amount, commission = wire.money(amounts.get("amount")), wire.money(amounts.get("commission"))
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


def _live_row(row: wire.Row) -> OrderRow:
    filled, remaining = _quantity(row, "filledQuantity"), _quantity(row, "remainingQuantity")
    total = wire.optional_number(row, "totalSize")
    return OrderRow.model_validate(
        {
            "order_id": wire.order_id(row, "orderId"),
            "coid": wire.text(row, "order_ref"),
            "conid": wire.contract(row),
            "symbol": wire.text(row, "ticker"),
            "side": wire.side(wire.required_text(row, "side")),
            "quantity": filled + remaining if total is None else total,
            "filled_quantity": filled,
            "remaining_quantity": remaining,
            "limit_price": wire.optional_number(row, "price"),
            "average_price": _nonzero(wire.optional_number(row, "avgPrice")),
            "status": wire.required_text(row, "status"),
            "time_in_force": wire.text(row, "timeInForce"),
            "currency": _currency(row, "cashCcy"),
        }
    )


def _status_row(row: wire.Row) -> OrderRow:
    return OrderRow.model_validate(
        {
            "order_id": wire.order_id(row, "order_id"),
            "coid": wire.text(row, "order_ref"),
            "conid": wire.contract(row),
            "symbol": wire.text(row, "symbol"),
            "side": wire.side(wire.required_text(row, "side")),
            "quantity": _quantity(row, "total_size"),
            "filled_quantity": _quantity(row, "cum_fill"),
            # `size` is what remains.
            "remaining_quantity": _quantity(row, "size"),
            "limit_price": wire.optional_number(row, "limit_price"),
            "average_price": _nonzero(wire.optional_number(row, "average_price")),
            "status": wire.required_text(row, "order_status"),
            "time_in_force": wire.text(row, "tif"),
            "currency": _currency(row, "currency"),
        }
    )


def _trade(row: wire.Row) -> Trade:
    return Trade.model_validate(
        {
            "execution_id": wire.required_text(row, "execution_id"),
            "order_id": wire.order_id(row, "order_id"),
            "coid": wire.text(row, "order_ref"),
            "conid": wire.contract(row),
            "symbol": wire.required_text(row, "symbol"),
            "side": wire.side(wire.required_text(row, "side")),
            "quantity": _quantity(row, "size"),
            "price": wire.price(row.get("price")),
            "commission": wire.optional_number(row, "commission"),
            "time": _trade_time(row),
        }
    )


def _trade_time(row: wire.Row) -> datetime:
    if row.get("trade_time_r") is not None:
        return wire.instant(row["trade_time_r"])
    return wire.compact_time(wire.required_text(row, "trade_time"))


def _quantity(row: wire.Row, key: str) -> Decimal:
    found = wire.required_number(row, key)
    if found < 0:
        raise Malformed(f"{key} is negative")
    return found


def _currency(row: wire.Row, key: str) -> str | None:
    """The instrument's."""
    return wire.currency(row, key) if wire.text(row, key) else None


def _nonzero(value: Decimal | None) -> Decimal | None:
    """An average price; the gateway writes 0 while nothing has filled."""
    return value or None
