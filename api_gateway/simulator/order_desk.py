"""The order system: accepts, questions, fills, expires and cancels orders of one account.

It remembers every request that ever reached it, accepted or not, so that a test can prove how often an order was
sent. Nothing happens in the background: `advance` compares the open orders with the market up to a given moment.
"""

import uuid
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from api_gateway.simulator.book import AccountBook, Valuation
from api_gateway.simulator.errors import order_error, refused
from api_gateway.simulator.market import Market, to_decimal
from api_gateway.simulator.matching import Fill, commission, match
from api_gateway.simulator.orders import Execution, Order, OrderRequest, Status
from api_gateway.simulator.questions import Question, questions_for
from api_gateway.simulator.sessions import NEW_YORK, Moment

_FIRST_ORDER_ID = 1370000001
_COID_LIFE = timedelta(hours=24)
_REPLY_NAMESPACE = uuid.UUID("6f1e4f0c-8a57-5d7e-9a38-2f3f0f1b7c55")


@dataclass(frozen=True)
class Arrival:
    """The latest known fate of a request. `state` is None once an order exists: then the order's status counts."""

    coid: str | None
    state: str | None
    text: str
    order_id: int | None


@dataclass(frozen=True)
class PendingReply:
    reply_id: str
    key: str
    request: OrderRequest
    question: Question
    remaining: tuple[Question, ...]


class OrderDesk:
    def __init__(self, account_type: str, book: AccountBook, market: Market, seed: int) -> None:
        self._account_type = account_type
        self._book = book
        self._market = market
        self._seed = seed
        self._orders: dict[int, Order] = {}
        self._pending: dict[str, PendingReply] = {}
        self._replies = 0
        self.arrivals: dict[str, Arrival] = {}
        self.arrival_counts: Counter[str] = Counter()

    def orders(self) -> tuple[Order, ...]:
        return tuple(self._orders.values())

    def order(self, order_id: int) -> Order | None:
        return self._orders.get(order_id)

    def orders_of_the_day(self, now: datetime) -> tuple[Order, ...]:
        """Live orders are scoped to the day: what still works, and what was placed or ended today."""
        today = now.astimezone(NEW_YORK).date()

        def of_today(instant: datetime | None) -> bool:
            return instant is not None and instant.astimezone(NEW_YORK).date() == today

        return tuple(one for one in self.orders() if one.working or of_today(one.placed_at) or of_today(one.ended_at))

    def arrived(self, coid: str | None) -> str:
        """Count a request. Returns its key: the client's order id, or a number of our own when it has none."""
        key = coid if coid is not None else f"#{len(self.arrivals) + 1}"
        self.arrival_counts[key] += 1
        self.arrivals.setdefault(key, Arrival(coid, "Received", "", None))
        return key

    def note(self, key: str, state: str, text: str) -> None:
        """What became of a request that is not an order; a later duplicate never hides an accepted order."""
        if self.arrivals[key].order_id is None:
            self.arrivals[key] = replace(self.arrivals[key], state=state, text=text)

    def place(
        self, key: str, request: OrderRequest, moment: Moment, primed: bool, suppressed: frozenset[str]
    ) -> Order | PendingReply:
        """Raises: GatewayRefusal for a duplicate client order id, a short sale or too little buying power."""
        self._pending.clear()  # another order invalidates every open question
        self.check(request, moment)
        asked = questions_for(request, self.reference_price(request, moment), primed)
        return self._ask_or_accept(
            key, request, tuple(one for one in asked if one.message_id not in suppressed), moment
        )

    def reply(self, reply_id: str, confirmed: bool, moment: Moment) -> Order | PendingReply:
        """A reply id works once. Raises: GatewayRefusal 400 for an unknown one."""
        pending = self._pending.pop(reply_id, None)
        if pending is None:
            raise refused(400, f"reply id not found: '{reply_id}'")
        if not confirmed:
            self.note(pending.key, "NotConfirmed", pending.question.message_id)
            raise order_error("Order not confirmed ")
        self.check(pending.request, moment)
        return self._ask_or_accept(pending.key, pending.request, pending.remaining, moment)

    def _ask_or_accept(
        self, key: str, request: OrderRequest, questions: tuple[Question, ...], moment: Moment
    ) -> Order | PendingReply:
        if not questions:
            return self._accept(key, request, moment)
        self._replies += 1
        reply_id = str(uuid.uuid5(_REPLY_NAMESPACE, f"{self._seed}/{self._replies}"))
        pending = PendingReply(reply_id, key, request, questions[0], questions[1:])
        self._pending[reply_id] = pending
        self.note(key, "Question", questions[0].message_id)
        return pending

    def _accept(self, key: str, request: OrderRequest, moment: Moment) -> Order:
        order = Order(
            order_id=_FIRST_ORDER_ID + len(self._orders),
            request=request,
            status=Status.SUBMITTED if moment.is_open else Status.PRE_SUBMITTED,
            placed_at=moment.now,
            session=moment.session if moment.is_open else moment.session + 1,
            watched=(moment.session, moment.minute) if moment.is_open else (moment.session + 1, 0),
        )
        self._orders[order.order_id] = order
        self.arrivals[key] = replace(self.arrivals[key], state=None, text="", order_id=order.order_id)
        return order

    def reference_price(self, request: OrderRequest, moment: Moment) -> Decimal:
        return to_decimal(self._market.last_price(request.contract.conid, moment))

    def value_of(self, request: OrderRequest, moment: Moment) -> Decimal:
        price = request.limit_price if request.limit_price is not None else self.reference_price(request, moment)
        return request.quantity * price

    def valuation(self, moment: Moment) -> Valuation:
        return self._book.valuation(self.marks(moment), moment.session)

    def marks(self, moment: Moment) -> dict[int, Decimal]:
        """Price of every position by conid."""
        conids = [position.contract.conid for position in self._book.positions()]
        return {conid: to_decimal(self._market.last_price(conid, moment)) for conid in conids}

    def check(self, request: OrderRequest, moment: Moment) -> None:
        self._check_client_id(request, moment)
        working = [one for one in self._orders.values() if one.working and one.request.side == request.side]
        if request.side == "SELL":
            conid = request.contract.conid
            promised = sum(one.remaining_quantity for one in working if one.request.contract.conid == conid)
            free = self._book.held(conid) - promised
            if request.quantity > free:
                raise order_error(
                    f"No trading permission to sell short: {request.quantity} {request.contract.symbol} to sell, "
                    f"{free} held and not promised to open orders"
                )
            return
        promised_cash = sum((self.value_of(one.request, moment) for one in working), Decimal(0))
        valuation = self.valuation(moment)
        power = valuation.buying_power if self._account_type == "margin" else valuation.settled_cash
        needed = self.value_of(request, moment) + promised_cash
        if needed > power:
            raise order_error(
                "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR BUYING POWER "
                f"[{power:.2f} USD] MUST EXCEED THE VALUE OF OPEN BUYS AND THIS ORDER [{needed:.2f} USD]"
            )

    def _check_client_id(self, request: OrderRequest, moment: Moment) -> None:
        if request.coid is None:
            return
        for order in self._orders.values():
            if order.request.coid == request.coid and moment.now - order.placed_at < _COID_LIFE:
                raise order_error(f"Order couldn't be submitted: Local order ID={request.coid} is already registered.")

    def cancel(self, order_id: int) -> Order:
        """Accepts the request only; the order ends when the market is looked at next."""
        order = self._orders.get(order_id)
        if order is None:
            raise refused(400, f"OrderID {order_id} doesn't exist")
        if not order.working:
            raise refused(400, "Order is inactive")
        self._orders[order_id] = replace(order, status=Status.PENDING_CANCEL)
        return self._orders[order_id]

    def cancel_all(self) -> None:
        for order in self.orders():
            if order.working:
                self.cancel(order.order_id)

    def advance(self, moment: Moment) -> None:
        """Fill, expire and cancel what the market between the last look and this one decides."""
        working = [order for order in self._orders.values() if order.working]
        found: list[tuple[Fill, Order]] = []
        for order in working:
            fill = None
            if order.status is not Status.PENDING_CANCEL:
                conid = order.request.contract.conid
                fill = match(order, moment, self._market.calendar, partial(self._market.path, conid))
            if fill is None:
                self._orders[order.order_id] = _left_over(order, moment)
            else:
                found.append((fill, order))
        for fill, order in sorted(found, key=lambda one: (one[0].session, one[0].minute, one[1].order_id)):
            self._fill(order, fill, moment)

    def _fill(self, order: Order, fill: Fill, moment: Moment) -> None:
        request = order.request
        met = self._market.calendar.opening(fill.session) + timedelta(minutes=fill.minute)
        live = moment.is_open and (fill.session, fill.minute) == (moment.session, moment.minute)
        when = moment.now if live else max(met, order.placed_at)
        execution = Execution(
            execution_id=f"0000e215.{order.order_id:08x}.01.01",
            order_id=order.order_id,
            coid=request.coid,
            contract=request.contract,
            side=request.side,
            quantity=request.quantity,
            price=fill.price,
            commission=commission(request.quantity, fill.price),
            time=when,
            session=fill.session,
        )
        self._book.apply(execution)
        self._orders[order.order_id] = replace(
            order,
            status=Status.FILLED,
            filled_quantity=request.quantity,
            average_price=fill.price,
            ended_at=when,
            watched=(moment.session, moment.minute),
        )


def _left_over(order: Order, moment: Moment) -> Order:
    """An order the market did not fill: ended when its time is over, watched up to now otherwise."""
    expired = moment.session > order.session or (moment.session == order.session and not moment.is_open)
    ended = ""
    if order.status is Status.PENDING_CANCEL:
        ended = "cancelled on request"
    elif order.request.time_in_force == "IOC" and moment.session >= order.session:
        ended = "immediate or cancel: not filled at once"
    elif order.request.time_in_force == "DAY" and expired:
        ended = "expired at the close"
    if ended:
        return replace(order, status=Status.CANCELLED, ended_at=moment.now, ended_because=ended)
    status = Status.SUBMITTED if moment.is_open else Status.PRE_SUBMITTED
    return replace(order, status=status, watched=max(order.watched, (moment.session, moment.minute)))
