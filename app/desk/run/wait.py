"""Waiting for what a run needs before it can begin: a person's login, or its turn after another run of the account."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.desk.desk import Desk, Progress
from app.desk.run.attempt import RunResult, too_late
from app.domain.errors import Fenced, NotReady, OutOfTime, RunAtWork
from app.domain.slots import DAILY_SLOT

LOGIN_SECONDS = 60.0
TURN_SECONDS = 1.0
# Longer than a run and a lease together.
LONGEST_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Patience:
    """What a caller waits for. A login is waited for until the slot's latest start, `seconds` in all where given."""

    login: bool = False
    turn: bool = False
    seconds: float | None = None


async def wait_and_start(
    desk: Desk,
    start: Callable[[], Awaitable[RunResult]],
    patience: Patience,
    progress: Progress,
    slot: str = DAILY_SLOT,
) -> RunResult:
    """What `start` gives once it can begin. It begins anew each time, so that it sees what has changed meanwhile.

    Raises OutOfTime when the seconds have passed, and whatever is not waited for.
    """
    began = desk.steady()
    while True:
        try:
            found = await _start_or_find(start, progress) if patience.turn else await start()
        except NotReady as error:
            # By the machine's time: without a session the broker's is not known.
            if not patience.login or too_late(desk, slot, desk):
                raise
            progress(f"waiting for the broker's session: {error}")
            _require_time(desk, began, patience.seconds, str(error.cause))
            await desk.sleep(LOGIN_SECONDS)
            continue
        if isinstance(found, RunResult):
            return found
        seconds = LONGEST_SECONDS if patience.seconds is None else patience.seconds
        await _wait_for_end(desk, found, began, seconds, progress)


async def _start_or_find(start: Callable[[], Awaitable[RunResult]], progress: Progress) -> RunResult | str:
    """The result, or the id of the run whose end must be waited for."""
    while True:
        try:
            result = await start()
        except RunAtWork as error:
            return error.run_id
        except Fenced as error:
            # Another process goes on with the run: it is found at work, or done.
            progress(str(error))
        else:
            return result if result.report is not None else result.run_id


async def _wait_for_end(desk: Desk, run_id: str, began: float, seconds: float, progress: Progress) -> None:
    """Until the run has ended, or nobody is at work on it."""
    said = None
    while True:
        record = await desk.in_thread(desk.ledger.run, run_id)
        if record is None or record.lease is None or record.lease.lapsed:
            return
        words = f"run {run_id} is in progress elsewhere; {lease_words(record.lease.seconds)}"
        _require_time(desk, began, seconds, words)
        if record.lease.until != said:
            progress(f"{words}; waiting for it")
        said = record.lease.until
        await desk.sleep(TURN_SECONDS)


def lease_words(seconds: float) -> str:
    """Until when a lease holds, by this machine's clock, whatever the ledger's."""
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).astimezone()
    return f"its lease holds until {until:%H:%M:%S} ({seconds:.0f} s)"


def _require_time(desk: Desk, began: float, seconds: float | None, words: str) -> None:
    if seconds is not None and desk.steady() - began >= seconds:
        raise OutOfTime(f"{seconds:g} s have passed: {words}", "Nothing was begun; give more time with --timeout")
