"""Before anything else: what became of the orders sent earlier, and does the broker hold one that nobody intended?

Absence at the broker is never taken for evidence by itself. An order that may have arrived is given up only when enough
time has passed for anything under way to have landed, and complete reads of orders and executions did not show it; even
then it is watched to the end of the day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

from app.desk.desk import Desk
from app.desk.records import Claim, Event, IntentRecord
from app.desk.states import Run
from app.domain.errors import Halted, OrderUncertain
from app.domain.order import BrokerOrder, OrderReport, OrderState, Trade

# Longer than a lease and a request together: whoever was sending has long given up.
SETTLE_SECONDS = 180
ABSENT_READS = 2
UNSETTLED = frozenset({OrderState.SENDING, OrderState.UNKNOWN})
# Final by a definite answer, after which nothing at the broker is looked for any more.
NEVER_LIVE = frozenset({OrderState.NOT_SENT, OrderState.REJECTED})


async def reconcile(desk: Desk, run: Run, claim: Claim) -> Run:
    """Settle what the broker's books tell of the book's open orders.

    Raises OrderUncertain while one of them may be on its way to the broker, Halted where the books contradict. An order
    that waits for an answer to the broker's question is on no way: it holds up its own name only.
    """
    open_intents = [i for i in await desk.in_thread(desk.ledger.open_intents, run.key.book) if _watched(desk, run, i)]
    if not open_intents:
        return run
    report = await desk.broker.report(run.key.account)
    orders = await desk.in_thread(desk.ledger.find_intents, run.key.book, our_ids(report.orders))
    report = replace(report, orders=without_abandoned(report.orders, orders))
    refuse_strangers(report.orders, orders)
    settled = [await settle(desk, run, claim, i, report) for i in open_intents]
    doubtful = [i for i in settled if i.state in UNSETTLED and not i.waits_for_an_answer]
    run.progress(f"reconciled {len(open_intents)} open orders; uncertain: {len(doubtful)}")
    if doubtful:
        names = ", ".join(f"{i.side} {i.quantity:f} {i.symbol}" for i in doubtful)
        raise OrderUncertain(
            f"the broker's books do not show whether these orders arrived: {names}",
            "Nothing was sent. The next run looks again; the broker's own order list tells a person now",
        )
    return replace(run, broker_report=report)


def _watched(desk: Desk, run: Run, intent: IntentRecord) -> bool:
    """An order that was given up can still appear until the broker forgets its id, a day later."""
    ago = desk.calendar.sessions_between(intent.session_date, run.key.session_date)
    return intent.state is not OrderState.ABANDONED or ago <= 1


def our_ids(orders: Sequence[BrokerOrder], trades: Sequence[Trade] = ()) -> frozenset[str]:
    """The client order ids of what the broker shows under our name."""
    shown: list[BrokerOrder | Trade] = [*orders, *trades]
    return frozenset(each.coid for each in shown if each.is_ours and each.coid is not None)


Named = TypeVar("Named", BrokerOrder, Trade)


def without_abandoned(shown: Sequence[Named], intents: Mapping[str, IntentRecord]) -> tuple[Named, ...]:
    """As the broker shows them; what a person said is not ours carries no name of ours."""
    return tuple(replace(each, coid=None) if _is_abandoned(each, intents) else each for each in shown)


def _is_abandoned(shown: BrokerOrder | Trade, intents: Mapping[str, IntentRecord]) -> bool:
    intent = intents.get(shown.coid) if shown.coid is not None else None
    return intent is not None and intent.is_abandoned


def refuse_strangers(orders: Sequence[BrokerOrder], intents: Mapping[str, IntentRecord]) -> None:
    """Halted where the broker holds an order under our name that the ledger never sent, or holds differently.

    `intents`: those of `our_ids` that the ledger has.
    """
    seen: dict[str, str] = {}
    for order in orders:
        if not order.is_ours or order.coid is None:
            continue
        if seen.setdefault(order.coid, order.order_id) != order.order_id:
            raise Halted(f"the broker holds two orders under {order.coid}", "Look at both before anything is sent")
        intent = intents.get(order.coid)
        if intent is None or intent.sends == 0:
            raise Halted(
                f"the broker holds order {order.coid} under our name and the ledger never sent it",
                "Check that this is the right ledger (DATABASE_URL, state directory), and the order at the broker",
            )
        if intent.state in NEVER_LIVE and (order.is_open or order.filled_quantity > 0):
            raise Halted(
                f"order {order.coid} is {order.status} at the broker and {intent.state} in the ledger",
                "Look at the order at the broker before anything is sent",
            )
        if (order.conid, order.side, order.quantity) != (intent.conid, intent.side, intent.quantity):
            raise Halted(
                f"order {order.coid} is {order.side} {order.quantity:f} of {order.conid} at the broker and "
                f"{intent.side} {intent.quantity:f} of {intent.conid} in the ledger",
                "Look at both before anything is sent",
            )


def refuse_strange_trades(desk: Desk, run: Run, trades: Sequence[Trade], intents: Mapping[str, IntentRecord]) -> None:
    """Halted where an order of ours filled today and the ledger never sent it, also after the broker delists it."""
    for coid in sorted(our_ids((), [trade for trade in trades if _is_of_today(desk, run, trade)])):
        intent = intents.get(coid)
        if intent is None or intent.sends == 0:
            raise Halted(
                f"order {coid} was filled today under our name and the ledger never sent it",
                "Check that this is the right ledger and the newest copy of it (DATABASE_URL, state directory)",
            )


def _is_of_today(desk: Desk, run: Run, trade: Trade) -> bool:
    return desk.calendar.local_date(trade.time) == run.key.session_date


async def settle(desk: Desk, run: Run, claim: Claim, intent: IntentRecord, report: OrderReport) -> IntentRecord:
    """The intent as it stands after what the report shows of it."""
    await run.journal.flush()
    order = report.find(intent.coid)
    fills = [trade for trade in report.trades if trade.coid == intent.coid]
    if order is not None:
        await _record(desk, run, claim, intent, order.state, order, fills)
    elif fills:
        filled = sum((trade.quantity for trade in fills), Decimal(0))
        state = OrderState.FILLED if filled >= intent.quantity else OrderState.PARTIAL
        await _record(desk, run, claim, intent, state, None, fills)
    elif not report.complete:
        # Absence from a list that may not be whole says nothing at all.
        pass
    elif intent.session_date < run.key.session_date:
        await _let_go(desk, run, claim, intent)
    elif intent.state in UNSETTLED:
        await _count_absence(desk, run, claim, intent)
    found = await desk.in_thread(desk.ledger.find_intent, run.key.book, intent.coid)
    return found or intent


async def _record(
    desk: Desk,
    run: Run,
    claim: Claim,
    intent: IntentRecord,
    state: OrderState,
    order: BrokerOrder | None,
    fills: Sequence[Trade],
) -> None:
    """What the broker's books say of one order."""
    quantity, price = filled_of(order, fills)
    kind = "late_ack" if intent.state is OrderState.ABANDONED else "reconciled"
    await desk.in_thread(
        desk.ledger.settle,
        claim,
        intent.coid,
        state,
        run.clock.now(),
        broker_order_id=order.order_id if order else fills[0].order_id,
        filled_quantity=quantity,
        average_price=price,
    )
    run.journal.add(Event(kind, {"coid": intent.coid, "state": state.value}))


def filled_of(order: BrokerOrder | None, fills: Sequence[Trade]) -> tuple[Decimal, Decimal | None]:
    """(quantity, average price): the order list's own figures, else those of the executions."""
    quantity = sum((trade.quantity for trade in fills), Decimal(0))
    if order is not None and order.filled_quantity >= quantity:
        return order.filled_quantity, order.average_price
    if quantity == 0:
        return quantity, None
    return quantity, sum((trade.quantity * trade.price for trade in fills), Decimal(0)) / quantity


async def _count_absence(desk: Desk, run: Run, claim: Claim, intent: IntentRecord) -> None:
    """One more complete read without it; enough of them, late enough, and it is given up and watched."""
    if intent.state is OrderState.SENDING:
        await desk.in_thread(
            desk.ledger.settle, claim, intent.coid, OrderState.UNKNOWN, run.clock.now(), reason="its answer was lost"
        )
    counted = await desk.in_thread(desk.ledger.absent, claim, intent.coid, run.clock.now())
    settled = counted.sent_at is not None and desk.now() - counted.sent_at > timedelta(seconds=SETTLE_SECONDS)
    if settled and counted.absent_reads >= ABSENT_READS:
        reason = f"not in {counted.absent_reads} complete reads of orders and executions"
        await desk.in_thread(
            desk.ledger.settle, claim, intent.coid, OrderState.ABANDONED, run.clock.now(), reason=reason
        )


async def _let_go(desk: Desk, run: Run, claim: Claim, intent: IntentRecord) -> None:
    """A day order of an earlier session that the broker no longer lists: what had filled stays, the rest ended."""
    at = run.clock.now()
    if intent.state in UNSETTLED:
        if intent.state is OrderState.SENDING:
            await desk.in_thread(desk.ledger.settle, claim, intent.coid, OrderState.UNKNOWN, at)
        await desk.in_thread(
            desk.ledger.settle,
            claim,
            intent.coid,
            OrderState.ABANDONED,
            at,
            reason="its day ended without a trace of it",
        )
    elif intent.state is not OrderState.ABANDONED:
        await desk.in_thread(desk.ledger.settle, claim, intent.coid, OrderState.CANCELLED, at, reason="its day ended")
