"""The kill level in force after a day was measured. What raises it is the engine's to say; a person lowers it."""

from app.desk.desk import Desk
from app.desk.records import Control, Oversight
from app.desk.states import Run
from app.domain.evaluation import Evaluation
from app.domain.ruling import KillLevel
from app.engine import reason_to_reduce


async def level_in_force(desk: Desk, run: Run, evaluation: Evaluation, found: Oversight) -> Control:
    """The level after what this run measured; a preview says what it would be and changes nothing."""
    reason = reason_to_reduce(desk.policy, evaluation, found.runs_since_review)
    if reason is None or found.control.level is not KillLevel.ACTIVE:
        return found.control
    if run.claim is None or run.key.dry_run:
        return Control(KillLevel.REDUCING, reason, "automatic", run.clock.now())
    run.progress(f"from now on exits only, until a person resumes: {reason}")
    await run.journal.flush()
    return await desk.in_thread(desk.ledger.tighten, run.key.book, KillLevel.REDUCING, reason, run.clock.now())
