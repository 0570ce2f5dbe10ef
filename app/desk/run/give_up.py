"""The end of a run that failed before it could be closed: on record, and told, before the caller hears of it."""

from contextlib import suppress

from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.late_end import abandon_later
from app.desk.run.notify import tell_failure
from app.desk.states import Run
from app.domain.errors import LedgerError, LedgerUnavailable, NotReady, PortfolioError


async def give_up(desk: Desk, run: Run, error: PortfolioError) -> None:
    """Raises nothing that would hide `error`, which may be an order of unknown fate."""
    # What cannot be recorded must not keep the end from being recorded.
    run.journal.keep_to_the_run()
    with suppress(LedgerError):
        await run.journal.flush()
    status = RunStatus.NOT_READY if isinstance(error, NotReady) else RunStatus.FAILED
    try:
        await desk.in_thread(desk.ledger.abandon, run.own_claim, status, str(error), run.clock.now())
    except LedgerUnavailable as unrecorded:
        run.progress(f"the end of run {run.run_id} is not on record: {unrecorded}")
        abandon_later(desk, run, status, error)
    await tell_failure(desk, run.key, status, error)


def recordable(error: Exception) -> PortfolioError:
    """As it can be put on record: the words of an error that nobody foresaw may hold anything, account ids too."""
    if isinstance(error, PortfolioError):
        return error
    return PortfolioError(f"the program itself failed ({type(error).__name__})", "The log has the trace: report it")
