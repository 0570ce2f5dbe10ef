"""What every run has in common, whatever its slot does: whose day it is, how far it may go, its claim and its end.

However the work ends, it is on record before the caller hears of it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from app.desk.accounts import HOW, masked, named
from app.desk.clock import SystemClock, market_clock
from app.desk.desk import Desk, Progress, silent
from app.desk.journal import Journal
from app.desk.ports import Clock
from app.desk.readiness import not_ready, session_lost
from app.desk.records import Busy, Claim, Done, Event, Lease, RunKey, RunStatus
from app.desk.report.build import report_of
from app.desk.run.late_end import abandon_later
from app.desk.run.mode import effective_mode
from app.desk.run.notify import tell, tell_end, tell_failure
from app.desk.run.unfinished import close_left_behind
from app.desk.stages.memory import run_memory
from app.desk.stages.nav_history import nav_point
from app.desk.stages.reconcile import reconcile
from app.desk.states import EffectiveMode, Run
from app.domain.errors import (
    BrokerUnavailable,
    Fenced,
    Halted,
    LedgerError,
    LedgerUnavailable,
    NotReady,
    PortfolioError,
    UsageError,
)
from app.domain.market import Session
from app.domain.navs import NavPoint
from app.domain.policy import Mode, Occasion
from app.domain.ruling import KillLevel
from app.domain.session import BrokerSession, SessionState
from app.domain.slots import DAILY_SLOT, latest_starts

_logger = logging.getLogger(__name__)
Work = Callable[[Desk, Run], Awaitable[Run]]
EXCHANGE_ZONE = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a caller may ask for."""

    account: str | None = None
    slot: str = DAILY_SLOT
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RunResult:
    """`report` is None while another caller's run is in progress, and `lease` is that one's.

    `fresh` is true for the caller whose run it was.
    """

    run_id: str
    status: RunStatus
    report: Mapping[str, Any] | None
    fresh: bool = False
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that can be served: the account's day, by the broker's clock. `session` is None on a closed day."""

    key: RunKey
    mode: EffectiveMode
    broker_session: BrokerSession
    session: Session | None
    clock: Clock

    def run(self, run_id: str, journal: Journal, claim: Claim | None = None, progress: Progress = silent) -> Run:
        """The run before its first stage."""
        now = self.clock.now()
        return Run(
            run_id=run_id,
            key=self.key,
            mode=self.mode,
            broker_session=self.broker_session,
            # On a closed day nothing can be ordered: a session that ends as it begins.
            session=self.session or Session(self.key.session_date, now, now),
            clock=self.clock,
            journal=journal,
            claim=claim,
            progress=progress,
        )


async def attempt(desk: Desk, request: RunRequest) -> Attempt:
    """Raises NotReady while the broker's session needs a person, UsageError for a request that cannot be served."""
    named(request.account)
    broker_session = await _session(desk, request)
    if broker_session.state is not SessionState.READY:
        await _not_ready(desk, request, broker_session)
    account = _account(desk, request, broker_session)
    mode = effective_mode(desk.policy, desk.trading_mode, request.dry_run, broker_session)
    clock = market_clock(broker_session)
    key = key_of(desk, broker_session, clock, account, request.slot, dry_run=mode.mode is Mode.PREVIEW)
    return Attempt(key, mode, broker_session, desk.calendar.session(clock.now()), clock)


async def claimed(desk: Desk, tried: Attempt, progress: Progress) -> Run | RunResult:
    """The run with its claim, or the result of whoever has the key."""
    now = tried.clock.now()
    claim = await desk.in_thread(desk.ledger.claim, tried.key, desk.owner, desk.policy.hash, now)
    if isinstance(claim, Busy):
        return RunResult(claim.run_id, RunStatus.RUNNING, None, lease=claim.lease)
    if isinstance(claim, Done):
        return RunResult(claim.run_id, claim.status, claim.report)
    return tried.run(claim.run_id, journal_of(desk, claim, tried.clock), claim, progress)


def journal_of(desk: Desk, claim: Claim, clock: Clock) -> Journal:
    """A journal whose events go to the claimed run."""

    async def write(events: Sequence[Event]) -> None:
        await desk.in_thread(desk.ledger.record, claim, events, clock.now())

    return Journal(write)


async def carried_out(desk: Desk, run: Run, work: Work, ended: Callable[[Run], RunStatus]) -> RunResult:
    """Reconcile, work, close. What ends it early is on record before it goes on to the caller."""
    claim = run.own_claim
    started = time.perf_counter()
    try:
        async with _lease_kept(desk, run, claim):
            begun = await _begun(desk, run, claim)
            if isinstance(begun, RunResult):
                return begun
            run = await work(desk, begun)
    except Halted as halted:
        await desk.in_thread(desk.ledger.tighten, run.key.book, KillLevel.HALTED, str(halted), run.clock.now())
        return await closed(desk, run, RunStatus.HALTED, str(halted))
    except Fenced:
        raise
    except PortfolioError as error:
        lost = await session_lost(desk) if isinstance(error, BrokerUnavailable) else None
        await _give_up(desk, run, claim, lost or error)
        if lost is not None:
            raise lost from error
        raise
    except Exception as error:
        await _give_up(desk, run, claim, _recordable(error))
        raise
    run = replace(run, timings={**run.timings, "total": (time.perf_counter() - started) * 1000})
    return await closed(desk, run, ended(run), run.note)


async def _begun(desk: Desk, run: Run, claim: Claim) -> Run | RunResult:
    with run.journal.listening():
        stopped = await _stopped(desk, run)
        if stopped is not None:
            return await closed(desk, run, RunStatus.HALTED, stopped)
        # A preview settles nothing and waits for nothing.
        if run.key.dry_run:
            return run
        run = await reconcile(desk, run, claim)
        await close_left_behind(desk, run, claim)
        return run


async def _give_up(desk: Desk, run: Run, claim: Claim, error: PortfolioError) -> None:
    # What cannot be recorded must not keep the end from being recorded.
    with suppress(LedgerError):
        await run.journal.flush()
    status = RunStatus.NOT_READY if isinstance(error, NotReady) else RunStatus.FAILED
    try:
        await desk.in_thread(desk.ledger.abandon, claim, status, str(error), run.clock.now())
    except LedgerUnavailable as unrecorded:
        # The caller hears why the run ended, which may be an order of unknown fate.
        run.progress(f"the end of run {run.run_id} is not on record: {unrecorded}")
        abandon_later(desk, run, claim, status, error)
    await tell_failure(desk, run.key, status, error)


async def _let_go(desk: Desk, run: Run, claim: Claim) -> None:
    """Told to stop, which is no failure to tell of: the next caller need not wait for the lease."""
    with suppress(LedgerError):
        await run.journal.flush()
    with suppress(LedgerError):
        await desk.in_thread(desk.ledger.abandon, claim, RunStatus.FAILED, "the run was stopped", run.clock.now())


async def closed(desk: Desk, run: Run, status: RunStatus, note: str | None = None) -> RunResult:
    """The report, the NAV point and the seal, in one commit. Where that fails the run ends as failed, and it raises."""
    claim = run.own_claim
    waiting = run.journal.drain()
    try:
        report = await _sealed(desk, run, claim, status, note, waiting, nav_point(run, status))
    except Fenced:
        raise
    except LedgerUnavailable as error:
        # Nothing is wrong with what it did: the next attempt closes it.
        await _give_up(desk, run, claim, error)
        raise
    except Exception as error:
        await _closed_as_failed(desk, run, claim, _recordable(error), waiting)
        raise
    await tell_end(desk, run, status, note)
    run.progress(f"run {status.value}" + (f": {note}" if note else ""))
    return RunResult(run.run_id, status, report, fresh=True)


async def _sealed(
    desk: Desk,
    run: Run,
    claim: Claim,
    status: RunStatus,
    note: str | None,
    waiting: Sequence[Event],
    nav: NavPoint | None = None,
) -> Mapping[str, Any]:
    report = report_of(desk, run, status, note).as_json()
    events = (*waiting, Event("run_closed", {"status": status.value, "note": note}))
    left = run_memory(run, status)
    await desk.in_thread(desk.ledger.close, claim, status, report, events, run.clock.now(), nav, left)
    return report


async def _closed_as_failed(
    desk: Desk, run: Run, claim: Claim, error: PortfolioError, waiting: Sequence[Event]
) -> None:
    """With all that can be recorded: the report without the value, else its orders, with the last events or not."""
    orders = Run(
        run_id=run.run_id,
        key=run.key,
        mode=run.mode,
        broker_session=run.broker_session,
        session=run.session,
        clock=run.clock,
        journal=run.journal,
        claim=claim,
        results=run.results,
    )
    for each, events in ((run, waiting), (orders, waiting), (orders, ())):
        try:
            await _sealed(desk, each, claim, RunStatus.FAILED, str(error), events)
        except Fenced:
            raise
        except Exception as again:  # noqa: BLE001 - whatever it is, what is left to put on record is tried next
            _logger.error("run %s cannot be closed as failed, either: %s", run.run_id, type(again).__name__)
        else:
            break
    else:
        await desk.in_thread(desk.ledger.abandon, claim, RunStatus.FAILED, str(error), run.clock.now())
    await tell_failure(desk, run.key, RunStatus.FAILED, error)


def _recordable(error: Exception) -> PortfolioError:
    """As it can be put on record: the words of an error that nobody foresaw may hold anything, account ids too."""
    if isinstance(error, PortfolioError):
        return error
    return PortfolioError(f"the program itself failed ({type(error).__name__})", "The log has the trace: report it")


def too_late(desk: Desk, slot: str, clock: Clock) -> bool:
    """A slot that trades must have started by its latest start; the close of the day has no such hour."""
    latest = latest_starts(desk.policy).get(slot)
    return latest is not None and clock.now().astimezone(EXCHANGE_ZONE).time() > latest


async def _stopped(desk: Desk, run: Run) -> str | None:
    """Under HALTED nothing runs but what a person confirmed; own open buys are taken back. Why, in words."""
    control = await desk.in_thread(desk.ledger.level, run.key.book)
    if control.level is not KillLevel.HALTED or run.by_person:
        return None
    cancelled = 0 if run.key.dry_run else await cancel_open_buys(desk, run)
    tail = f"; {cancelled} open buys were asked to be cancelled" if cancelled else ""
    return f"trading is halted by {control.actor}: {control.reason}{tail}"


async def cancel_open_buys(desk: Desk, run: Run) -> int:
    """Ask the broker to cancel this system's open buys; sells stay, they lower the risk. How many were asked for."""
    portfolio = await desk.broker.portfolio(run.key.account)
    buys = [order for order in portfolio.orders if order.is_ours and order.is_open and order.side.sign > 0]
    for order in buys:
        outcome = await desk.broker.cancel(run.key.account, order.order_id)
        run.journal.add(Event("cancel_requested", {"order_id": order.order_id, "coid": order.coid, "outcome": outcome}))
        if outcome.startswith("unknown: "):
            text = f"{order.side} {order.quantity:f} {order.symbol} is not cancelled: {outcome}. Cancel it by hand."
            await tell(desk, run.key, Occasion.ORDER_UNCERTAIN, text, order.order_id, "the broker asked about a cancel")
    return len(buys)


async def _not_ready(desk: Desk, request: RunRequest, session: BrokerSession) -> NoReturn:
    """Put the attempt on record where the account is known, and tell the caller who must act."""
    error = not_ready(session)
    await _held_up(desk, request, session, error)
    raise error


async def _session(desk: Desk, request: RunRequest) -> BrokerSession:
    """Raises BrokerUnavailable, on record where the broker is surely the real one: nobody knows a simulated date."""
    try:
        return await desk.broker.session()
    except BrokerUnavailable as error:
        down = BrokerSession(
            SessionState.DOWN, error.cause, error.remedy, (), None, SystemClock().now(), desk.trading_mode
        )
        newest = await desk.in_thread(desk.ledger.runs, 1, None, request.account or desk.account)
        if desk.trading_mode == "live" or (newest and newest[0].key.book == newest[0].key.account):
            await _held_up(desk, request, down, error)
        raise


async def _held_up(desk: Desk, request: RunRequest, session: BrokerSession, error: PortfolioError) -> None:
    account = request.account or desk.account
    if account is None:
        return
    clock = market_clock(session)
    key = key_of(desk, session, clock, account, request.slot, request.dry_run)
    claim = await desk.in_thread(desk.ledger.claim, key, desk.owner, desk.policy.hash, clock.now())
    if isinstance(claim, Claim):
        status = RunStatus.MISSED if too_late(desk, request.slot, clock) else RunStatus.NOT_READY
        await desk.in_thread(desk.ledger.abandon, claim, status, str(error), clock.now())
        if desk.calendar.session(clock.now()) is not None:
            await tell_failure(desk, key, status, error)


def key_of(desk: Desk, session: BrokerSession, clock: Clock, account: str, slot: str, dry_run: bool) -> RunKey:
    """The account's slot of the day that it is at the broker."""
    book = f"{account}@{session.simulation.world}" if session.simulation else account
    return RunKey(book, account, desk.calendar.local_date(clock.now()), slot, dry_run)


def by_hand(desk: Desk, account: str | None) -> None:
    """A scheduled run goes by the first account of the settings; a person who has several says which."""
    if named(account) is None and len(desk.accounts) > 1:
        raise UsageError(
            f"IBKR_ACCOUNT_ID names {len(desk.accounts)} accounts and none is meant by itself",
            f"Name one ({HOW}): {', '.join(desk.accounts)}",
        )


def _account(desk: Desk, request: RunRequest, session: BrokerSession) -> str:
    wanted = request.account or desk.account
    if wanted is None:
        if len(session.accounts) == 1:
            return session.accounts[0]
        raise UsageError(
            f"the session has {len(session.accounts)} accounts and none is named",
            f"Name one (--account, ?account= or IBKR_ACCOUNT_ID): {', '.join(session.accounts)}",
        )
    if wanted not in session.accounts:
        raise UsageError(f"account {masked(wanted)} is not one of this session's", "Check IBKR_ACCOUNT_ID or ?account=")
    return wanted


@asynccontextmanager
async def _lease_kept(desk: Desk, run: Run, claim: Claim) -> AsyncIterator[None]:
    """Renews the lease while the work goes on, and not after it; when it cannot, the fence stops the next write.

    Work that is told to stop gives the lease back.
    """
    over = asyncio.Event()

    async def renew() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), desk.lease_seconds / 3)
            if not over.is_set():
                await _renewed(desk, claim)

    heartbeat = asyncio.create_task(renew(), name="lease")
    try:
        try:
            yield
        finally:
            over.set()
            # A renewal that is under way would hold the lease of a run that has ended.
            await asyncio.gather(heartbeat, return_exceptions=True)
    except asyncio.CancelledError:
        await _let_go(desk, run, claim)
        raise


async def _renewed(desk: Desk, claim: Claim) -> None:
    try:
        await desk.in_thread(desk.ledger.renew, claim)
    except Fenced:
        raise
    except LedgerError as error:
        # The database may answer again before the lease has lapsed.
        _logger.warning("the lease of run %s is not renewed: %s", claim.run_id, error)
