"""Reads orders, previews one, places one, asks for the end of one.

An order is sent once: nothing here repeats it, nothing guesses what became of it. A cancel names one order, never all.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from api_gateway.clientportal import order_rows, wire
from api_gateway.clientportal.answers import fault_of
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
from api_gateway.clientportal.order_rows import DOLLARS, Unit
from api_gateway.clientportal.outcome import cancellation, classify, unanswered
from api_gateway.clientportal.preview import what_if
from api_gateway.clientportal.questions import Asked, why_not
from api_gateway.clientportal.records import (
    Cancellation,
    Limit,
    LiveOrders,
    OrderRow,
    Placement,
    Question,
    StrangeRow,
    Trades,
    WhatIf,
)
from api_gateway.clientportal.request_limits import ORDERS
from api_gateway.clientportal.session import Session
from api_gateway.clientportal.transport import Params, Transport
from api_gateway.clientportal.units import Facts

# Observed chains have three questions.
_MOST_QUESTIONS: Final = 5
# How often a list that is not loaded is asked for; a gateway that never loads it answers once from then on.
_MOST_LISTS: Final = 3
# As far back as the gateway goes.
_TRADE_DAYS: Final = {"days": "7"}
# The gateway takes -1 for every order of the account.
_ORDER_ID: Final = re.compile(r"[1-9][0-9]{0,17}")
NO_ANSWERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class _Live:
    """The day's orders as they were asked for; `read_at` is monotonic, `epoch` that of the request.

    `odd` are rows that are no objects: whose orders they are cannot be told.
    """

    asked: Params
    epoch: int
    read_at: float
    as_of: datetime
    rows: Sequence[wire.Row]
    odd: tuple[StrangeRow, ...]
    loaded: bool


class OrderCalls:
    def __init__(self, transport: Transport, session: Session, contracts: ContractReads) -> None:
        self._transport = transport
        self._session = session
        self._contracts = contracts
        # A second order invalidates the first one's open question.
        self._placing = asyncio.Lock()
        self._live: _Live | None = None
        self._cold = self._never_loads = False

    async def live(self, account: str, *, reuse: bool = False) -> LiveOrders:
        """The day's orders. `reuse` accepts an answer younger than the endpoint's limit if no order went since."""
        live, asked = self._live if reuse else None, await self._account_filter(account)
        if live is None or live.asked != asked or not self._is_fresh(live):
            epoch = self._transport.epoch
            listed, loaded = await self._session.run_primed(lambda: self._read_live(asked))
            rows = order_rows.newest_orders([row for row in listed if isinstance(row, dict)])
            odd = tuple(
                order_rows.strange_order(row, f"live orders: row {number} is not an object")
                for number, row in enumerate(listed)
                if not isinstance(row, dict)
            )
            read_at, as_of = self._transport.pacer.clock(), self._session.market_now()
            live = self._live = _Live(asked, epoch, read_at, as_of, rows, odd, loaded)
        mine, nobodys = await self._of_account(live.rows, account, order_rows.strange_order, "acct", "account")
        orders, strange = order_rows.read_each(
            await self._in_units(mine, order_rows.order_facts), order_rows.live_row, order_rows.strange_order
        )
        return LiveOrders(
            orders=orders,
            strange=(*live.odd, *nobodys, *strange),
            as_of=live.as_of,
            complete=live.loaded and not live.odd,
        )

    def _is_fresh(self, live: "_Live") -> bool:
        pacer = self._transport.pacer
        young = pacer.clock() - live.read_at < ORDERS.seconds * pacer.scale
        # A list that was asked for before an order or a cancel went does not know of it.
        return young and live.epoch == self._transport.epoch

    async def report(self, account: str) -> tuple[LiveOrders, Trades]:
        """The day's orders and executions. Raises: Incomplete when the trades do not add up to the fills of ours."""
        # One after the other: the trades then hold what the orders show, and follow a cold answer of theirs.
        live = await self.live(account)
        trades = await self.trades(account)
        if _lacking(live, trades):
            trades = await self.trades(account)
        lacking = _lacking(live, trades)
        # A list that lacks a stranger's fill alone is as loaded as it will be.
        if lacking and (order_rows.any_ours(lacking) or not (trades.trades or trades.strange)):
            numbers = ", ".join(f"order {order.order_id}" for order in lacking)
            raise Incomplete(
                f"the gateway shows more filled of {numbers} than its trades add up to: it has not loaded them all"
            )
        return live, trades

    async def trades(self, account: str) -> Trades:
        """Executions of the last seven days."""
        asked = {**_TRADE_DAYS, **await self._account_filter(account)}
        answer = await self._session.run_primed(lambda: self._read_trades(asked))
        if not isinstance(answer, list):
            raise Malformed(f"trades: expected a list, found {type(answer).__name__}")
        unique = order_rows.one_per_execution([row for row in answer if isinstance(row, dict)])
        odd = [
            order_rows.strange_trade(row, f"trades: row {number} is not an object")
            for number, row in enumerate(answer)
            if not isinstance(row, dict)
        ]
        mine, nobodys = await self._of_account(unique, account, order_rows.strange_trade, "account", "accountCode")
        trades, strange = order_rows.read_each(
            await self._in_units(mine, order_rows.trade_facts), order_rows.trade, order_rows.strange_trade
        )
        return Trades(trades=trades, strange=(*odd, *nobodys, *strange))

    async def status(self, account: str, order_id: str) -> OrderRow:
        """Raises: UnknownOrder, also for another account's order and one too old for the gateway to remember."""
        path = f"/iserver/account/order/status/{order_id}"
        try:
            answer = await self._session.run_primed(lambda: self._transport.read(path, attempts=1))
        except Maintenance as error:
            return await self._find_listed(account, order_id, error)
        row = wire.mapping(answer, "order status")
        mine, nobodys = await self._of_account([row], account, order_rows.strange_order, "account", "acct")
        if nobodys:
            raise Malformed(f"order status: {nobodys[0].reason}")
        if not mine:
            raise UnknownOrder(f"order {order_id} is not the account's")
        ((_, unit),) = await self._in_units([row], order_rows.order_facts)
        found = order_rows.status_row(row, unit)
        if found.order_id != order_id:
            raise Malformed("order status: the answer is another order's")
        return found

    async def _find_listed(self, account: str, order_id: str, error: Maintenance) -> OrderRow:
        """The order as the day's list has it: a 503 stands for an aged order, for one of an account that is not
        selected, and for a gateway that is away, whose list cannot be read either.
        """
        live = await self.live(account, reuse=True)
        listed = [order for order in live.orders if order.order_id == order_id]
        if not listed:
            raise UnknownOrder(f"the gateway has no status of order {order_id}") from error
        return listed[0]

    async def _account_filter(self, account: str) -> Params:
        """Of several accounts the gateway lists the orders and trades of one: the named, or else the selected one."""
        alone = (await self._session.prime()).accounts == (account,)
        return {} if alone else {"accountId": account}

    async def _of_account(
        self,
        rows: Sequence[wire.Row],
        account: str,
        strange: Callable[[object, str], StrangeRow],
        *keys: str,
    ) -> tuple[list[wire.Row], list[StrangeRow]]:
        """The account's rows, and those that do not say whose they are while the login has several accounts.

        Raises: Malformed for such a row of ours.
        """
        alone = (await self._session.prime()).accounts == (account,)
        mine: list[wire.Row] = []
        nobodys: list[StrangeRow] = []
        for row in rows:
            name = order_rows.told(row, *keys)
            if name == account or (alone and name is None):
                mine.append(row)
            elif name is None and order_rows.is_ours(row):
                raise Malformed(f"{keys[0]} is missing: a row of ours does not say which account it belongs to")
            elif name is None:
                nobodys.append(strange(row, f"{keys[0]} is missing, and the login has several accounts"))
        return mine, nobodys

    async def _in_units(
        self, rows: Sequence[wire.Row], told: Callable[[wire.Row], Facts]
    ) -> list[tuple[wire.Row, Unit]]:
        """Each row with the unit of its prices; only a contract that is not in dollars for certain is looked up."""
        unsure = {
            index: conid
            for index, row in enumerate(rows)
            if not told(row).is_plain and (conid := order_rows.priced_as(row)) is not None
        }
        magnifiers, unknown = await self._contracts.magnifiers(unsure.values())
        facts = await self._contracts.facts(unsure.values())

        def unit(index: int) -> Unit:
            conid = unsure.get(index)
            if conid is None:
                return DOLLARS if told(rows[index]).is_plain else Unit(None, "it has no contract id")
            currency = told(rows[index]).currency or facts[conid].currency
            return Unit(magnifiers.get(conid), unknown.get(conid, ""), currency)

        return [(row, unit(index)) for index, row in enumerate(rows)]

    async def preview(self, order: Limit) -> WhatIf:
        path = f"/iserver/account/{order.account}/orders/whatif"
        body = _body(order, await self._contracts.magnifier(order.conid))
        return what_if(await self._session.run_primed(lambda: self._ask_preview(path, body)), order)

    async def place_once(self, order: Limit, answers: Mapping[str, str] = NO_ANSWERS) -> Placement:
        """Sends one order and answers the broker's questions from the allow-list, all in one go.

        `answers`: ids that the ticket allows besides, each with its bound.
        An order whose price or quantity the exchange would not take is not sent, nor one without rules to tell by.
        """
        async with self._placing:
            try:
                refusal = await self._contracts.order_refusal(order)
                body = _body(order, await self._contracts.magnifier(order.conid))
            except ClientPortalError as error:
                return Placement(outcome="not_sent", message=f"{error}. {error.remedy}")
            if refusal is not None:
                return Placement(outcome="not_sent", message=refusal)
            try:
                placed = await self._transport.send("POST", f"/iserver/account/{order.account}/orders", body)
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
        await self._session.prime()
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

    async def _read_live(self, asked: Params) -> tuple[list[object], bool]:
        """The day's list, and whether the gateway says that it has loaded it. Raises: Incomplete for one never seen.

        A cold answer is an empty list with snapshot false, whatever orders there are.
        """
        latest: list[object] = []
        told = "nothing"
        for _ in range(1 if self._never_loads else _MOST_LISTS):
            answer = wire.mapping(await self._transport.read("/iserver/account/orders", asked), "live orders")
            listed = answer.get("orders")
            if listed is not None and not isinstance(listed, list):
                raise Malformed(f"live orders: expected a list, found {type(listed).__name__}")
            if answer.get("snapshot") is True and listed is not None:
                self._never_loads = False
                return listed, True
            # A gateway that never says it has loaded them is no colder each time.
            self._cold = self._cold or not self._never_loads
            latest = listed or latest
            told = f"orders {'absent' if listed is None else len(listed)}, snapshot {answer.get('snapshot')}"
        if not latest and answer.get("snapshot") is not True:
            raise Incomplete(f"the gateway has not loaded the live orders, asked {_MOST_LISTS} times ({told})")
        self._never_loads = True
        return latest, False

    async def _read_trades(self, asked: Params) -> object:
        # Where the orders were cold the trades are, too, and an unloaded list of trades does not say so.
        if self._cold:
            await self._transport.read("/iserver/account/trades", asked)
            self._cold = False
        return await self._transport.read("/iserver/account/trades", asked)

    async def _ask_preview(self, path: str, body: object) -> wire.Row:
        # An error inside a preview is part of it, so the answer is judged here and not by the transport.
        answer = await self._transport.ask(path, body)
        fault = fault_of(answer)
        if fault is not None and answer.status != 200:
            raise fault
        return wire.mapping(wire.decode(answer.body), "preview")


def _lacking(live: LiveOrders, trades: Trades) -> list[OrderRow]:
    """Orders that show more filled than their executions add up to: the list of trades is not loaded, or behind."""
    executed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in trades.trades:
        executed[trade.order_id] += trade.quantity
    # One that is still open over night can have filled before the days that are listed.
    of_today = (order for order in live.orders if order.status == "Filled" or order.time_in_force == "DAY")
    return [order for order in of_today if executed[order.order_id] < order.filled_quantity]


def is_order_id(text: str) -> bool:
    """True for a positive whole number and nothing else."""
    return _ORDER_ID.fullmatch(text) is not None


def _body(order: Limit, magnifier: int) -> dict[str, object]:
    row: dict[str, object] = {
        "acctId": order.account,
        "conid": order.conid,
        "orderType": "LMT",
        "side": order.side,
        "tif": order.time_in_force,
        "outsideRTH": False,
        # Sixteen digits survive the way through a float and back.
        "quantity": float(order.quantity),
        "price": float(order.limit_price * magnifier),
    }
    return {"orders": [row if order.coid is None else {**row, "cOID": order.coid}]}
