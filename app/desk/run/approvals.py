"""What a person says to orders that wait for an approval, and what becomes of those that nobody answers in time."""

from dataclasses import replace
from datetime import timedelta

from app.desk.accounts import Whose, masked, meant
from app.desk.controls.level import require_text
from app.desk.desk import Desk, Progress, silent
from app.desk.records import PROCESS_ENDED, Event, RunRecord, RunStatus
from app.desk.run.attempt import Attempt, RunRequest, RunResult
from app.desk.run.cancel_buys import stop_if_halted
from app.desk.run.carry_out import carry_out
from app.desk.run.claim import reopen_run
from app.desk.run.close import close_and_tell
from app.desk.run.end import End, end_of
from app.desk.run.notify import tell
from app.desk.run.open_attempt import open_attempt
from app.desk.run.unfinished import reconcile_books
from app.desk.run_names import run_to_act_on
from app.desk.stages.pipeline import PerformStages, perform_stages
from app.desk.states import Run
from app.domain.errors import UsageError
from app.domain.order import OrderState
from app.domain.policy import Mode, Occasion


async def approve(
    desk: Desk,
    run_id: str,
    actor: str,
    perform: PerformStages = perform_stages,
    progress: Progress = silent,
    account: str | None = None,
) -> RunResult:
    """Everything is read and gated anew; sizes may only shrink, and a price that moved too far asks again."""
    require_text(actor, "actor")
    record, attempt = await _waiting_run(desk, run_id, account)
    run_id = record.run_id
    if _expired(desk, record, attempt):
        return await _expire(desk, record, attempt, f"the approval expired before {actor} gave it", progress)
    asked_prices = await desk.in_thread(desk.ledger.asked_prices, run_id)
    run = await reopen_run(desk, run_id, attempt, progress)
    run.journal.add(Event("approved", {"actor": actor}))

    async def go_on(desk: Desk, run: Run) -> End:
        halted = await stop_if_halted(desk, run)
        if halted is not None:
            return halted
        reconciled = await reconcile_books(desk, run)
        return end_of(await perform(desk, reconciled))

    approved = replace(run, approved=True, asked_prices=asked_prices)
    return await close_and_tell(desk, await carry_out(desk, approved, go_on))


async def reject(
    desk: Desk, run_id: str, actor: str, reason: str, progress: Progress = silent, account: str | None = None
) -> RunResult:
    """The waiting orders are never sent; the day keeps its run."""
    require_text(reason, "reason")
    require_text(actor, "actor")
    record, attempt = await _waiting_run(desk, run_id, account)
    return await _end(desk, record, attempt, f"rejected by {actor}: {reason}", progress)


async def _waiting_run(desk: Desk, run_id: str, account: str | None) -> tuple[RunRecord, Attempt]:
    record = await desk.in_thread(run_to_act_on, desk.ledger, run_id)
    run_id = record.run_id
    book = meant(await desk.in_thread(desk.ledger.books), Whose(account, desk.configured))
    if book.account != record.key.account:
        raise UsageError(f"run {run_id} is not of account {masked(book.account)}", f"Its own is {record.key.account}")
    if record.lease is not None and record.lease.lapsed:
        raise UsageError(f"run {run_id} waits for nobody: {PROCESS_ENDED}", "`portfolio run` goes on with it")
    if record.status is not RunStatus.AWAITING_APPROVAL:
        raise UsageError(f"run {run_id} is {record.status} and waits for nobody", "`portfolio runs` lists them")
    attempt = await open_attempt(desk, RunRequest(record.key.account, record.key.slot))
    if attempt.key.book != record.key.book:
        raise UsageError(f"run {run_id} is of another book than the broker's session", "Start the same simulated day")
    # An approval is the person's yes to orders: the policy's own wish to be asked is met by it.
    mode = attempt.mode if attempt.mode.mode is not Mode.APPROVE else replace(attempt.mode, because="a person approved")
    return record, replace(attempt, key=record.key, mode=mode)


async def expire_waiting(desk: Desk, attempt: Attempt, progress: Progress) -> None:
    """At the day's close: what still waits can be approved no more."""
    for record in await desk.in_thread(desk.ledger.runs, 100, attempt.key.book):
        if record.status is RunStatus.AWAITING_APPROVAL and record.key.session_date <= attempt.key.session_date:
            mine = replace(attempt, key=record.key)
            await _expire(desk, record, mine, "nobody approved it before the day's close", progress)


def _expired(desk: Desk, record: RunRecord, attempt: Attempt) -> bool:
    since = record.finished_at or record.started_at
    late = attempt.clock.now() - since > timedelta(minutes=desk.policy.approval.expires_minutes)
    return late or desk.calendar.local_date(attempt.clock.now()) != record.key.session_date


async def _expire(desk: Desk, record: RunRecord, attempt: Attempt, note: str, progress: Progress) -> RunResult:
    ended = await _end(desk, record, attempt, note, progress)
    await tell(desk, record.key, Occasion.APPROVAL_EXPIRED, f"Run {record.run_id}: {note}", record.run_id)
    return ended


async def _end(desk: Desk, record: RunRecord, attempt: Attempt, note: str, progress: Progress) -> RunResult:
    run = await reopen_run(desk, record.run_id, attempt, progress)
    for intent in await desk.in_thread(desk.ledger.intents, record.run_id):
        if intent.state is OrderState.PLANNED:
            at = run.clock.now()
            await desk.in_thread(desk.ledger.settle, run.own_claim, intent.coid, OrderState.NOT_SENT, at, reason=note)
    return await close_and_tell(desk, End(run, RunStatus.REJECTED, note))
