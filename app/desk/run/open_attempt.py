"""Opens an attempt, once the broker's session can be worked with.

A session that needs a person is on record for the day that it holds up, so that the day can be made up for.
"""

from typing import NoReturn

from app.desk.accounts import HOW, named, stranger
from app.desk.clock import SystemClock, market_clock
from app.desk.desk import Desk
from app.desk.readiness import not_ready
from app.desk.records import Claim, RunStatus
from app.desk.run.attempt import Attempt, RunRequest, key_of, too_late
from app.desk.run.mode import effective_mode
from app.desk.run.notify import tell_failure
from app.domain.errors import BrokerUnavailable, PortfolioError, UsageError
from app.domain.policy import Mode
from app.domain.session import BrokerSession, SessionState


async def open_attempt(desk: Desk, request: RunRequest) -> Attempt:
    """Raises NotReady while the broker's session needs a person, UsageError for a request that cannot be served."""
    named(request.account)
    broker_session = await _ask_session(desk, request)
    if broker_session.state is not SessionState.READY:
        await _refuse_unready(desk, request, broker_session)
    account = _account(desk, request, broker_session)
    mode = effective_mode(desk.policy, desk.trading_mode, request.dry_run, broker_session)
    clock = market_clock(broker_session)
    key = key_of(desk, broker_session, clock, account, request.slot, dry_run=mode.mode is Mode.PREVIEW)
    return Attempt(key, mode, broker_session, desk.calendar.session(clock.now()), clock)


async def open_attempt_by_hand(desk: Desk, request: RunRequest) -> Attempt:
    """A scheduled run goes by the first account of the settings; a person who has several says which."""
    if named(request.account) is None and len(desk.accounts) > 1:
        raise UsageError(
            f"IBKR_ACCOUNT_ID names {len(desk.accounts)} accounts and none is meant by itself",
            f"Name one ({HOW}): {', '.join(desk.accounts)}",
        )
    return await open_attempt(desk, request)


async def _refuse_unready(desk: Desk, request: RunRequest, session: BrokerSession) -> NoReturn:
    """Put the attempt on record where the account is known, and tell the caller who must act."""
    error = not_ready(session)
    await _record_held_up(desk, request, session, error)
    raise error


async def _ask_session(desk: Desk, request: RunRequest) -> BrokerSession:
    """Raises BrokerUnavailable, on record only where the broker is surely real: a simulated one's date is unknown."""
    try:
        return await desk.broker.session()
    except BrokerUnavailable as error:
        down = BrokerSession(
            SessionState.DOWN, error.cause, error.remedy, (), None, SystemClock().now(), desk.trading_mode
        )
        newest = await desk.in_thread(desk.ledger.runs, 1, None, request.account or desk.account)
        if desk.trading_mode == "live" or (newest and newest[0].key.book == newest[0].key.account):
            await _record_held_up(desk, request, down, error)
        raise


async def _record_held_up(desk: Desk, request: RunRequest, session: BrokerSession, error: PortfolioError) -> None:
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
        raise stranger(wanted, session.accounts)
    return wanted
