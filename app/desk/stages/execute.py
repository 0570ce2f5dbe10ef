"""Stage five: previews, or orders sent once each, one after the other.

Fresh price → gate → the broker's preview → SENDING committed → one placement → followed. Without a live claim, or in
preview mode, it stops after the broker's preview.
"""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from app.desk.desk import Desk
from app.desk.records import Claim, Event, Intent, SendBudget
from app.desk.stages.broker_questions import left_unanswered, name_refusal, note_of, tell_questions
from app.desk.stages.decide import intents_of, waiting
from app.desk.stages.order_results import committed_intent, what_if_of
from app.desk.states import Decided, Executed, OrderResult
from app.domain.answering import answers_to
from app.domain.errors import (
    BrokerUnavailable,
    DataError,
    LedgerUnavailable,
    MissingQuote,
    NotReady,
    OrderUncertain,
    PortfolioError,
    UsageError,
)
from app.domain.order import BrokerOrder, Order, OrderState, Outcome, Placement, Side, Ticket, WhatIf
from app.domain.policy import Mode
from app.domain.portfolio import Portfolio
from app.domain.pricing import limit_price
from app.domain.ruling import KillLevel, Refusal
from app.risk import Today, after, gate, what_if_refusal

# From the commit of SENDING to the wire; shorter than a ticket's life, which is shorter than the lease.
SEND_BUDGET_SECONDS = 20.0
TICKET_LIFE_SECONDS = 60
FIRST_POLL_SECONDS = 0.1
SLOWEST_POLL_SECONDS = 2.0
RECONCILE_READS = 3

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Ready:
    """An order with its limit, through the gate and through the broker's preview."""

    order: Order
    limit: Decimal
    what_if: WhatIf
    refusals: tuple[Refusal, ...]
    answers: tuple[tuple[str, Decimal | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """An order that goes no further."""

    refusals: tuple[Refusal, ...]
    what_if: WhatIf | None = None

    @property
    def reason(self) -> str:
        """All refusals in one line."""
        return "; ".join(str(refusal) for refusal in self.refusals)


async def execute(desk: Desk, decided: Decided) -> Executed:
    """Preview or trade the chosen plan, sells before buys."""
    run = Executed(**vars(decided))
    run.journal.keep_to_the_run()
    plan, portfolio, claim = run.plan, run.portfolio, run.claim
    held_back = waiting(desk, plan) if run.mode.mode is Mode.APPROVE and not run.approved else ()
    for intent in intents_of(run.key, plan):
        if claim is None or run.mode.mode is Mode.PREVIEW:
            run, portfolio = await _preview(desk, run, intent, portfolio)
        elif intent.order in held_back:
            run = _waits(run, intent, intent.order, "waits for approval")
        else:
            run, portfolio = await _trade(desk, run, claim, intent, portfolio)
    return replace(run, note=note_of(run))


async def _preview(desk: Desk, run: Executed, intent: Intent, portfolio: Portfolio) -> tuple[Executed, Portfolio]:
    prepared = await _prepare(desk, run, intent.order, portfolio)
    if isinstance(prepared, Refused):
        refused = OrderResult(intent.coid, intent.order, "REFUSED", what_if=prepared.what_if, reason=prepared.reason)
        return _with(run, refused, prepared.refusals), portfolio
    order = prepared.order
    run.progress(f"previewed: {_words(order)}; not sent: {run.mode.because}")
    result = OrderResult(intent.coid, order, "PREVIEWED", what_if=prepared.what_if, reason=run.mode.because)
    # The next order is previewed as if this one had filled, as it would be in a real run.
    return _with(run, result, prepared.refusals), after(portfolio, (order,))


async def _trade(
    desk: Desk, run: Executed, claim: Claim, intent: Intent, portfolio: Portfolio
) -> tuple[Executed, Portfolio]:
    record = await committed_intent(desk, run, intent.coid)
    if record.state is not OrderState.PLANNED:
        order = replace(intent.order, quantity=record.quantity, limit_price=record.limit_price)
        earlier = OrderResult(
            intent.coid,
            order,
            record.state.value,
            record.filled_quantity,
            record.average_price,
            what_if=what_if_of(record),
            reason=record.reason,
            questions=record.questions,
        )
        return _with(run, earlier, ()), portfolio
    await run.journal.renew()
    waits = await name_refusal(desk, run, intent)
    prepared = Refused((waits,)) if waits is not None else await _prepare(desk, run, intent.order, portfolio)
    if isinstance(prepared, Ready) and _moved(desk, run, intent, prepared.order):
        moved = f"the price moved to {prepared.order.reference_price:f} since it was approved: asks again"
        return _waits(run, intent, prepared.order, moved), portfolio
    if isinstance(prepared, Refused):
        await _settle(desk, run, claim, intent.coid, OrderState.NOT_SENT, reason=prepared.reason)
        run.progress(f"not sent: {prepared.reason}")
        not_sent = OrderResult(
            intent.coid, intent.order, OrderState.NOT_SENT.value, what_if=prepared.what_if, reason=prepared.reason
        )
        return _with(run, not_sent, prepared.refusals), portfolio
    result = await _to_the_end(_send(desk, run, claim, intent.coid, prepared, portfolio))
    if result.state in {OrderState.ACKED, OrderState.PARTIAL}:
        result = await _follow(desk, run, claim, result)
    run.progress(f"{result.state.lower()}: {_became(result)}" + (f" ({result.reason})" if result.reason else ""))
    return _with(run, result, prepared.refusals), _filled(portfolio, result)


async def _prepare(desk: Desk, run: Executed, order: Order, portfolio: Portfolio) -> Ready | Refused:
    """Fresh price, gate on fresh data, the broker's preview."""
    conid, symbol = order.instrument.conid, order.instrument.symbol
    try:
        quotes, missing = await desk.market_data.quotes((conid,))
        if conid not in quotes:
            raise MissingQuote(f"no quote of {symbol}: {missing.get(conid, 'the broker gave none')}")
        rules = await desk.market_data.rules(conid, order.side)
    except DataError as error:
        return Refused((Refusal("price_known", symbol, error.cause, "a fresh two-sided quote"),))
    limit = limit_price(desk.policy, order.side, quotes[conid], rules)
    if isinstance(limit, Refusal):
        return Refused((replace(limit, symbol=symbol),))
    market = replace(
        run.market,
        as_of=run.clock.now(),
        quotes={**run.market.quotes, conid: quotes[conid]},
        lots={**run.market.lots, conid: rules.quantity_increment},
    )
    priced = replace(order, limit_price=limit, reference_price=quotes[conid].price)
    day = await desk.in_thread(desk.ledger.day_use, run.key.book, run.key.session_date)
    level = KillLevel.ACTIVE if run.by_person else run.level.level
    ruling = gate(Today(desk.policy, portfolio, market, run.navs, run.memory), (priced,), day, level)
    if not ruling.allowed:
        return Refused(ruling.refusals)
    allowed = ruling.allowed[0]
    what_if = await desk.broker.preview(run.key.account, allowed, desk.policy.execution.time_in_force)
    said = what_if_refusal(desk.policy, allowed, what_if)
    if said is not None:
        return Refused((*ruling.refusals, said), what_if)
    rate = portfolio.rate(order.instrument.currency)
    answers = answers_to(desk.policy, allowed, quotes[conid], rate, live=market.live)
    return Ready(allowed, limit, what_if, ruling.refusals, answers)


async def _send(desk: Desk, run: Executed, claim: Claim, coid: str, ready: Ready, portfolio: Portfolio) -> OrderResult:
    """SENDING committed, then at most one placement, then what became of it committed."""
    order, limit = ready.order, ready.limit
    due = desk.steady() + SEND_BUDGET_SECONDS
    # Counted from here too: a sender that is held up between its deadline check and the wire has an expired ticket.
    expires = int(time.time()) + TICKET_LIFE_SECONDS
    if desk.signer is None:
        raise UsageError("no key to sign order tickets with", "Set TICKET_KEY or TICKET_KEY_FILE")
    budget = _budget(desk, run, order, portfolio)
    what, sending = (claim, coid, order.quantity, limit), desk.ledger.sending
    refusal = await run.journal.flush_with(
        lambda events: desk.in_thread(sending, *what, run.clock.now(), budget, events)
    )
    if refusal is not None:
        reason = str(refusal)
        await _settle(desk, run, claim, coid, OrderState.NOT_SENT, reason=reason)
        return OrderResult(coid, order, OrderState.NOT_SENT.value, what_if=ready.what_if, reason=reason)
    if desk.steady() > due:
        raise OrderUncertain(
            f"{order.instrument.symbol} was not sent in time", "Run again: the next run reconciles first"
        )
    ticket = Ticket(
        account=run.key.account,
        conid=order.instrument.conid,
        side=order.side,
        quantity=order.quantity,
        limit_price=limit,
        time_in_force=desk.policy.execution.time_in_force.value,
        coid=coid,
        run_id=run.run_id,
        policy_hash=desk.policy.hash,
        expires=expires,
        answers=ready.answers,
    )
    placement = await desk.broker.place(ticket, desk.signer.sign(ticket))
    state = _state(placement)
    try:
        await _settle(
            desk,
            run,
            claim,
            coid,
            state,
            broker_order_id=placement.order_id,
            reason=placement.message,
            what_if=_what_if_record(ready.what_if),
            questions=placement.questions,
        )
    except LedgerUnavailable as error:
        raise _unrecorded(order, placement, error) from error
    result = OrderResult(
        coid, order, state.value, what_if=ready.what_if, reason=placement.message, questions=placement.questions
    )
    if placement.outcome is Outcome.UNANSWERED:
        return await left_unanswered(desk, run, claim, result)
    await tell_questions(desk, run, result)
    if state is OrderState.UNKNOWN:
        return await _find(desk, run, claim, result)
    return replace(result, reason=None) if state is OrderState.ACKED else result


def _unrecorded(order: Order, placement: Placement, error: LedgerUnavailable) -> PortfolioError:
    """What a caller must hear where the broker answered and the answer is not on record."""
    if placement.outcome in {Outcome.REJECTED, Outcome.REFUSED}:
        return error
    return OrderUncertain(
        f"{_words(order)} went to the broker and what became of it is not on record: {error.cause}",
        f"Nothing more was sent, and the next run looks for it first. {error.remedy}",
    )


def _budget(desk: Desk, run: Executed, order: Order, portfolio: Portfolio) -> SendBudget:
    rules = desk.policy.execution
    return SendBudget(
        value=order.notional * portfolio.rate(order.instrument.currency),
        exit=order.exit,
        max_orders=rules.max_orders_per_day,
        max_turnover=Decimal(str(rules.max_turnover)) * run.portfolio.nav,
        by_person=run.by_person,
    )


def _moved(desk: Desk, run: Executed, intent: Intent, now: Order) -> bool:
    """Since a person approved it, by more than the policy's tolerance; what needed no approval never waits."""
    if not run.approved or intent.coid not in run.asked_prices:
        return False
    asked = run.asked_prices[intent.coid]
    return not abs(float(now.reference_price / asked - 1)) <= desk.policy.approval.price_tolerance


def _waits(run: Executed, intent: Intent, order: Order, reason: str) -> Executed:
    result = OrderResult(intent.coid, order, OrderState.PLANNED.value, reason=reason)
    return replace(run, results=(*run.results, result), awaiting_approval=True)


def _state(placement: Placement) -> OrderState:
    return {
        Outcome.ACCEPTED: OrderState.ACKED,
        Outcome.REJECTED: OrderState.REJECTED,
        Outcome.REFUSED: OrderState.NOT_SENT,
        # Registered earlier, by a send whose answer was lost: the broker's books say what became of it.
        Outcome.ALREADY_REGISTERED: OrderState.UNKNOWN,
        Outcome.UNANSWERED: OrderState.UNKNOWN,
        Outcome.UNKNOWN: OrderState.UNKNOWN,
    }[placement.outcome]


async def _find(desk: Desk, run: Executed, claim: Claim, result: OrderResult) -> OrderResult:
    """Look an order of unknown outcome up by its id; absence proves nothing, so the run stops where it is not found."""
    for _ in range(RECONCILE_READS):
        try:
            found = (await desk.broker.report(run.key.account)).find(result.coid)
        except (BrokerUnavailable, NotReady):
            # "Nothing was sent" is what this error says of a read; here something may have been.
            break
        if found is not None:
            return await _settle_as(desk, run, claim, result, found)
    raise OrderUncertain(
        f"it is unknown whether {result.order.instrument.symbol} reached the broker ({result.reason})",
        "Nothing more was sent. Run again later: the next run reconciles before it does anything",
    )


async def _follow(desk: Desk, run: Executed, claim: Claim, result: OrderResult) -> OrderResult:
    """Until it is final or the window ends; what is still open then rests at the broker as ACKED or PARTIAL."""
    order_id = (await committed_intent(desk, run, result.coid)).broker_order_id
    if order_id is None:
        return result
    until = desk.steady() + desk.policy.execution.follow_seconds
    pause = FIRST_POLL_SECONDS
    while True:
        try:
            row = await desk.broker.order(run.key.account, order_id)
        except (BrokerUnavailable, NotReady) as error:
            # It was accepted; what became of it is for the next reconciliation to find out.
            return replace(result, reason=f"at the broker, its status could not be read: {error.cause}")
        if row.state.is_final or desk.steady() + pause > until:
            return await _settle_as(desk, run, claim, result, row)
        await desk.sleep(pause)
        pause = min(pause * 2, SLOWEST_POLL_SECONDS)
        await run.journal.renew()


async def _settle_as(desk: Desk, run: Executed, claim: Claim, result: OrderResult, row: BrokerOrder) -> OrderResult:
    """Record what the broker says of the order."""
    await _settle(
        desk,
        run,
        claim,
        result.coid,
        row.state,
        broker_order_id=row.order_id,
        filled_quantity=row.filled_quantity,
        average_price=row.average_price,
    )
    return replace(
        result,
        state=row.state.value,
        filled_quantity=row.filled_quantity,
        average_price=row.average_price,
        reason=None if row.state.is_final else "still open at the broker",
    )


async def _settle(desk: Desk, run: Executed, claim: Claim, coid: str, state: OrderState, **known: Any) -> None:  # noqa: ANN401 - as the ledger's `settle` takes them
    """What became of an order, and before it what the run said up to then, in one commit."""
    settle = desk.ledger.settle
    await run.journal.flush_with(
        lambda events: desk.in_thread(settle, claim, coid, state, run.clock.now(), events=events, **known)
    )


async def _to_the_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Between SENDING and its result nothing may be cancelled; a cancellation waits and then goes through."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        # Looked at, so that it is not reported as lost: the ledger knows how far the order came.
        task.exception()
        raise cancelled
    return task.result()


def _filled(portfolio: Portfolio, result: OrderResult) -> Portfolio:
    if result.state == OrderState.UNKNOWN.value and result.order.side is Side.BUY:
        # It may be there: its money is not spent twice.
        return after(portfolio, (result.order,))
    if result.filled_quantity <= 0 or result.average_price is None:
        return portfolio
    price = result.average_price
    fill = replace(result.order, quantity=result.filled_quantity, reference_price=price, limit_price=price)
    return after(portfolio, (fill,))


def _with(run: Executed, result: OrderResult, refusals: tuple[Refusal, ...]) -> Executed:
    for refusal in refusals:
        run.journal.add(Event("refusal", {"rule": refusal.rule, "symbol": refusal.symbol, "text": str(refusal)}))
    return replace(run, results=(*run.results, result), refusals=run.refusals + refusals)


def _words(order: Order) -> str:
    return f"{order.side} {order.quantity:f} {order.instrument.symbol} at {order.limit_price or Decimal(0):f}"


def _became(result: OrderResult) -> str:
    """With the price that it was filled at, which is not its limit."""
    order, filled, price = result.order, result.filled_quantity, result.average_price
    if filled <= 0 or price is None:
        return f"{_words(order)} or better"
    of = "" if filled == order.quantity else f", {filled:f} of it"
    return f"{order.side} {order.quantity:f} {order.instrument.symbol} at {price:f}{of}"


def _what_if_record(what_if: WhatIf) -> dict[str, Any]:
    """JSON with decimals as strings."""
    amounts = {
        name: None if (value := getattr(what_if, name)) is None else f"{value:f}"
        for name in ("amount", "commission", "equity_after", "initial_margin_after", "maintenance_margin_after")
    }
    return {**amounts, "warnings": list(what_if.warnings), "error": what_if.error}
