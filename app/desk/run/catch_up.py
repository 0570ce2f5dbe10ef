"""Runs the day that the broker's session held up, as soon as somebody has logged in.

The ledger knows such a day, so that a restart forgets none; its claim keeps it one run, whoever else runs it too. Must
never start a day that nobody has asked for.
"""

import logging

from app.desk.clock import market_clock
from app.desk.desk import Desk, Progress, silent
from app.desk.records import RunKey
from app.desk.run.attempt import RunRequest, RunResult, key_of, too_late
from app.desk.run.daily import run_daily
from app.desk.run.mode import effective_mode
from app.desk.run.notify import remind
from app.desk.stages.pipeline import PerformStages, perform_stages
from app.domain.errors import NotReady, PortfolioError
from app.domain.policy import Mode
from app.domain.session import BrokerSession, SessionState
from app.domain.slots import DAILY_SLOT, latest_starts

_logger = logging.getLogger(__name__)


async def catch_up(
    desk: Desk, session: BrokerSession, perform: PerformStages = perform_stages, progress: Progress = silent
) -> tuple[RunResult, ...]:
    """The runs that could be made up for now; after the latest start of their slot they are put on record as missed.

    Raises what a run raises, after the other accounts' turn, but for a session that is lost again: then the day still
    waits.
    """
    clock, ready = market_clock(session), session.state is SessionState.READY
    due = [slot for slot in latest_starts(desk.policy) if ready or too_late(desk, slot, clock)]
    made: list[RunResult] = []
    failed: PortfolioError | None = None
    for key in [key for slot in due for key in await _held_up_days(desk, session, slot)]:
        _logger.warning("the %s run of %s is made up for", key.slot, key.session_date)
        try:
            made.append(await run_daily(desk, RunRequest(key.account, key.slot), perform, progress))
        except NotReady as error:
            _logger.warning("it cannot run: %s", error)
        except PortfolioError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return tuple(made)


async def login_missing(desk: Desk, session: BrokerSession, minutes: int) -> None:
    """Have a person reminded, `minutes` before the exchange opens, that nobody has logged in."""
    key = key_of(desk, session, market_clock(session), desk.account or "", DAILY_SLOT, dry_run=False)
    await remind(desk, session, key, minutes)


async def _held_up_days(desk: Desk, session: BrokerSession, slot: str) -> tuple[RunKey, ...]:
    """Those of the account and the world that the broker's session is of."""
    clock = market_clock(session)
    previews = effective_mode(desk.policy, desk.trading_mode, False, session).mode is Mode.PREVIEW
    today = desk.calendar.local_date(clock.now())
    found = await desk.in_thread(desk.ledger.held_up, today, slot, previews=previews)
    return tuple(
        key
        for key in found
        if (not desk.configured or key.account in desk.configured)
        # Whoever asks while nobody is logged in may name an account that no login has.
        and (session.state is not SessionState.READY or key.account in session.accounts)
        and key.book == key_of(desk, session, clock, key.account, key.slot, dry_run=False).book
    )
