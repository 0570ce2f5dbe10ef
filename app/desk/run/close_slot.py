"""The close of the day: what became of every order, what else was traded, and the value at the close.

It sends nothing. Half days close early; the slot opens twenty minutes after the exchange's close.
"""

from dataclasses import replace
from datetime import UTC, timedelta

from app.desk.desk import Desk, Progress
from app.desk.records import Claim, Event, IntentRecord, RunStatus
from app.desk.run.attempt import Attempt, RunResult
from app.desk.run.carry_out import carry_out
from app.desk.run.claim import claim_run
from app.desk.run.close import close_and_tell
from app.desk.run.end import End
from app.desk.run.unfinished import close_left_behind, reconcile_books
from app.desk.stages.order_results import result_of
from app.desk.stages.read import read_account
from app.desk.stages.reconcile import our_ids, refuse_strangers, settle, without_abandoned
from app.desk.states import Run
from app.domain.errors import BrokerUnavailable, NotReady, UsageError
from app.domain.order import OrderState

AFTER_CLOSE = timedelta(minutes=20)
WORKING = frozenset({OrderState.ACKED, OrderState.PARTIAL})


async def close_day(desk: Desk, attempt: Attempt, progress: Progress) -> RunResult:
    """Raises UsageError before the slot opens."""
    opens = attempt.session.closes + AFTER_CLOSE if attempt.session else None
    if opens is not None and attempt.clock.now() < opens:
        hour = f"{opens.astimezone(UTC):%H:%M} UTC"
        raise UsageError(f"the close slot opens at {hour}", "Run it after the exchange's close")
    run = await claim_run(desk, attempt.without_dry_run(), progress)
    if isinstance(run, RunResult):
        return run
    if attempt.session is None:
        closed_day = f"the exchange is closed on {attempt.key.session_date}"
        return await close_and_tell(desk, End(run, RunStatus.SKIPPED, closed_day))
    return await close_and_tell(desk, await carry_out(desk, replace(run, at_close=True), _record_close))


async def _record_close(desk: Desk, run: Run) -> End:
    run, claim = await reconcile_books(desk, run), run.own_claim
    report = run.broker_report or await desk.broker.report(run.key.account)
    orders = await desk.in_thread(desk.ledger.find_intents, run.key.book, our_ids(report.orders))
    report = replace(report, orders=without_abandoned(report.orders, orders))
    refuse_strangers(report.orders, orders)
    results = []
    for intent in await desk.in_thread(desk.ledger.open_intents, run.key.book, run.key.session_date):
        ended = await settle(desk, run, claim, intent, report)
        if ended.state in WORKING:
            ended = await _last_word(desk, run, claim, ended)
        results.append(result_of(ended))
    # What was planned for the day and not sent is not sent any more.
    await close_left_behind(desk, run, same_day=True)
    read = await read_account(desk, replace(run, broker_report=report))
    external = read.continuity.external_trades
    for trade in external:
        facts = {"execution_id": trade.execution_id, "conid": trade.conid, "side": trade.side.value}
        run.journal.add(Event("external_trade", {**facts, "quantity": f"{trade.quantity:f}"}))
    run.progress(f"day closed: {len(results)} orders settled, {len(external)} trades of others")
    recorded = replace(read, results=tuple(results), trades=report.trades)
    return End(recorded, RunStatus.DONE, recorded.note)


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
