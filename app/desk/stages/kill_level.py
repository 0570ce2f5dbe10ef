"""Kill levels: raised by themselves, lowered by a person.

Losing more than the policy allows leaves exits only; so does running for long without a person having looked.
"""

from app.desk.desk import Desk
from app.desk.records import Control
from app.desk.states import Run
from app.domain.evaluation import Evaluation
from app.domain.ruling import KillLevel

# Breaches after which only exits go until a person resumes.
REDUCING_METRICS = ("daily_loss", "drawdown", "var_95_1d")


async def level_in_force(desk: Desk, run: Run, evaluation: Evaluation) -> Control:
    """The level after what this run measured; a preview says what it would be and changes nothing."""
    found = await desk.in_thread(desk.ledger.oversight, run.key.book)
    reason = _reason_to_reduce(desk, found.runs_since_review, evaluation)
    if reason is None or found.level.level is not KillLevel.ACTIVE:
        return found.level
    if run.claim is None or run.key.dry_run:
        return Control(KillLevel.REDUCING, reason, "automatic", run.clock.now())
    run.progress(f"from now on exits only, until a person resumes: {reason}")
    return await desk.in_thread(desk.ledger.tighten, run.key.book, KillLevel.REDUCING, reason, run.clock.now())


def _reason_to_reduce(desk: Desk, sent: int, evaluation: Evaluation) -> str | None:
    for name in REDUCING_METRICS:
        metric = evaluation.metric(name)
        if metric.breached and metric.value is not None and metric.limit is not None:
            return f"{name} is {metric.value:.1%}, limit {metric.limit:.1%}"
    most = desk.policy.approval.review_after_runs
    return f"{sent} runs sent orders since a person last looked, limit {most}" if sent >= most else None
