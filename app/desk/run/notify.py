"""What a person is told, as the policy's `notifications` wish: put down in the ledger, and sent from there.

It never holds up, fails or repeats a run, and tells of each event once, however often the run is resumed. No text
carries an account id or a token.
"""

import logging
from datetime import UTC, datetime, timedelta

from app.desk.clock import market_clock
from app.desk.desk import Desk
from app.desk.records import Notice, RunKey, RunStatus
from app.desk.states import Decided, Evaluated, MarketRead, Run, evaluation_of
from app.domain.errors import LedgerError, OrderUncertain, PortfolioError
from app.domain.policy import Occasion
from app.domain.session import BrokerSession, SessionState

_logger = logging.getLogger(__name__)
_TITLES = {
    Occasion.RUN_FAILED: "the run failed",
    Occasion.NOT_READY: "the broker's session is not ready",
    Occasion.MISSED: "the day was missed",
    Occasion.HALTED: "trading is halted",
    Occasion.EXIT_BLOCKED: "an exit is due and cannot be ordered",
    Occasion.ORDER_UNCERTAIN: "it is unknown what became of an order",
    Occasion.APPROVAL_NEEDED: "orders wait for your approval",
    Occasion.APPROVAL_EXPIRED: "nobody approved in time",
    Occasion.REVIEW_DUE: "nobody has looked for long",
}
_ENDS = {
    RunStatus.HALTED: Occasion.HALTED,
    RunStatus.MISSED: Occasion.MISSED,
    RunStatus.NOT_READY: Occasion.NOT_READY,
    RunStatus.FAILED: Occasion.RUN_FAILED,
}


async def tell(
    desk: Desk, key: RunKey, occasion: Occasion, text: str, detail: str = "", title: str | None = None
) -> None:
    """Put down, where the policy names the occasion and an address. One notice a day, slot, occasion and `detail`."""
    if _is_told(desk, key, occasion):
        await put_down(desk, key, (occasion.value, detail), title or _TITLES[occasion], text)


async def put_down(desk: Desk, key: RunKey, what: tuple[str, ...], title: str, text: str) -> None:
    """One notice a day, slot and `what`; where it cannot be recorded the log says so, and nothing fails."""
    await _put_down(desk, key, (key.session_date.isoformat(), key.slot, *what), title, text)


async def _put_down(desk: Desk, key: RunKey, what: tuple[str, ...], title: str, text: str) -> None:
    title = f"{key.session_date} {key.slot}: {title}"
    try:
        await desk.in_thread(desk.ledger.add_notice, Notice("|".join((key.book, *what)), key.book, title, text))
    except LedgerError as error:
        _logger.error("%s: nobody is told: %s", title, error)


async def tell_end(desk: Desk, run: Run, status: RunStatus, note: str | None) -> None:
    """What a closed run has to tell."""
    if status is RunStatus.AWAITING_APPROVAL:
        waiting = sum(result.state == "PLANNED" for result in run.results)
        text = f"{waiting} orders wait. `portfolio show {run.run_id}`, then `portfolio approve {run.run_id}` or reject."
        await tell(desk, run.key, Occasion.APPROVAL_NEEDED, text, run.run_id)
    elif status in _ENDS:
        await tell(desk, run.key, _ENDS[status], note or status.value)
    await _tell_review(desk, run)
    blocked = run.market.untradable if isinstance(run, MarketRead) else {}
    evaluation = evaluation_of(run)
    for due in evaluation.exits_due if evaluation else ():
        if due.conid in blocked:
            text = f"{due.rule} of {due.symbol}: {blocked[due.conid]}. Look at it in the broker's own program."
            await tell(desk, run.key, Occasion.EXIT_BLOCKED, text, due.symbol)


async def _tell_review(desk: Desk, run: Run) -> None:
    """Once for each time that so many runs have sent orders since a person last looked."""
    seen = run.oversight if isinstance(run, Evaluated | Decided) else None
    most = desk.policy.approval.review_after_runs
    if seen is None or most == 0 or seen.runs_since_review < most or not _is_told(desk, run.key, Occasion.REVIEW_DUE):
        return
    count = seen.runs_since_review // most * most
    text = (
        f"{count} runs have sent orders since a person last looked; the policy wants a look every {most}. They go on. "
        "`portfolio resume --reason` says that you have looked."
    )
    what = (Occasion.REVIEW_DUE.value, str(seen.reviewed), str(count))
    await _put_down(desk, run.key, what, _TITLES[Occasion.REVIEW_DUE], text)


def _is_told(desk: Desk, key: RunKey, occasion: Occasion) -> bool:
    wanted = desk.policy.notifications
    return bool(wanted.urls) and occasion in wanted.on and not key.dry_run


async def tell_failure(desk: Desk, key: RunKey, status: RunStatus, error: PortfolioError) -> None:
    """What an attempt that came to nothing has to tell."""
    occasion = Occasion.ORDER_UNCERTAIN if isinstance(error, OrderUncertain) else _ENDS[status]
    await tell(desk, key, occasion, str(error))


async def remind(desk: Desk, session: BrokerSession, key: RunKey, minutes: int) -> None:
    """Before the exchange opens, while somebody can still log in in time; `minutes` 0 reminds nobody."""
    now = market_clock(session).now()
    today = desk.calendar.session(now)
    if session.state is SessionState.READY or today is None:
        return
    if not is_time_to_remind(now, today.opens, minutes):
        return
    where = f" Login page: {session.login_url}" if session.login_url else ""
    remedy = f" {session.remedy}" if session.remedy else ""
    opens = f"The exchange opens at {today.opens.astimezone(UTC):%H:%M} UTC."
    text = f"{opens} {session.state}: {session.message}.{remedy}{where}"
    await tell(desk, key, Occasion.NOT_READY, text, "reminder")


def is_time_to_remind(now: datetime, opens: datetime, minutes: int) -> bool:
    """In the last `minutes` before the exchange opens, and not once it is open."""
    return opens - timedelta(minutes=minutes) <= now < opens


async def deliver(desk: Desk) -> None:
    """Send what is due; what does not get through stays for the next time."""
    urls = desk.policy.notifications.urls
    if desk.notifier is None or not urls:
        return
    try:
        for notice in await desk.in_thread(desk.ledger.take_notices):
            if await desk.notifier.send(urls, notice.title, notice.body):
                await desk.in_thread(desk.ledger.notice_delivered, notice.key)
            else:
                _logger.warning("not delivered yet: %s", notice.title)
    except LedgerError as error:
        _logger.error("notices could not be read: %s", error)
