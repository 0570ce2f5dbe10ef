"""A preview that nobody scheduled: it sees and previews everything, claims nothing and can send nothing."""

from collections.abc import Sequence
from dataclasses import replace

from app.desk.desk import Desk, Progress, silent
from app.desk.journal import Journal
from app.desk.records import Event
from app.desk.run.attempt import RunRequest
from app.desk.run.open_attempt import open_attempt
from app.desk.states import EffectiveMode, Run
from app.domain.errors import UsageError
from app.domain.policy import Mode
from app.domain.slots import PREVIEW_SLOT


async def open_preview(desk: Desk, run_id: str, progress: Progress = silent) -> Run:
    """The run before its first stage. Raises what `open_attempt` raises."""
    try:
        attempt = await open_attempt(desk, RunRequest(slot=PREVIEW_SLOT, dry_run=True))
    except UsageError as error:
        # Nobody who could be told the choices asks: they would only reach a log.
        raise UsageError(error.cause, "Set IBKR_ACCOUNT_ID to the one to look at") from None
    mode = EffectiveMode(Mode.PREVIEW, Mode.PREVIEW.value, "no scheduled run: everything is previewed")

    async def observe(events: Sequence[Event]) -> None:
        await desk.in_thread(desk.ledger.observe, attempt.key.book, events, attempt.clock.now())

    return replace(attempt, mode=mode).open_run(run_id, Journal(observe), progress=progress)
