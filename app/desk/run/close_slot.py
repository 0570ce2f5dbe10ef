"""The close of the day: what became of every order, what else was traded, and the value at the close.

It sends nothing. Half days close early; the slot opens twenty minutes after the exchange's close.
"""

from dataclasses import replace
from datetime import UTC, timedelta

from app.desk.desk import Desk, Progress
from app.desk.records import Claim, Event, IntentRecord, RunStatus
from app.desk.run.attempt import Attempt, RunResult, carried_out, claimed, closed
from app.desk.run.unfinished import close_left_behind
from app.desk.stages.order_results import result_of
from app.desk.stages.read import read_account
from app.desk.stages.reconcile import our_ids, refuse_strangers, settle
from app.desk.states import AccountRead, Run
from app.domain.errors import BrokerUnavailable, NotReady, UsageError
from app.domain.order import OrderState

AFTER_CLOSE = timedelta(minutes=20)
WORKING = frozenset({OrderState.ACKED, OrderState.PARTIAL})


async def close_day(desk: Desk, tried: Attempt, progress: Progress) -> RunResult:
    """Raises UsageError before the slot opens."""
    opens = tried.session.closes + AFTER_CLOSE if tried.session else None
    if opens is not None and tried.clock.now() < opens:
        hour = f"{opens.astimezone(UTC):%H:%M} UTC"
        raise UsageError(f"the close slot opens at {hour}", "Run it after the exchange's close")
    # It records in every mode and sends in none.
    run = await claimed(desk, replace(tried, key=replace(tried.key, dry_run=False)), progress)
    if isinstance(run, RunResult):
        return run
    if tried.session is None:
        return await closed(desk, run, RunStatus.SKIPPED, f"the exchange is closed on {tried.key.session_date}")
    return await carried_out(desk, replace(run, at_close=True, by_person=True), _record_close, lambda _: RunStatus.DONE)


async def _record_close(desk: Desk, run: Run) -> AccountRead:
    claim = run.own_claim
    report = run.broker_report or await desk.broker.report(run.key.account)
    orders = await desk.in_thread(desk.ledger.find_intents, run.key.book, our_ids(report.orders))
    refuse_strangers(report.orders, orders)
    results = []
    for intent in await desk.in_thread(desk.ledger.open_intents, run.key.book, run.key.session_date):
        ended = await settle(desk, run, claim, intent, report)
        if ended.state in WORKING:
            ended = await _last_word(desk, run, claim, ended)
        results.append(result_of(ended))
    # What was planned for the day and not sent is not sent any more.
    await close_left_behind(desk, run, claim, same_day=True)
    read = await read_account(desk, replace(run, broker_report=report))
    external = read.continuity.external_trades
    for trade in external:
        facts = {"execution_id": trade.execution_id, "conid": trade.conid, "side": trade.side.value}
        run.journal.add(Event("external_trade", {**facts, "quantity": f"{trade.quantity:f}"}))
    run.progress(f"day closed: {len(results)} orders settled, {len(external)} trades of others")
    return replace(read, results=tuple(results), trades=report.trades)


async def _last_word(desk: Desk, run: Run, claim: Claim, intent: IntentRecord) -> IntentRecord:
    """A day order ends with the day; what it filled is asked of the order itself, as the list shows it late."""
    state, filled, price = OrderState.CANCELLED, intent.filled_quantity, intent.average_price
    if intent.broker_order_id is not None:
        try:
            row = await desk.broker.order(run.key.account, intent.broker_order_id)
        except (BrokerUnavailable, NotReady):
            # It stays as it is known: the next session's reconciliation asks the executions.
            return intent
        state = row.state if row.state.is_final else state
        filled, price = row.filled_quantity, row.average_price
    reason = "its day ended" if state is OrderState.CANCELLED else None
    await desk.in_thread(
        desk.ledger.settle,
        claim,
        intent.coid,
        state,
        run.clock.now(),
        filled_quantity=filled,
        average_price=price,
        reason=reason,
    )
    return replace(intent, state=state, filled_quantity=filled, average_price=price, reason=reason)
