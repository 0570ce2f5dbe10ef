"""The claim of a run: one caller works on an account's slot of a day, and its events are that run's."""

from collections.abc import Sequence

from app.desk.desk import Desk, Progress
from app.desk.journal import Journal
from app.desk.ports import Clock
from app.desk.records import Busy, Claim, Done, Event, RunStatus
from app.desk.run.attempt import Attempt, RunResult
from app.desk.states import Run


async def claim_run(desk: Desk, attempt: Attempt, progress: Progress) -> Run | RunResult:
    """The run with its claim, or the result of whoever has the key."""
    now = attempt.clock.now()
    claim = await desk.in_thread(desk.ledger.claim, attempt.key, desk.owner, desk.policy.hash, now)
    if isinstance(claim, Busy):
        return RunResult(claim.run_id, RunStatus.RUNNING, None, lease=claim.lease)
    if isinstance(claim, Done):
        return RunResult(claim.run_id, claim.status, claim.report)
    return attempt.open_run(claim.run_id, _journal_of(desk, claim, attempt.clock), claim, progress)


async def reopen_run(desk: Desk, run_id: str, attempt: Attempt, progress: Progress) -> Run:
    """A run that waits for a person, claimed anew."""
    claim = await desk.in_thread(desk.ledger.reopen, run_id, desk.owner, attempt.clock.now())
    return attempt.open_run(run_id, _journal_of(desk, claim, attempt.clock), claim, progress)


def _journal_of(desk: Desk, claim: Claim, clock: Clock) -> Journal:
    """A journal whose events go to the claimed run."""

    async def write(events: Sequence[Event]) -> None:
        await desk.in_thread(desk.ledger.record, claim, events, clock.now())

    async def write_beside(events: Sequence[Event]) -> None:
        await desk.in_thread(desk.ledger.record, claim, events, clock.now(), patient=False)

    return Journal(write, write_beside if desk.events_at_once else None)
