"""How work on a run ended."""

from dataclasses import dataclass

from app.desk.records import RunStatus
from app.desk.states import Executed, Run


@dataclass(frozen=True, slots=True)
class End:
    """The state that the run came to, and what it is closed as; `note` tells people why."""

    run: Run
    status: RunStatus
    note: str | None = None


def end_of(run: Executed) -> End:
    """Of a run that went through its last stage."""
    if run.key.dry_run:
        return End(run, RunStatus.DRY_RUN, run.note)
    return End(run, RunStatus.AWAITING_APPROVAL if run.awaiting_approval else RunStatus.DONE, run.note)
