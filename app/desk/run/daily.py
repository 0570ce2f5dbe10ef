"""The daily run, from the claim to the report, and the other things that a day asks for.

Only the clock, the feed, the broker and the chooser differ between a live day, a demo, the floor and a backtest.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.desk.accounts import masked
from app.desk.desk import Desk, Progress, silent
from app.desk.journal import Journal
from app.desk.records import Event, RunStatus
from app.desk.run.approvals import expire_waiting
from app.desk.run.attempt import (
    Attempt,
    RunRequest,
    RunResult,
    attempt,
    by_hand,
    cancel_open_buys,
    carried_out,
    claimed,
    closed,
    too_late,
)
from app.desk.run.close_slot import close_day
from app.desk.stages.pipeline import PerformStages, perform_stages
from app.desk.states import EffectiveMode, Executed, Run
from app.domain.errors import PortfolioError, UsageError
from app.domain.policy import Mode
from app.domain.ruling import KillLevel
from app.domain.slots import CLOSE_SLOT, DAILY_SLOT, PREVIEW_SLOT, RECONCILE_SLOT, latest_starts, require_slot


async def run_daily(
    desk: Desk, request: RunRequest, conduct: PerformStages = perform_stages, progress: Progress = silent
) -> RunResult:
    """One run of the day's slot, or the result of the one that was.

    Raises NotReady while the broker's session needs a person, UsageError for a request that cannot be served, and what
    a stage raises; an attempt that failed is on record and, before its plan was committed, may be tried again.
    """
    require_slot(desk.policy, request.slot)
    tried = await attempt(desk, request)
    if request.slot == CLOSE_SLOT:
        await expire_waiting(desk, tried, progress)
        return await close_day(desk, tried, progress)
    run = await claimed(desk, tried, progress)
    if isinstance(run, RunResult):
        return run
    if tried.session is None:
        return await closed(desk, run, RunStatus.SKIPPED, f"the exchange is closed on {tried.key.session_date}")
    if too_late(desk, request.slot, tried.clock) and not run.resumes:
        latest = latest_starts(desk.policy)[request.slot]
        what = "the day" if request.slot == DAILY_SLOT else f"the {request.slot} slot"
        return await closed(desk, run, RunStatus.MISSED, f"the latest start of {what} was {latest:%H:%M} New York")
    return await carried_out(desk, run, conduct, _ended)


async def reconcile_now(desk: Desk, account: str | None = None, progress: Progress = silent) -> RunResult:
    """Settle what the broker's books tell of open orders; under HALTED own open buys are taken back."""
    by_hand(desk, account)
    tried = await attempt(desk, RunRequest(account, RECONCILE_SLOT))
    run = await claimed(desk, _anyway(tried), progress)
    if isinstance(run, RunResult):
        return run

    async def take_back(desk: Desk, run: Run) -> Run:
        control = await desk.in_thread(desk.ledger.level, run.key.book)
        if control.level is not KillLevel.HALTED:
            return run
        count = await cancel_open_buys(desk, run)
        return replace(run, level=control, note=f"trading is halted; {count} open buys were asked to be cancelled")

    return await carried_out(desk, replace(run, by_person=True), take_back, lambda _: RunStatus.RECONCILED)


async def take_back(desk: Desk, account: str | None) -> str:
    """After a halt: what became of our open buys, in words, in that account or in each that the broker's session has.

    Halting does not wait for a broker that cannot be reached; a person is told what was not done.
    """
    try:
        accounts = (account,) if account else (await desk.broker.session()).accounts
    except PortfolioError as error:
        return f"not cancelled: {error}"
    if len(accounts) < 2:
        return await _taken_back(desk, *accounts)
    return "; ".join([f"{masked(each)}: {await _taken_back(desk, each)}" for each in accounts])


async def _taken_back(desk: Desk, account: str | None = None) -> str:
    try:
        done = await reconcile_now(desk, account)
    except PortfolioError as error:
        return f"not cancelled: {error}"
    if done.report is None:
        return f"not cancelled: run {done.run_id} is at work on the account; `portfolio reconcile` when it has ended"
    return str(done.report["note"])


async def preview_run(desk: Desk, run_id: str, progress: Progress = silent) -> Run:
    """A run that nobody scheduled: it sees and previews everything, claims nothing and can send nothing."""
    try:
        tried = await attempt(desk, RunRequest(slot=PREVIEW_SLOT, dry_run=True))
    except UsageError as error:
        # Nobody who could be told the choices asks: they would only reach a log.
        raise UsageError(error.cause, "Set IBKR_ACCOUNT_ID to the one to look at") from None
    mode = EffectiveMode(Mode.PREVIEW, Mode.PREVIEW.value, "no scheduled run: everything is previewed")

    async def observe(events: Sequence[Event]) -> None:
        await desk.in_thread(desk.ledger.observe, tried.key.book, events, tried.clock.now())

    return replace(tried, mode=mode).run(run_id, Journal(observe), progress=progress)


def _anyway(tried: Attempt) -> Attempt:
    """Reconciling writes to the ledger in every mode: it records what is, and sends nothing."""
    return replace(tried, key=replace(tried.key, dry_run=False))


def _ended(run: Run) -> RunStatus:
    if run.key.dry_run:
        return RunStatus.DRY_RUN
    return RunStatus.AWAITING_APPROVAL if isinstance(run, Executed) and run.awaiting_approval else RunStatus.DONE
