"""What earlier runs left open, before anything new: their orders, and runs whose process ended.

Such a run is closed with what became of its orders, after the books were reconciled. Must never send what it left
unsent: the day that it was planned for is over.
"""

from app.desk.desk import Desk
from app.desk.journal import Journal, nowhere
from app.desk.records import PROCESS_ENDED, Event, RunStatus
from app.desk.report.build import report_of
from app.desk.run.notify import tell_failure
from app.desk.stages.order_results import result_of
from app.desk.stages.reconcile import reconcile
from app.desk.states import Run
from app.domain.errors import PortfolioError
from app.domain.market import Session
from app.domain.order import OrderState

_NOT_SENT = "the process that would have sent it ended, and then its day did"


async def reconcile_books(desk: Desk, run: Run) -> Run:
    """With the broker's report, where orders were open. A preview settles nothing and waits for nothing.

    Raises what `reconcile` raises.
    """
    if run.key.dry_run:
        return run
    with run.journal.listening():
        reconciled = await reconcile(desk, run, run.own_claim)
        await close_left_behind(desk, reconciled)
    return reconciled


async def close_left_behind(desk: Desk, run: Run, *, same_day: bool = False) -> None:
    """Those of earlier sessions; `same_day`: of this one, too, which ends."""
    now = run.clock.now()
    await run.journal.flush()
    for old in await desk.in_thread(desk.ledger.adopt, run.own_claim, now, same_day=same_day):
        for intent in await desk.in_thread(desk.ledger.intents, old.run_id):
            if intent.state is OrderState.PLANNED:
                await desk.in_thread(
                    desk.ledger.settle, old, intent.coid, OrderState.NOT_SENT, run.clock.now(), reason=_NOT_SENT
                )
        results = tuple(result_of(intent) for intent in await desk.in_thread(desk.ledger.intents, old.run_id))
        session = Session(old.key.session_date, now, now)
        bare = Run(
            run_id=old.run_id,
            key=old.key,
            mode=run.mode,
            broker_session=run.broker_session,
            session=session,
            clock=run.clock,
            journal=Journal(nowhere),
            claim=old,
            level=run.level,
            results=results,
        )
        report = report_of(desk, bare, RunStatus.FAILED, PROCESS_ENDED).as_json()
        event = Event("run_closed", {"status": RunStatus.FAILED.value, "note": PROCESS_ENDED})
        await desk.in_thread(desk.ledger.close, old, RunStatus.FAILED, report, (event,), run.clock.now())
        run.progress(f"run {old.run_id} of {old.key.session_date} is closed as failed: {PROCESS_ENDED}")
        await tell_failure(
            desk, old.key, RunStatus.FAILED, PortfolioError(PROCESS_ENDED, f"`portfolio show {old.run_id}`")
        )
