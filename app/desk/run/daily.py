"""The day's run, from the claim to what people are told.

Only the clock, the feed, the broker and the chooser differ between a live day, a demo, the floor and a backtest.
"""

from app.desk.desk import Desk, Progress, silent
from app.desk.records import RunStatus
from app.desk.run.approvals import expire_waiting
from app.desk.run.attempt import Attempt, RunRequest, RunResult, too_late
from app.desk.run.cancel_buys import stop_if_halted
from app.desk.run.carry_out import carry_out
from app.desk.run.claim import claim_run
from app.desk.run.close import close_and_tell
from app.desk.run.close_slot import close_day
from app.desk.run.end import End, end_of
from app.desk.run.open_attempt import open_attempt
from app.desk.run.unfinished import reconcile_books
from app.desk.stages.pipeline import PerformStages, perform_stages
from app.desk.states import Run
from app.domain.slots import CLOSE_SLOT, DAILY_SLOT, latest_starts, require_slot


async def run_daily(
    desk: Desk, request: RunRequest, perform: PerformStages = perform_stages, progress: Progress = silent
) -> RunResult:
    """One run of the day's slot, or the result of the one that was.

    Raises NotReady while the broker's session needs a person, UsageError for a request that cannot be served, and what
    a stage raises; an attempt that failed is on record and, before its plan was committed, may be tried again.
    """
    require_slot(desk.policy, request.slot)
    attempt = await open_attempt(desk, request)
    if request.slot == CLOSE_SLOT:
        await expire_waiting(desk, attempt, progress)
        return await close_day(desk, attempt, progress)
    run = await claim_run(desk, attempt, progress)
    if isinstance(run, RunResult):
        return run

    async def work(desk: Desk, run: Run) -> End:
        halted = await stop_if_halted(desk, run)
        if halted is not None:
            return halted
        reconciled = await reconcile_books(desk, run)
        return end_of(await perform(desk, reconciled))

    end = _not_due(desk, attempt, run) or await carry_out(desk, run, work)
    return await close_and_tell(desk, end)


def _not_due(desk: Desk, attempt: Attempt, run: Run) -> End | None:
    """Why nothing is done today: the exchange is closed, or it is too late to begin."""
    if attempt.session is None:
        return End(run, RunStatus.SKIPPED, f"the exchange is closed on {run.key.session_date}")
    if too_late(desk, run.key.slot, run.clock) and not run.resumes:
        latest = latest_starts(desk.policy)[run.key.slot]
        what = "the day" if run.key.slot == DAILY_SLOT else f"the {run.key.slot} slot"
        return End(run, RunStatus.MISSED, f"the latest start of {what} was {latest:%H:%M} New York")
    return None
