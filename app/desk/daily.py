"""The daily run, from the claim to the report.

Only the clock, the feed, the broker and the chooser differ between a live day, a demo, the floor and a backtest.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

from app.desk.clock import market_clock
from app.desk.desk import Desk, EffectiveMode, Progress, Run, silent
from app.desk.journal import Journal
from app.desk.modes import effective_mode
from app.desk.ports import Clock
from app.desk.reconciling import reconcile
from app.desk.records import Busy, Claim, Done, Event, RunKey, RunStatus
from app.desk.reporting import report_of
from app.desk.stages import in_order
from app.domain.errors import Fenced, Halted, NotReady, PortfolioError, UsageError
from app.domain.market import Session
from app.domain.navs import NavKind, NavPoint, closes, follow
from app.domain.policy import Mode
from app.domain.session import BrokerSession, SessionState

Conduct = Callable[[Desk, Run], Awaitable[Run]]
SLOT = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a caller may ask for."""

    account: str | None = None
    slot: str = "daily"
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RunResult:
    """`report` is None while another caller's run is in progress; `fresh` is true for the caller whose run it was."""

    run_id: str
    status: RunStatus
    report: Mapping[str, Any] | None
    fresh: bool = False


async def run_daily(
    desk: Desk, request: RunRequest, conduct: Conduct = in_order, progress: Progress = silent
) -> RunResult:
    """One run of the day's slot, or the result of the one that was.

    Raises NotReady while the broker's session needs a person, UsageError for a request that cannot be served, and what
    a stage raises; an attempt that failed is on record and, before its plan was committed, may be tried again.
    """
    if not SLOT.fullmatch(request.slot):
        raise UsageError(f"slot {request.slot!r} is not a name", "Use lower-case letters, digits, - and _")
    broker_session = await desk.broker.session()
    if broker_session.state is not SessionState.READY:
        await _not_ready(desk, request, broker_session)
    account = _account(desk, request, broker_session)
    mode = effective_mode(desk.policy, desk.trading_mode, request.dry_run, broker_session)
    clock = market_clock(broker_session)
    session = desk.calendar.session(clock.now())
    key = _key(desk, broker_session, clock, account, request.slot, dry_run=mode.mode is Mode.PREVIEW)
    claim = await desk.write(desk.ledger.claim, key, desk.owner, desk.policy.hash, clock.now())
    if isinstance(claim, Busy):
        return RunResult(claim.run_id, RunStatus.RUNNING, None)
    if isinstance(claim, Done):
        return RunResult(claim.run_id, claim.status, claim.report)
    run = Run(
        run_id=claim.run_id,
        key=key,
        mode=mode,
        broker_session=broker_session,
        session=session or closed_session(clock),
        clock=clock,
        journal=Journal(partial(_write_events, desk, claim, clock)),
        claim=claim,
        progress=progress,
    )
    if session is None:
        return await _close(desk, run, claim, RunStatus.SKIPPED, f"the exchange is closed on {key.session_date}")
    return await _work(desk, run, claim, conduct)


async def preview_run(desk: Desk, run_id: str, progress: Progress = silent) -> Run:
    """A run that nobody scheduled: it sees and previews everything, claims nothing and can send nothing."""
    broker_session = await desk.broker.session()
    request = RunRequest(slot="preview", dry_run=True)
    if broker_session.state is not SessionState.READY:
        await _not_ready(desk, request, broker_session)
    account = _account(desk, request, broker_session)
    clock = market_clock(broker_session)
    key = _key(desk, broker_session, clock, account, request.slot, dry_run=True)

    async def observe(events: Sequence[Event]) -> None:
        await desk.write(desk.ledger.observe, key.book, events, clock.now())

    return Run(
        run_id=run_id,
        key=key,
        mode=EffectiveMode(Mode.PREVIEW, Mode.PREVIEW.value, "no scheduled run: everything is previewed"),
        broker_session=broker_session,
        session=desk.calendar.session(clock.now()) or closed_session(clock),
        clock=clock,
        journal=Journal(observe),
        progress=progress,
    )


async def _work(desk: Desk, run: Run, claim: Claim, conduct: Conduct) -> RunResult:
    """The run proper; whatever ends it early is on record before it goes on to the caller."""
    started = time.perf_counter()
    try:
        async with _lease_kept(desk, claim):
            with run.journal.listening():
                await reconcile(desk, run, claim)
            run = await conduct(desk, run)
    except Halted as halted:
        return await _close(desk, run, claim, RunStatus.HALTED, str(halted))
    except Fenced:
        raise
    except PortfolioError as error:
        status = RunStatus.NOT_READY if isinstance(error, NotReady) else RunStatus.FAILED
        await _leave(desk, run, claim, status, str(error))
        raise
    run = replace(run, timings={**run.timings, "total": (time.perf_counter() - started) * 1000})
    status = RunStatus.DONE
    if run.key.dry_run:
        status = RunStatus.DRY_RUN
    elif run.awaiting_approval:
        status = RunStatus.AWAITING_APPROVAL
    return await _close(desk, run, claim, status)


async def _close(desk: Desk, run: Run, claim: Claim, status: RunStatus, note: str | None = None) -> RunResult:
    report = report_of(desk, run, status, note).as_json()
    events = (*run.journal.drain(), Event("run_closed", {"status": status.value, "note": note}))
    await desk.write(desk.ledger.close, claim, status, report, events, run.clock.now(), _nav_point(run, status))
    run.progress(f"run {status.value}" + (f": {note}" if note else ""))
    return RunResult(run.run_id, status, report, fresh=True)


async def _leave(desk: Desk, run: Run, claim: Claim, status: RunStatus, error: str) -> None:
    await run.journal.flush()
    await desk.write(desk.ledger.abandon, claim, status, error, run.clock.now())


def _nav_point(run: Run, status: RunStatus) -> NavPoint | None:
    """The value at which the run worked; a dry run leaves none."""
    if status not in {RunStatus.DONE, RunStatus.AWAITING_APPROVAL} or run.portfolio is None:
        return None
    earlier = [point for point in closes(run.navs) if point.session_date < run.key.session_date]
    return follow(earlier[-1] if earlier else None, run.key.session_date, NavKind.RUN, run.portfolio.nav)


async def _not_ready(desk: Desk, request: RunRequest, session: BrokerSession) -> NoReturn:
    """Put the attempt on record where the account is known, and tell the caller who must act."""
    error = NotReady(session.state.value, f"the broker's session is {session.state}: {session.message}", session.remedy)
    account = request.account or desk.account
    if account is not None:
        clock = market_clock(session)
        key = _key(desk, session, clock, account, request.slot, request.dry_run)
        claim = await desk.write(desk.ledger.claim, key, desk.owner, desk.policy.hash, clock.now())
        if isinstance(claim, Claim):
            await desk.write(desk.ledger.abandon, claim, RunStatus.NOT_READY, str(error), clock.now())
    raise error


def _key(desk: Desk, session: BrokerSession, clock: Clock, account: str, slot: str, dry_run: bool) -> RunKey:
    book = f"{account}@{session.simulation.world}" if session.simulation else account
    return RunKey(book, account, desk.calendar.local_date(clock.now()), slot, dry_run)


def _account(desk: Desk, request: RunRequest, session: BrokerSession) -> str:
    wanted = request.account or desk.account
    if wanted is None:
        if len(session.accounts) == 1:
            return session.accounts[0]
        raise UsageError(f"the session has {len(session.accounts)} accounts", "Name one: IBKR_ACCOUNT_ID or ?account=")
    if wanted not in session.accounts:
        raise UsageError(f"account {masked(wanted)} is not one of this session's", "Check IBKR_ACCOUNT_ID or ?account=")
    return wanted


def masked(account: str) -> str:
    """Enough of an account id to recognise it, too little to use it."""
    return f"{account[:2]}…{account[-3:]}" if len(account) > 6 else "…"


def closed_session(clock: Clock) -> Session:
    """Stands in on a day without one: nothing can be ordered in it."""
    now = clock.now()
    return Session(now.date(), now, now)


async def _write_events(desk: Desk, claim: Claim, clock: Clock, events: Sequence[Event]) -> None:
    await desk.write(desk.ledger.record, claim, events, clock.now())


@asynccontextmanager
async def _lease_kept(desk: Desk, claim: Claim) -> AsyncIterator[None]:
    """Renews the lease while the work goes on; when it cannot, the fence stops the next write."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(desk.lease_seconds / 3)
            await desk.write(desk.ledger.renew, claim)

    heartbeat = asyncio.create_task(renew(), name="lease")
    try:
        yield
    finally:
        heartbeat.cancel()
        await asyncio.gather(heartbeat, return_exceptions=True)
