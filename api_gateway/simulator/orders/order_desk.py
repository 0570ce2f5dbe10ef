"""The order system: accepts, questions, fills, expires and cancels the orders of a login's accounts.

Nothing happens in the background: `advance` compares the open orders with the market up to a given moment. What goes
wrong on purpose is asked of the fault box at the moment it can go wrong.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from api_gateway.simulator.accounts.accounting import Accounting
from api_gateway.simulator.errors import GatewayRefusal, order_error, refused
from api_gateway.simulator.exchange.hours import NEW_YORK, Moment
from api_gateway.simulator.exchange.market import Market
from api_gateway.simulator.faults.broker_rules import BrokerRules
from api_gateway.simulator.faults.fault_box import FaultBox
from api_gateway.simulator.faults.order_faults import (
    Ask,
    CancelAsk,
    CancelTooLate,
    FillScript,
    GoesInactive,
    LiveLater,
    Refusal,
)
from api_gateway.simulator.orders.arrivals import LIVE_LATER, Arrival, Arrivals
from api_gateway.simulator.orders.matching import Fill, commission, match
from api_gateway.simulator.orders.order import Execution, Hold, Order, OrderRequest, Status
from api_gateway.simulator.orders.order_outcomes import (
    changed_terms,
    left_over,
    portion_of,
    refused_on_purpose,
    working_status,
)
from api_gateway.simulator.orders.questions import Question, questions_for

_FIRST_ORDER_ID = 1370000001
_COID_LIFE = timedelta(hours=24)
_REPLY_NAMESPACE = uuid.UUID("6f1e4f0c-8a57-5d7e-9a38-2f3f0f1b7c55")


@dataclass(frozen=True)
class Proposal:
    """A new order, counted among the arrivals under `key`, or new terms for the order `modifies`."""

    request: OrderRequest
    key: str | None = None
    modifies: int | None = None


@dataclass(frozen=True)
class PendingReply:
    """`stale` is the status of the answer once its id works no more; `together` shows all that is left at once."""

    reply_id: str
    proposal: Proposal
    question: Question
    remaining: tuple[Question, ...]
    stale: int | None = None
    together: bool = False


@dataclass(frozen=True)
class _Delayed:
    key: str
    request: OrderRequest
    hold: Hold


@dataclass(frozen=True)
class DeskRecord:
    """All that the desk knows but open questions, which a restart of the gateway loses."""

    orders: tuple[Order, ...]
    external: tuple[int, ...]
    delayed: tuple[_Delayed, ...]
    replies: int
    looks: int
    arrivals: dict[str, Arrival]


class OrderDesk:
    def __init__(self, rules: BrokerRules, accounting: Accounting, market: Market, faults: FaultBox, seed: int) -> None:
        """Order ids and client order ids are the login's, cash and positions the account's."""
        self._rules = rules
        self._accounting = accounting
        self._market = market
        self._faults = faults
        self._seed = seed
        self._orders: dict[int, Order] = {}
        self._external: list[int] = []
        self._pending: dict[str, PendingReply] = {}
        self._delayed: list[_Delayed] = []
        self._replies = 0
        self._looks = 0
        self.arrivals = Arrivals()

    def record(self) -> DeskRecord:
        return DeskRecord(
            self.orders(),
            tuple(self._external),
            tuple(self._delayed),
            self._replies,
            self._looks,
            self.arrivals.record(),
        )

    def restore(self, record: DeskRecord) -> None:
        """As it was when the record was made."""
        self._orders = {order.order_id: order for order in record.orders}
        self._external = list(record.external)
        self._delayed = list(record.delayed)
        self._replies, self._looks = record.replies, record.looks
        self.arrivals.restore(record.arrivals)

    def orders(self) -> tuple[Order, ...]:
        return tuple(self._orders.values())

    def order(self, order_id: int) -> Order | None:
        return self._orders.get(order_id)

    def external_orders(self) -> tuple[Order, ...]:
        """Those placed in another program than the gateway."""
        return tuple(self._orders[order_id] for order_id in self._external)

    def orders_of_the_day(self, now: datetime) -> tuple[Order, ...]:
        """Live orders are scoped to the day: what still works, and what was placed or ended today."""
        today = now.astimezone(NEW_YORK).date()

        def of_today(instant: datetime | None) -> bool:
            return instant is not None and instant.astimezone(NEW_YORK).date() == today

        return tuple(one for one in self.orders() if one.working or of_today(one.placed_at) or of_today(one.ended_at))

    def looked(self) -> None:
        """Somebody reads orders, trades or a status: what waits for looks comes one nearer."""
        self._looks += 1

    def forget_questions(self) -> None:
        """What a restart of the gateway loses; the orders are the broker's and stay."""
        self._pending.clear()

    def place(
        self, key: str, request: OrderRequest, moment: Moment, primed: bool, suppressed: frozenset[str]
    ) -> Order | PendingReply:
        """Raises: GatewayRefusal for a duplicate client order id, a short sale or too little buying power."""
        self._pending.clear()  # another order invalidates every open question
        self.check(request, moment)
        refusal = self._faults.take_for(Refusal, request)
        if refusal is not None:
            raise refused_on_purpose(refusal)
        return self._ask(Proposal(request, key), moment, primed, suppressed)

    def modify(
        self, order_id: int, request: OrderRequest, moment: Moment, primed: bool, suppressed: frozenset[str]
    ) -> Order | PendingReply:
        """All terms anew; what has filled stays filled. Raises: GatewayRefusal, and the order stays as it was."""
        self._pending.clear()
        terms = self._checked_change(self._own(order_id, request.account), request, moment)
        return self._ask(Proposal(terms, modifies=order_id), moment, primed, suppressed)

    def _checked_change(self, order: Order, request: OrderRequest, moment: Moment) -> OrderRequest:
        terms = changed_terms(order, request)
        self._accounting.check(terms, self.orders(), moment, order)
        return terms

    def _own(self, order_id: int, account: str) -> Order:
        order = self._orders.get(order_id)
        if order is None or order.request.account != account:
            raise refused(400, f"OrderID {order_id} doesn't exist")
        return order

    def _ask(
        self, proposal: Proposal, moment: Moment, primed: bool, suppressed: frozenset[str]
    ) -> Order | PendingReply:
        request = proposal.request
        ask = self._faults.take_for(Ask, request)
        if ask is not None:
            return self._ask_on_purpose(ask, proposal, moment)
        asked = questions_for(request, self._accounting.reference_price(request, moment), primed)
        unanswered = tuple(one for one in asked if one.message_id not in suppressed)
        return self._ask_or_accept(proposal, unanswered, moment)

    def _ask_on_purpose(self, ask: Ask, proposal: Proposal, moment: Moment) -> Order | PendingReply:
        chain = tuple(one.question for one in ask.questions)
        asked = self._ask_or_accept(proposal, chain, moment, ask.stale_status if ask.stale else None)
        if isinstance(asked, Order):
            return asked
        if ask.lives and proposal.key is not None:
            del self._pending[asked.reply_id]
            self._delayed.append(_Delayed(proposal.key, proposal.request, self._hold(0, 0, moment)))
        return replace(asked, together=ask.together)

    def place_elsewhere(self, request: OrderRequest, moment: Moment) -> Order:
        """An order of the account's owner in another program. Raises: GatewayRefusal as for any order."""
        self._accounting.check(request, self.orders(), moment)
        order = self._open(request, moment)
        self._external.append(order.order_id)
        return order

    def reply(self, reply_id: str, confirmed: bool, moment: Moment) -> Order | PendingReply:
        """A reply id works once. Raises: GatewayRefusal 400 for an unknown one."""
        pending = self._pending.pop(reply_id, None)
        if pending is not None and pending.stale == 503:
            raise refused(503, "Service Unavailable")
        if pending is None or pending.stale is not None:
            raise refused(400, f"reply id not found: '{reply_id}'")
        proposal = pending.proposal
        if not confirmed:
            self._note(proposal, "NotConfirmed", pending.question.message_id)
            raise order_error("Order not confirmed ")
        if proposal.modifies is None:
            self.check(proposal.request, moment)
        else:
            self._checked_change(self._orders[proposal.modifies], proposal.request, moment)
        return self._ask_or_accept(proposal, pending.remaining, moment)

    def _note(self, proposal: Proposal, state: str, text: str) -> None:
        if proposal.key is not None:
            self.arrivals.note(proposal.key, state, text)

    def _ask_or_accept(
        self, proposal: Proposal, questions: tuple[Question, ...], moment: Moment, stale: int | None = None
    ) -> Order | PendingReply:
        if not questions:
            return self._accept(proposal, moment)
        reply_id = self._new_reply_id()
        pending = PendingReply(reply_id, proposal, questions[0], questions[1:], stale)
        self._pending[reply_id] = pending
        self._note(proposal, "Question", questions[0].message_id)
        return pending

    def _new_reply_id(self) -> str:
        self._replies += 1
        return str(uuid.uuid5(_REPLY_NAMESPACE, f"{self._seed}/{self._replies}"))

    def _accept(self, proposal: Proposal, moment: Moment) -> Order:
        key, request = proposal.key, proposal.request
        if proposal.modifies is not None:
            return self._change(proposal.modifies, request, moment)
        later = self._faults.take_for(LiveLater, request)
        if later is not None and key is not None:
            hold = self._hold(later.looks, later.seconds, moment)
            self._note(proposal, LIVE_LATER, "")
            self._delayed.append(_Delayed(key, request, hold))
            raise refused(later.status, "Service Unavailable")
        order = self._open(request, moment)
        if key is not None:
            self.arrivals.accepted(key, order.order_id)
        return order

    def _change(self, order_id: int, request: OrderRequest, moment: Moment) -> Order:
        """The new terms meet the market from now on."""
        order = self._orders[order_id]
        self._orders[order_id] = replace(
            order,
            request=request,
            status=working_status(request, moment),
            watched=max(order.watched, (moment.session, moment.minute)),
        )
        return self._orders[order_id]

    def _open(self, request: OrderRequest, moment: Moment) -> Order:
        script = self._faults.take_for(FillScript, request)
        failing = self._faults.take_for(GoesInactive, request)
        order = Order(
            order_id=_FIRST_ORDER_ID + len(self._orders),
            request=request,
            status=working_status(request, moment),
            placed_at=moment.now,
            session=moment.session if moment.is_open else moment.session + 1,
            watched=(moment.session, moment.minute) if moment.is_open else (moment.session + 1, 0),
            hold=self._hold(script.looks, script.seconds, moment) if script else None,
            portion=portion_of(script, request) if script else None,
            fails_because=failing.text if failing else "",
        )
        self._orders[order.order_id] = order
        return order

    def _hold(self, looks: float, seconds: float, moment: Moment) -> Hold:
        return Hold(self._looks + looks, moment.now + timedelta(seconds=seconds))

    def check(self, request: OrderRequest, moment: Moment) -> None:
        self._check_client_id(request, moment)
        self._accounting.check(request, self.orders(), moment)

    def _check_client_id(self, request: OrderRequest, moment: Moment) -> None:
        if request.coid is None or not self._rules.dedupe:
            return
        placed = [(one.request.coid, one.placed_at) for one in self._orders.values()]
        # What is about to go live is registered already.
        placed += [(one.request.coid, moment.now) for one in self._delayed]
        if any(coid == request.coid and moment.now - since < _COID_LIFE for coid, since in placed):
            text = f"Order couldn't be submitted: Local order ID={request.coid} is already registered."
            raise GatewayRefusal(self._rules.duplicate_status, {"error": text})

    def cancel(self, order_id: int, account: str) -> Order:
        """Accepts the request only; the order ends when the market is looked at next."""
        order = self._own(order_id, account)
        if not order.working:
            raise refused(400, "Order is inactive")
        asks = self._faults.take_for(CancelAsk, order.request)
        if asks is not None:
            raise GatewayRefusal(200, [asks.question.question.row(self._new_reply_id())], "a question")
        if self._faults.take_for(CancelTooLate, order.request) is not None:
            self._orders[order_id] = replace(order, hold=None, portion=None)
        else:
            self._orders[order_id] = replace(order, status=Status.PENDING_CANCEL)
        return self._orders[order_id]

    def cancel_all(self, account: str) -> None:
        for order in self.orders():
            if order.working and order.request.account == account:
                self.cancel(order.order_id, account)

    def end_for_split(self, conid: int, when: datetime) -> None:
        """What still works for the contract was priced in old shares."""
        for order in self.orders():
            if order.working and order.request.contract.conid == conid:
                ended = replace(order, status=Status.CANCELLED, ended_at=when, ended_because="corporate action")
                self._orders[order.order_id] = ended

    def advance(self, moment: Moment) -> None:
        """Fill, expire and cancel what the market between the last look and this one decides."""
        self._open_delayed(moment)
        found: list[tuple[Fill, Order]] = []
        for order in [one for one in self._orders.values() if one.working]:
            fill = self._met(order, moment) if self._may_fill(order, moment) else None
            if fill is None:
                self._orders[order.order_id] = left_over(order, moment, self._market.calendar)
            else:
                found.append((fill, order))
        for fill, order in sorted(found, key=lambda one: (one[0].session, one[0].minute, one[1].order_id)):
            self._fill(order, fill, moment)

    def _open_delayed(self, moment: Moment) -> None:
        due = [one for one in self._delayed if one.hold.over(self._looks, moment.now)]
        for one in due:
            self._delayed.remove(one)
            self.arrivals.accepted(one.key, self._open(one.request, moment).order_id)

    def _may_fill(self, order: Order, moment: Moment) -> bool:
        held = order.hold is not None and not order.hold.over(self._looks, moment.now)
        halted = order.request.contract.symbol in self._rules.halted
        return order.status is not Status.PENDING_CANCEL and not (held or halted or order.fails_because)

    def _met(self, order: Order, moment: Moment) -> Fill | None:
        return match(order, moment, self._market.calendar, partial(self._market.path, order.request.contract.conid))

    def _fill(self, order: Order, fill: Fill, moment: Moment) -> None:
        quantity = order.remaining_quantity if order.portion is None else order.portion.first
        filled = order.filled_quantity + quantity
        when = self._time_of(order, fill, moment)
        if quantity:
            self._accounting.books[order.request.account].apply(self._execution(order, fill, quantity, when))
        spent = order.filled_quantity * (order.average_price or Decimal(0)) + quantity * fill.price
        done = filled == order.request.quantity
        self._orders[order.order_id] = replace(
            order,
            status=Status.FILLED if done else Status.SUBMITTED,
            filled_quantity=filled,
            average_price=spent / filled if filled else None,
            ended_at=when if done else None,
            watched=(moment.session, moment.minute),
            hold=self._hold(order.portion.looks, order.portion.seconds, moment) if order.portion else None,
            portion=None,
        )

    def _time_of(self, order: Order, fill: Fill, moment: Moment) -> datetime:
        met = self._market.calendar.opening(fill.session) + timedelta(minutes=fill.minute)
        live = moment.is_open and (fill.session, fill.minute) == (moment.session, moment.minute)
        return moment.now if live else max(met, order.placed_at)

    def _execution(self, order: Order, fill: Fill, quantity: int, when: datetime) -> Execution:
        request = order.request
        earlier = [one for one in self._accounting.books[request.account].executions if one.order_id == order.order_id]
        total = order.filled_quantity + quantity
        average = (order.filled_quantity * (order.average_price or Decimal(0)) + quantity * fill.price) / total
        charged = sum((one.commission for one in earlier), Decimal(0))
        return Execution(
            execution_id=f"0000e215.{order.order_id:08x}.01.{len(earlier) + 1:02d}",
            order_id=order.order_id,
            coid=request.coid,
            contract=request.contract,
            side=request.side,
            quantity=quantity,
            price=fill.price,
            # The minimum and the maximum are an order's, not an execution's.
            commission=commission(total, average) - charged,
            time=when,
            session=fill.session,
        )
