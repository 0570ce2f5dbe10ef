"""The kill level in force after a day was measured. What raises and lowers it is the engine's to say."""

from app.desk.desk import Desk
from app.desk.records import Control, Oversight
from app.desk.states import MarketRead
from app.domain.evaluation import Evaluation
from app.domain.ruling import KillLevel
from app.engine import Standing, standing_after
from app.engine.levels import in_words


async def level_in_force(desk: Desk, run: MarketRead, evaluation: Evaluation, found: Oversight) -> Control:
    """The level after what this run measured; a preview says what it would be and changes nothing."""
    seen, now = found.control, run.clock.now()
    before = Standing(seen.level, seen.causes)
    after = standing_after(before, evaluation, run.key.session_date, run.memory.acknowledged)
    if after.level is before.level and set(after.causes) <= set(before.causes):
        return seen
    lowers = after.level is KillLevel.ACTIVE
    reason = _lowered(before, evaluation) if lowers else in_words(after.causes)
    if run.claim is None or run.key.dry_run:
        return Control(after.level, reason, "automatic", now, after.causes)
    run.progress(f"purchases may go again: {reason}" if lowers else f"from now on exits only: {reason}")
    await run.journal.flush()
    if lowers:
        return await desk.in_thread(desk.ledger.ease, run.key.book, seen, reason, now)
    return await desk.in_thread(desk.ledger.tighten, run.key.book, after.level, reason, now, after.causes)


def _lowered(before: Standing, evaluation: Evaluation) -> str:
    metrics = (evaluation.metric(cause.metric) for cause in before.causes)
    inside = (f"{one.name} is {one.value or 0:.1%}, limit {one.limit or 0:.1%}" for one in metrics)
    return f"inside its limit again: {'; '.join(inside)}"
