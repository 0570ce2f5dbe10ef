"""Before anything else: what became of the orders of earlier attempts, and does the broker hold one nobody intended?

Absence at the broker is never taken for evidence: an order that is not found stays unknown.
"""

from app.desk.desk import Desk, Run
from app.desk.records import Claim, Event, IntentRecord, RunStatus
from app.domain.errors import OrderUncertain
from app.domain.order import OrderReport, OrderState

LIKELY_LIVE = frozenset({OrderState.SENDING, OrderState.UNKNOWN})


async def reconcile(desk: Desk, run: Run, claim: Claim) -> None:
    """Settle what the broker can tell of the book's open orders of the day.

    Raises OrderUncertain while one of them may or may not be at the broker. A preview settles nothing and
    always goes on.
    """
    if run.key.dry_run:
        return
    open_intents = await desk.write(desk.ledger.open_intents, run.key.book, run.key.session_date)
    if not open_intents:
        return
    report = await desk.broker.report(run.key.account)
    lost = [intent for intent in open_intents if not await _settle(desk, run, claim, intent, report)]
    run.progress(f"reconciled: {len(open_intents) - len(lost)} of {len(open_intents)} open orders found at the broker")
    uncertain = [intent for intent in lost if intent.state in LIKELY_LIVE]
    if uncertain:
        names = ", ".join(f"{i.side} {i.quantity:f} {i.symbol}" for i in uncertain)
        raise OrderUncertain(
            f"the broker's books do not show whether these orders arrived: {names}",
            "Nothing was sent. Look at the broker's own order list; run again later",
        )


async def _settle(desk: Desk, run: Run, claim: Claim, intent: IntentRecord, report: OrderReport) -> bool:
    """True where the broker knows the order.

    What another run sent and may still be watching is looked for and left as it is: two writers would contradict.
    """
    found = report.find(intent.coid)
    ours = intent.run_id == claim.run_id
    if found is None:
        if ours and intent.state is OrderState.SENDING:
            await desk.write(
                desk.ledger.settle, claim, intent.coid, OrderState.UNKNOWN, run.clock.now(), reason="not found"
            )
        return False
    if not ours and not await _has_ended(desk, intent.run_id):
        return True
    await desk.write(
        desk.ledger.settle,
        claim,
        intent.coid,
        found.state,
        run.clock.now(),
        broker_order_id=found.order_id,
        filled_quantity=found.filled_quantity,
        average_price=found.average_price,
    )
    run.journal.add(Event("reconciled", {"coid": intent.coid, "state": found.state.value}))
    return True


async def _has_ended(desk: Desk, run_id: str) -> bool:
    record = await desk.write(desk.ledger.run, run_id)
    return record is not None and record.status is not RunStatus.RUNNING
