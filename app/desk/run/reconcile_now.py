"""Reconciling by itself, when a person asks for it or halts trading: it records what is, and sends nothing."""

from dataclasses import replace

from app.desk.accounts import masked
from app.desk.desk import Desk, Progress, silent
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.cancel_buys import cancel_open_buys
from app.desk.run.carry_out import carry_out
from app.desk.run.claim import claim_run
from app.desk.run.close import close_and_tell
from app.desk.run.end import End
from app.desk.run.open_attempt import open_attempt_by_hand
from app.desk.run.unfinished import reconcile_books
from app.desk.states import Run
from app.domain.errors import PortfolioError
from app.domain.ruling import KillLevel
from app.domain.slots import RECONCILE_SLOT


async def reconcile_now(desk: Desk, account: str | None = None, progress: Progress = silent) -> RunResult:
    """Settle what the broker's books tell of open orders; under HALTED own open buys are cancelled, too."""
    attempt = await open_attempt_by_hand(desk, RunRequest(account, RECONCILE_SLOT))
    run = await claim_run(desk, attempt.without_dry_run(), progress)
    if isinstance(run, RunResult):
        return run
    return await close_and_tell(desk, await carry_out(desk, run, _reconcile))


async def _reconcile(desk: Desk, run: Run) -> End:
    run = await reconcile_books(desk, run)
    control = await desk.in_thread(desk.ledger.level, run.key.book)
    if control.level is not KillLevel.HALTED:
        return End(run, RunStatus.RECONCILED)
    count = await cancel_open_buys(desk, run)
    note = f"trading is halted; {count} open buys were asked to be cancelled"
    return End(replace(run, level=control), RunStatus.RECONCILED, note)


async def cancel_buys_after_halt(desk: Desk, account: str | None) -> str:
    """What became of our open buys, in words, in that account or in each that the broker's session has.

    Halting does not wait for a broker that cannot be reached; a person is told what was not done.
    """
    try:
        accounts = (account,) if account else (await desk.broker.session()).accounts
    except PortfolioError as error:
        return f"not cancelled: {error}"
    if len(accounts) < 2:
        return await _cancel_buys_of(desk, *accounts)
    return "; ".join([f"{masked(each)}: {await _cancel_buys_of(desk, each)}" for each in accounts])


async def _cancel_buys_of(desk: Desk, account: str | None = None) -> str:
    try:
        done = await reconcile_now(desk, account)
    except PortfolioError as error:
        return f"not cancelled: {error}"
    if done.report is None:
        return f"not cancelled: run {done.run_id} is at work on the account; `portfolio reconcile` when it has ended"
    return str(done.report["note"])
